"""The agents' side: they call, and are never called."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from p0_access.errors import MalformedError
from p0_access.messages.job import AgentReport, Announcement, CatalogUpload, Job, Result
from p0_server.api.operation import Call, Operation, answer
from p0_server.version import VERSION

MAX_CATALOG_BYTES: Final = 64 * 1024 * 1024


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wait`: seconds to hold the call until there is a job. `first`: the agent has just started, and what it had in
    hand before comes again, without waiting for its lease to end."""

    wait: Annotated[int, Meta(ge=0, le=30)] = 0
    first: bool = False


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    jobs: tuple[Job, ...]


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """The server's version, and the SHA-256 of its own rules: the agent's should be the same."""

    server: str
    rules_sha256: str


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """Done."""


async def announce(call: Call) -> Response:
    await call.services.agents.announce(call.agent, call.body)
    return await standing(call)


async def standing(call: Call) -> Response:
    return answer(Announced(server=VERSION, rules_sha256=call.services.databases.rules_sha256))


async def claim(call: Call) -> Response:
    body: ClaimBody = call.body
    jobs = await call.services.agents.claim(call.agent, body.wait, first=body.first, gone=call.http.is_disconnected)
    return answer(Claimed(jobs=jobs))


async def results(call: Call) -> Response:
    await call.services.agents.result(call.agent, call.body)
    return answer(Nothing())


async def reports(call: Call) -> Response:
    await call.services.agents.report(call.agent, call.body)
    return answer(Nothing())


async def publish(call: Call) -> Response:
    await call.services.agents.publish(call.agent, call.path("database"), call.body)
    return answer(Nothing())


def _parse_large(body: bytes, type_: Any) -> Any:
    """A catalog is too large for the strict parser. What matters in it is signed, and its shape is checked."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError as error:
        raise MalformedError(str(error), code="malformed_record") from error


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/agent/announce",
        name="announce",
        summary="Say which databases an agent serves, and by which rules.",
        handler=announce,
        caller="agent",
        body=Announcement,
        answers={200: Announced},
        errors=(403,),
    ),
    Operation(
        method="GET",
        path="/v1/agent/standing",
        name="standing",
        summary="What an agent's doctor asks: whether the server knows the agent, and by which rules it goes.",
        handler=standing,
        caller="agent",
        answers={200: Announced},
        errors=(403,),
    ),
    Operation(
        method="POST",
        path="/v1/agent/claim",
        name="claim",
        summary="Take jobs, each under a lease of 60 seconds.",
        handler=claim,
        caller="agent",
        body=ClaimBody,
        answers={200: Claimed},
        errors=(403,),
    ),
    Operation(
        method="POST",
        path="/v1/agent/results",
        name="results",
        summary="Answer a job. Sending the same answer again is harmless.",
        handler=results,
        caller="agent",
        body=Result,
        answers={200: Nothing},
        errors=(403, 404, 409, 422),
    ),
    Operation(
        method="POST",
        path="/v1/agent/reports",
        name="reports",
        summary="Tell of an access that the agent ended by itself.",
        handler=reports,
        caller="agent",
        body=AgentReport,
        answers={200: Nothing},
        errors=(403, 404, 422),
    ),
    Operation(
        method="PUT",
        path="/v1/agent/catalogs/{database}",
        name="publish",
        summary="Publish a database's catalog.",
        handler=publish,
        caller="agent",
        body=CatalogUpload,
        max_body=MAX_CATALOG_BYTES,
        parse=_parse_large,
        answers={200: Nothing},
        errors=(403, 422),
    ),
)
