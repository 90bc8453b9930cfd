"""A draft explained."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta
from starlette.responses import Response

from p0_access.messages.records import MAX_SQL_BYTES, Name, Text, Ttl, What
from p0_access.messages.views import Explained
from p0_server.api.operation import Call, Operation, answer

Sql = Annotated[str, Meta(max_length=MAX_SQL_BYTES)]


class ExplainBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SQL that somebody may ask for. `ttl` is in seconds; `break_glass`: as an emergency."""

    database: Name
    statements: Annotated[tuple[Sql, ...], Meta(min_length=1, max_length=64)]
    search_path: Annotated[tuple[Name, ...], Meta(max_length=16)] | None = None
    ttl: Ttl | None = None
    reason: Text | None = None
    break_glass: bool = False


async def explain(call: Call) -> Response:
    body: ExplainBody = call.body
    what = What(statement=body.statements, search_path=UNSET if body.search_path is None else body.search_path)
    preview, catalog = await call.services.submission.explain(
        call.person, body.database, what, ttl=body.ttl, reason=body.reason or "", break_glass=body.break_glass
    )
    explained = Explained(
        statements=preview.statements,
        decision=preview.decision,
        catalog_version=catalog.version,
        rules_sha256=preview.rules_sha256,
    )
    return answer(explained)


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/explain",
        name="explain",
        summary="What SQL needs and how the server would route it. No request is made; the agent may decide otherwise.",
        handler=explain,
        body=ExplainBody,
        answers={200: Explained},
        errors=(404, 422, 503),
    ),
)
