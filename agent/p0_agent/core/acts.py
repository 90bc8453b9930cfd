"""Steps 1 to 5 with the core's own context, and the records that a request already has."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Act, Admission, Request
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity
from p0_agent.core.context import Context
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry
from p0_agent.verification.acts import VerifiedAct, verify

ActT = TypeVar("ActT", bound=Act)


async def verified(unverified: SignedAct, type_: type[ActT], context: Context) -> VerifiedAct[ActT]:
    """An act of a known person, with the groups that the agent's own directory adds, for this agent, signed since its
    ledger began."""
    found = await verify(
        unverified,
        type_,
        audience=context.audience,
        issuers=context.issuers,
        key_source=context.key_source,
        aliases=context.aliases,
        now=context.now(),
    )
    if found.act.iat < context.not_before:
        raise RefusedError(
            "this was signed before the agent's ledger began",
            step=Step.SIGNATURE,
            code="before_ledger",
            hint="Ask again.",
        )
    of = found.person.subject
    groups = context.directory.extended(found.person.groups, iss=of.iss, sub=of.sub, email=of.email)
    return msgspec.structs.replace(found, person=msgspec.structs.replace(found.person, groups=groups))


async def known(unverified_request: SignedAct, context: Context, *, step: Step) -> Entry:
    """The ledger's row of the request that a job names. What the job says besides is not used."""
    with at(step):
        entry = await context.cluster.ledger.get(jws.record_hash(unverified_request.record))
    if entry is None:
        raise RefusedError("this agent does not know the request", step=step, code="ledger_unknown")
    return entry


def request_of(entry: Entry) -> Request:
    """The request as the ledger has it; it was verified before it was written there."""
    return jws.unverified_record(entry.request, Request)


def admission_of(entry: Entry, context: Context) -> Admission:
    """The agent's own admission; a row whose admission it did not sign is no row of its own."""
    if entry.admission is None:
        raise RefusedError("the request is not admitted yet", step=Step.APPROVALS, code="not_admitted")
    with at(Step.APPROVALS):
        return jws.verify(entry.admission, Admission, context.key.public).record


def check_signed_in(person: VerifiedIdentity) -> None:
    """Whoever decides about others signed in with a browser; who was talked into pasting something decides nothing."""
    if person.pasted:
        raise RefusedError(
            "who pasted their sign-in does not approve",
            step=Step.APPROVALS,
            code="pasted_session",
            hint="Approve where your browser is.",
        )
