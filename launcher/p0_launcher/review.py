"""What an approver verifies before signing anything, in their own terminal:

1  the admission is signed by an agent whose key the profile pins
2  it admits exactly the request whose SQL is shown
3  it has not ended

Who asks, and for what, is the agent's signed word; the server's views only help to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal

import msgspec

from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Admission, Approval, Request
from p0_access.messages.views import RequestView, State
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.routing.decision import Denied, NeedsApproval, StepUp
from p0_launcher.access import pinned_key
from p0_launcher.acts import audience
from p0_launcher.api import Api
from p0_launcher.errors import LauncherError, UnverifiedError, UsageError
from p0_launcher.session import Session, own_claims
from p0_launcher.stepping_up import ANY, handed_in

PROMPT_SECONDS: Final = 2
"""In which an agent that is there has usually answered to a decision."""

PATIENT_SECONDS: Final = 8
"""How long it is waited for after that, while the server has heard of it lately."""


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that the server has, and the agent has not answered to. It counts if the agent gets it before `until`
    (seconds since the epoch). `online` is the server's word."""

    rid: str
    online: bool
    until: int


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its agent admitted it, verified. `ah` names the admission; `ttl` is the most that can be given."""

    rid: str
    agent: str
    request: Request
    admission: Admission
    ah: str
    ttl: int
    decision: NeedsApproval

    @property
    def requestor(self) -> str:
        """For people: the verified address, else the subject."""
        return self.admission.subject.email or self.admission.subject.sub


def admitted(view: RequestView, *, pins: Collection[str]) -> jws.Verified[Admission]:
    """The agent's admission of this request: steps 1 and 2."""
    key = pinned_key(view.agent, pins)
    if view.admission is None:
        raise UsageError(
            f"{view.rid} is {view.state}: its agent has not admitted it",
            code="not_admitted",
            hint=view.message or f"p0 show {view.rid} --watch",
        )
    verified = jws.verify(view.admission, Admission, key)
    if verified.record.rh != jws.record_hash(view.request):
        raise UnverifiedError("the server shows another request than the agent admitted", code="admission_request")
    return verified


def as_signed(view: RequestView, admission: Admission) -> RequestView:
    """`view` with who, where and why as requestor and agent signed it, and without what is the server's word alone, as
    far as it could be taken for that. `admission` is verified, and of this request."""
    request = jws.unverified_record(view.request, Request)
    if request.rid != view.rid:
        raise UnverifiedError("the server shows this request under another name", code="admission_request")
    return msgspec.structs.replace(
        view,
        kind="request",
        database=request.database,
        requestor=admission.subject,
        reason=request.reason,
        login=None,
        message=None,
        hint=None,
        struck=(),
    )


def review(view: RequestView, *, pins: Collection[str], now: int) -> Review:
    """Everything an approver decides on, verified, or why there is nothing to decide."""
    admission = admitted(view, pins=pins)
    request = jws.unverified_record(view.request, Request)  # step 2 bound these bytes to the agent's signature
    if request.rid != view.rid or request.aud != audience(view.agent.thumbprint):
        raise UnverifiedError("the server shows this request under another name", code="admission_request")
    if admission.record.exp <= now:
        raise UsageError(f"{view.rid} has lapsed", code="admission_ended", hint="It has to be asked for again")
    decision = admission.record.rules.decision
    if isinstance(decision, Denied):
        raise UsageError(
            f"{view.rid} is denied by the rules: {'; '.join(decision.reasons)}",
            code="denied_by_rules",
            hint="Nobody is asked; the rules would have to change",
        )
    if not isinstance(decision, NeedsApproval):
        raise UsageError(
            f"{view.rid} needs no approval: the rules grant it", code="automatic", hint="p0 show ID tells how it stands"
        )
    return Review(
        rid=request.rid,
        agent=view.agent.thumbprint,
        request=request,
        admission=admission.record,
        ah=admission.hash,
        ttl=decision.ttl,
        decision=decision,
    )


async def decide(
    api: Api,
    session: Session,
    reviewed: Review,
    decision: Literal["approve", "deny"],
    *,
    permissions: Sequence[Permission] | None = None,
    ttl: int | None = None,
    comment: str = "",
    on_unanswered: Callable[[Unanswered], None] = lambda _: None,
) -> RequestView:
    """Signs the decision on what was reviewed and hands it in. `permissions` and `ttl` may narrow it, never widen.

    Where the agent does not answer at once, `on_unanswered` is told that the server has it; an agent that is there is
    then waited for, one that is away is not."""
    granted = reviewed.admission.permissions if permissions is None else tuple(permissions)
    if not set(granted) <= set(reviewed.admission.permissions):
        raise UsageError("an approval cannot add permissions", code="approval_wider", hint="Narrow it, or deny it")

    async def signed() -> SignedAct:
        signer = await session.signer()
        return signer.sign_approval(
            agent=reviewed.agent,
            ah=reviewed.ah,
            decision=decision,
            permissions=granted,
            ttl=reviewed.ttl if ttl is None else min(ttl, reviewed.ttl),
            comment=comment,
        )

    async def send(act: SignedAct) -> RequestView:
        view = await api.approve(reviewed.rid, act, wait=PROMPT_SECONDS)
        if view.state is not State.PENDING or act.record in view.approvals:
            return view
        online = await _agent_online(api, reviewed.request.database)
        on_unanswered(Unanswered(rid=reviewed.rid, online=online, until=_counts_until(act)))
        return await api.approve(reviewed.rid, act, wait=PATIENT_SECONDS) if online else view

    act = await signed()
    demanded = _demanded(session, reviewed, decision)
    if demanded:
        act = await session.step_up(act, demanded)
    anyones = tuple(each.step_up for each in reviewed.decision.requirements if each.step_up is not None)
    return await handed_in(send, act, session.step_up, anew=signed, otherwise=anyones or ANY)


async def _agent_online(api: Api, database: str) -> bool:
    """By the server's word, which may be half a minute old. A database that it does not list counts as served, and so
    does every one where it gives no list: it has taken the decision all the same."""
    try:
        return all(view.online for view in await api.databases() if view.name == database)
    except LauncherError:
        return True


def _counts_until(act: SignedAct) -> int:
    """When the agent takes it no more: an approval counts on arrival, beside tokens that hold."""
    tokens = (act.identity.fresh or act.identity.id_token, act.identity.step_up)
    ends = [own_claims(token)["exp"] for token in tokens if token is not None]
    return int(min(jws.unverified_record(act.record, Approval).exp, *ends))


def _demanded(session: Session, reviewed: Review, decision: Literal["approve", "deny"]) -> tuple[StepUp, ...]:
    """The sign-ins that this person's word needs, by the agent's signed verdict and as far as is known here: whom the
    agent takes for an approver by its own configuration, the server asks."""
    from p0_access.routing.say import VerifiedApproval, demands  # here: the way to psql doesn't wait for it

    person = session.subject.requestor(session.groups)
    word = VerifiedApproval(by=person, decision=decision, permissions=(), ttl=0)
    admission = reviewed.admission
    return demands(reviewed.decision, word, requestor=admission.subject.requestor(admission.groups))
