"""Sign-ins that acts need, asked for before an act becomes a job: whoever signs can then still make one.

The agent decides. Where the server's rules or configuration differ from its own, it may ask for more, or for nothing.
"""

from __future__ import annotations

from p0_access.errors import StepUpError
from p0_access.messages.mandates import Allow, Delegation
from p0_access.messages.records import Admission, Approval
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.decision import Decision, Denied, NeedsApproval, StepUp
from p0_access.routing.rules import Defaults
from p0_access.routing.say import VerifiedApproval, demands, may_review
from p0_access.routing.stepping_up import check_step_up, of_mandate
from p0_server.errors import ForbiddenError, StepUpRequiredError
from p0_server.visibility import asked_keys


def demand_of_request(decision: Decision | None, signer: VerifiedIdentity) -> None:
    """Raises `StepUpRequiredError` if by the server's own preview the request needs a sign-in that it does not have."""
    if decision is not None and not isinstance(decision, Denied):
        _demand(decision.step_up, signer)


def demand_of_approval(
    admission: Admission, act: Approval, signer: VerifiedIdentity, reviews_by: frozenset[str], now: int
) -> None:
    """The same for an approval, by the agent's verdict; `ForbiddenError` for who pasted their sign-in. `reviews_by` are
    the reviewers' keys by which who signs sees the request, their own or those of whom they stand in for."""
    refuse_pasted(signer)
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval) or act.decision == "deny":
        return
    requestor, person = admission.subject.requestor(admission.groups), signer.requestor
    after = max(now - admission.iat, 0)
    word = VerifiedApproval(by=person, decision="approve", permissions=act.permissions, ttl=act.ttl, after=after)
    if may_review(decision, person, requestor=requestor, after=after):
        _demand(demands(decision, word, requestor=requestor), signer)
    else:  # they stand in for somebody
        asked = (each for each in decision.requirements if not reviews_by.isdisjoint(asked_keys(each, requestor.iss)))
        _demand(tuple(each.step_up for each in asked if each.step_up is not None), signer)


def demand_of_mandate(defaults: Defaults, act: Allow | Delegation, signer: VerifiedIdentity) -> None:
    """The same for what is signed in advance, by the server's own rules."""
    refuse_pasted(signer)
    _demand(of_mandate(defaults, act.permissions if isinstance(act, Allow) else None), signer)


def refuse_pasted(signer: VerifiedIdentity) -> None:
    """Whoever decides about others signed in with a browser: `ForbiddenError` otherwise."""
    if signer.pasted:
        raise ForbiddenError(
            "who pasted their sign-in does not approve", code="pasted_session", hint="Approve where your browser is."
        )


def _demand(demanded: tuple[StepUp, ...], signer: VerifiedIdentity) -> None:
    try:
        check_step_up(demanded, signer.stepped_up)
    except StepUpError as error:
        raise StepUpRequiredError(error, error.demands) from error
