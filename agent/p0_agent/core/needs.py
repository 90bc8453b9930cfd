"""Step 7: what a request needs, as one question to the rules. SQL that is not understood is refused, with its place."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET

from p0_access.messages.records import ReachedObject, Request
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, ReadingWarning
from p0_access.routing.decision import Question, Requestor
from p0_access.routing.question import ask
from p0_agent.core import ceiling, owning
from p0_agent.core.context import Context
from p0_agent.errors import Step, at


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """`question.granted` is the settled set: what is routed, approved and granted."""

    question: Question
    objects: tuple[ReachedObject, ...]
    warnings: tuple[ReadingWarning, ...]


async def read(request: Request, requestor: Requestor, context: Context) -> Needs:
    with at(Step.READING):
        if request.what.role is not UNSET:
            ceiling.check_role(request.what.role, context.ceiling)
        reading = await context.reader.read(request.database, request.what)
        if request.what.role is not UNSET:
            schemas = frozenset(context.cluster.databases[request.database])
            ceiling.check_reach(reading.reached, context.ceiling, schemas=schemas)
        await owning.check(request.database, (*reading.needed, *reading.reached), context)
        question = ask(
            context.rules,
            reading.catalog,
            requestor=requestor,
            kind=request.what.kind,
            granted=reading.needed,
            reached=reading.reached,
            reach_unknown=reading.reach_unknown,
            ttl=request.ttl,
            reason=request.reason,
            break_glass=request.break_glass,
            at=datetime.fromtimestamp(context.now(), UTC),
        )
    return Needs(question=question, objects=reading.objects, warnings=reading.warnings)


def search_path(request: Request) -> tuple[str, ...]:
    """What gave the SQL its meaning, and is set for the login, too."""
    path = request.what.search_path
    return DEFAULT_SEARCH_PATH if path is UNSET else path
