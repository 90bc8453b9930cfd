"""How rules name people, and whether a verified person is meant.

A person is (issuer, subject). A group is what a verified token says. An e-mail address counts only together with the
issuer that vouches for it: another one may hand out the same address to somebody else.
"""

from __future__ import annotations

import re

from p0_access.routing.decision import Approvers, Requestor
from p0_access.routing.patterns import PatternError, fits_email, parse_email
from p0_access.routing.rule import Requestors


def is_meant(requestors: Requestors, person: Requestor) -> bool:
    """Whether a rule for `requestors` is for `person`."""
    if requestors.issuer is not None and person.iss != requestors.issuer:
        return False
    if requestors.claims:
        said = dict(person.claims or ())
        if not all(said.get(name) in values for name, values in requestors.claims):
            return False
        if not (requestors.groups or requestors.subjects):
            return True
    if not requestors.groups.isdisjoint(person.groups) or qualified(person) in requestors.subjects:
        return True
    email = person.email
    return (
        email is not None
        and requestors.issuer is not None
        and any(fits_email(pattern, email) for pattern in requestors.emails)
    )


def is_pinned(requestors: Requestors | None, person: Requestor) -> bool:
    """Whether a rule for `requestors` may give anything to `person`. Whoever can run any workload at an issuer has
    tokens of it, so a rule that gives a workload something must pin claims."""
    return person.claims is None or (requestors is not None and bool(requestors.claims))


def is_approver(approvers: Approvers, person: Requestor) -> bool:
    """Whether `person` is one of `approvers`; a workload never is. Whether they asked for it themselves is `approvals`'
    business."""
    if person.claims is not None:
        return False
    if approvers.issuer is not None and person.iss != approvers.issuer:
        return False
    if not set(approvers.groups).isdisjoint(person.groups) or qualified(person) in approvers.subjects:
        return True
    return approvers.issuer is not None and person.email is not None and person.email.lower() in approvers.subjects


def qualified(person: Requestor) -> str:
    return f"{person.iss}#{person.sub}"


def qualified_issuer(subject: str) -> str:
    """The issuer in `iss#sub`."""
    return subject.partition("#")[0]


def parse_group(text: str) -> str:
    if "*" in text or "?" in text:
        raise PatternError(f'"{text}" is not a group', "groups are named exactly; list each of them")
    return text


def parse_issuer(text: str) -> str:
    if not re.match(r"https?://[^\s#?*]+\Z", text):
        raise PatternError(f'"{text}" is not an issuer', "write its address as it stands in its tokens: https://…")
    return text


def parse_claim(text: str) -> str:
    if "*" in text or "?" in text:
        raise PatternError(f'"{text}" is not the value of a claim', "values are named exactly; list each of them")
    return text


def parse_subject(issuer: str | None, text: str) -> str:
    """A requestor's subject as "iss#sub"."""
    if "*" in text or "?" in text:
        raise PatternError(
            f'"{text}" is not a subject',
            "subjects are named exactly; for workloads pin claims beside issuer: claims: {repository_id: ...}",
        )
    named, mark, subject = text.partition("#")
    if mark and subject and "://" in named:
        if issuer is not None and parse_issuer(named) != issuer:
            raise PatternError(f'"{text}" is not of the issuer {issuer}', "remove issuer, or name its own subjects")
        return f"{parse_issuer(named)}#{subject}"
    if "@" in text:
        raise PatternError(
            f'"{text}" looks like an e-mail address, not a subject',
            'addresses of requestors go into emails; a subject with @ in it is written whole: "https://issuer#subject"',
        )
    if issuer is None:
        raise PatternError(f'"{text}" names no issuer', f'write "https://issuer#{text}", or add issuer beside it')
    return f"{issuer}#{text}"


def parse_approver(issuer: str | None, text: str) -> str:
    """An approver as "iss#sub", or an e-mail address within `issuer`."""
    if "@" not in text or "#" in text:
        return parse_subject(issuer, text)
    if "*" in text or "?" in text:
        raise PatternError(f'"{text}" is not an approver', "approvers are named exactly; use a group for many")
    parse_email(text)
    if issuer is None:
        raise PatternError(
            "an e-mail address means nothing without who vouches for it",
            "add issuer: the identity provider that owns the domain",
        )
    return text.lower()
