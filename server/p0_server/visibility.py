"""Who may see a request: who made it, and who could approve it. For everybody else it does not exist. Which databases
somebody may know of follows from the rules: `p0_access.routing.visibility`.

A reviewer is known by keys, so that lists and streams ask an index and not the rules. The requirements of the server's
own preview and of the agent's admission both count: a difference in rules must not hide a request from those who have
to decide. Whether an approval counts is the agent's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from p0_access.messages.mandates import Named
from p0_access.messages.records import Subject
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.decision import Approvers, Decision, Denied, Escalation, NeedsApproval, Requirement
from p0_server.store.records import LoggedEvent, StoredRequest, Viewer

_ENDS: Final = "ends "


def reviewer_keys(decision: Decision | None, requestor_issuer: str) -> frozenset[str]:
    """The keys of everybody who could approve now, and of those who review an emergency. A group without an issuer is
    the requestor's issuer's group."""
    if decision is None or isinstance(decision, Denied):
        return frozenset()
    asked = [] if decision.emergency is None else [Approvers(groups=decision.emergency.notify)]
    if isinstance(decision, NeedsApproval):
        asked += [way.approvers for requirement in decision.requirements for way in requirement.ways]
    return frozenset(key for approvers in asked for key in _keys(approvers, requestor_issuer))


def asked_keys(requirement: Requirement, requestor_issuer: str) -> frozenset[str]:
    """The keys of everybody whom one requirement asks, at once or after a while."""
    asked = [way.approvers for way in requirement.ways]
    if requirement.escalate is not None:
        asked.append(requirement.escalate.to)
    return frozenset(key for approvers in asked for key in _keys(approvers, requestor_issuer))


def ending_keys(revoke: Approvers | None, requestor_issuer: str) -> frozenset[str]:
    """The keys of those who may end any access: they see every request, and review none by that."""
    return frozenset() if revoke is None else frozenset(_ENDS + key for key in _keys(revoke, requestor_issuer))


def escalated_keys(decision: Decision | None, requestor_issuer: str, *, after: int) -> frozenset[str]:
    """The keys of those who may approve, too, `after` so many seconds from the admission."""
    return frozenset(
        key for each in escalations(decision) if each.after <= after for key in _keys(each.to, requestor_issuer)
    )


def escalations(decision: Decision | None) -> tuple[Escalation, ...]:
    if not isinstance(decision, NeedsApproval):
        return ()
    return tuple(each.escalate for each in decision.requirements if each.escalate is not None)


def named_key(named: Named) -> str:
    """The key that a verified identity has who is meant."""
    if named.sub is not None:
        return f"subject {named.iss}#{named.sub}"
    return f"subject-of {named.iss} {(named.email or '').lower()}"


def viewer(person: VerifiedIdentity) -> Viewer:
    """A person with every key that their verified identity turns in."""
    subject = person.subject
    keys = {f"subject {subject.iss}#{subject.sub}", f"subject-of {subject.iss} {subject.iss}#{subject.sub}"}
    if subject.email is not None:
        keys.add(f"subject-of {subject.iss} {subject.email.lower()}")
    for group in person.groups:
        keys.add(f"group-of {subject.iss} {group}")
    return Viewer(iss=subject.iss, sub=subject.sub, keys=frozenset(keys), ends=frozenset(_ENDS + key for key in keys))


def is_mine(who: Viewer, of: StoredRequest | LoggedEvent | Subject) -> bool:
    return (who.iss, who.sub) == (of.iss, of.sub)


def may_see(who: Viewer, logged: LoggedEvent) -> bool:
    return is_mine(who, logged) or not (who.keys | who.ends).isdisjoint(logged.reviewers)


def _keys(approvers: Approvers, requestor_issuer: str) -> Iterator[str]:
    issuer = approvers.issuer or requestor_issuer
    yield from (f"group-of {issuer} {group}" for group in approvers.groups)
    if approvers.issuer is None:
        yield from (f"subject {subject}" for subject in approvers.subjects)
    else:
        yield from (f"subject-of {approvers.issuer} {subject}" for subject in approvers.subjects)
