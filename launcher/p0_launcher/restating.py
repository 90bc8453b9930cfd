"""What a person is told before they sign: an allowance, a delegation, or the end of what somebody has. Of an end, only
what the signature is bound to, or the agent has signed; what is neither is marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p0_access.messages.mandates import Allow, Delegation, Named
from p0_access.messages.records import Request
from p0_access.permissions.permission import Permission
from p0_access.routing.decision import Denied
from p0_access.routing.durations import spell_duration
from p0_launcher.ending import Ending
from p0_launcher.mandates import Allowance, Delegating
from p0_launcher.render import clock, permission_lines, person, what_lines
from p0_launcher.text import line, shown

UNKNOWN: Final = "somebody: its agent has not admitted it, so who asked is not verified"


def allowance_lines(allowance: Allowance, *, now: float) -> list[str]:
    what = _allowed(allowance.person, allowance.database, allowance.kinds, allowance.uses)
    until = int(now) + allowance.lifetime
    return [f"You approve {what},", *_within(until, allowance.ttl, allowance.permissions)]


def delegation_lines(delegating: Delegating, *, now: float) -> list[str]:
    narrowed = "in all that you may approve" if delegating.groups is None else _as_one_of(delegating.groups)
    until = clock(int(now) + delegating.lifetime)
    return [f"{_who(delegating.person)} may approve in your place, {narrowed}, until {until}."]


def ending_lines(ending: Ending) -> list[str]:
    """The first says what ends; no line is only the server's word."""
    record = ending.record
    match record:
        case Request():
            return _request_lines(ending, record)
        case Allow():
            what = _allowed(record.subject, record.database, record.kinds, record.uses)
            return [
                f"You withdraw the allowance {ending.rid}: it approves {what},",
                *_within(record.exp, record.ttl, record.permissions),
            ]
        case Delegation():
            narrowed = "in all" if record.groups is None else _as_one_of(record.groups)
            return [
                f"You withdraw the delegation {ending.rid}: {_who(record.to)} may approve",
                f"in the place of who signed it, {narrowed}, until {clock(record.exp)}.",
            ]


def _request_lines(ending: Ending, request: Request) -> list[str]:
    admission = ending.admission
    who = UNKNOWN if admission is None else person(admission.subject)
    lines = [
        f"You end {ending.rid} on {line(request.database, 60)}, of {who}",
        f"asked {clock(request.iat)}, because: {shown(request.reason, lines=False) or 'no reason given'}",
    ]
    if admission is not None and not isinstance(admission.rules.decision, Denied):
        lines.append(f"for at most {spell_duration(admission.rules.decision.ttl)}")
    return [*lines, *what_lines(request.what)]


def _allowed(subject: Named, database: str, kinds: Iterable[str], uses: int) -> str:
    times = "one request" if uses == 1 else f"{uses} requests"
    return f"{times} of {_who(subject)} on {line(database, 60)}, by {' or '.join(kinds)}"


def _within(until: int, ttl: int, permissions: Iterable[Permission]) -> list[str]:
    head = f"until {clock(until)}, each for at most {spell_duration(ttl)}, for any statement within"
    return [head, *permission_lines(permissions)]


def _as_one_of(groups: Iterable[str]) -> str:
    return f"as one of {line(', '.join(groups), 80)}"


def _who(subject: Named) -> str:
    return f"{line(str(subject), 80)} ({line(subject.iss, 80)})"
