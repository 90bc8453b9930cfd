"""What an entry of the evidence says, in words for people and in fields for other programs (JSON, CEF)."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from p0_access.encoding import b64u
from p0_access.errors import P0Error
from p0_access.messages.mandates import Allow, Delegation, Extension, Notice, Review
from p0_access.messages.records import Admission, Approval, Collect, Credential, Deletion, End, Record, Refusal, Request
from p0_access.proof import jws
from p0_access.proof.evidence import LogEntry
from p0_launcher.text import line

_TYPES: Final[dict[str, type[Record]]] = {
    "request": Request,
    "admission": Admission,
    "approval": Approval,
    "collect": Collect,
    "credential": Credential,
    "end": End,
    "deletion": Deletion,
    "refusal": Refusal,
    "extension": Extension,
    "notice": Notice,
    "review": Review,
}

_MANDATES: Final[dict[str, type[Record]]] = {Allow.TYP: Allow, Delegation.TYP: Delegation}

_SEVERITY: Final = {"notice": 8, "refusal": 5, "server-end": 5, "rewound": 8}
"""Of 10, in CEF; what is not named is 3."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """`about` names the request by its hash; `text` is one line, as untrusted as what it was made of."""

    n: int
    at: int
    kind: str
    about: str | None
    text: str
    h: str
    record: dict[str, Any] | None


def tell(entry: LogEntry) -> Told:
    """Signatures are not looked at here: `examine` does."""
    record = _record(entry)
    return Told(
        n=entry.n,
        at=entry.at,
        kind=entry.kind,
        about=_about(entry, record),
        text=entry.body if record is None else _text(record),
        h=b64u(entry.h),
        record=None if record is None else msgspec.to_builtins(record),
    )


def cef(told: Told, *, agent: str) -> str:
    """One line of the Common Event Format, as SIEMs take it."""
    fields = {
        "rt": str(told.at * 1000),
        "externalId": told.about or "",
        "dvchost": agent,
        "cn1": str(told.n),
        "cn1Label": "entry",
        "cs1": told.h,
        "cs1Label": "hash",
        "msg": line(told.text, 1_000),
    }
    extension = " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value)
    severity = _SEVERITY.get(told.kind, 3)
    return f"CEF:0|p0|agent|1|{_header(told.kind)}|{_header(told.kind)}|{severity}|{extension}"


def _record(entry: LogEntry) -> Record | None:
    try:
        type_ = _MANDATES.get(jws.unverified_type(entry.body)) if entry.kind == "mandate" else _TYPES.get(entry.kind)
        if type_ is None:
            return None
        return jws.unverified_record(entry.body, type_)
    except P0Error:
        return None


def _about(entry: LogEntry, record: Record | None) -> str | None:
    match record:
        case Request():
            return jws.record_hash(entry.body)
        case Allow() | Delegation():
            return jws.record_hash(entry.body)
        case Admission() | Collect() | Credential() | End() | Deletion() | Refusal():
            return record.rh
        case Extension() | Notice() | Review():
            return record.rh
        case _:
            return entry.body if entry.kind == "server-end" else None


def _text(record: Record) -> str:
    match record:
        case Request():
            return f"{record.rid} asks for {record.what.kind} on {record.database}: {record.reason}"
        case Admission():
            verdict = msgspec.to_builtins(record.rules.decision)["verdict"]
            who = record.subject.email or record.subject.sub
            return f"{who}: {len(record.permissions)} permissions, {verdict}"
        case Approval():
            return f"{record.decision} {record.ah} for {record.ttl} s: {record.comment}"
        case Collect():
            return f"collects {record.ah}"
        case Credential():
            return f"{record.rid}: a login until {_utc(record.exp)}"
        case End():
            return f"{record.act}: {record.comment}"
        case Deletion():
            left = ", ".join(record.residue) or "nothing"
            return f"{record.login} is gone ({record.cause}); left of it: {left}"
        case Refusal():
            return f"step {record.step}, {record.code}: {record.message}"
        case _:
            return _text_of_what_stands(record)


def _text_of_what_stands(record: Record) -> str:
    """Of records that are signed in advance, or after an access has begun."""
    match record:
        case Allow():
            return (
                f"{record.rid}: {record.subject} may {record.uses} times on {record.database}, until {_utc(record.exp)}"
            )
        case Delegation():
            return f"{record.rid}: {record.to} stands in until {_utc(record.exp)}"
        case Extension():
            return f"{record.login} lasts until {_utc(record.not_after)}"
        case Notice():
            return record.text
        case Review():
            return f"reviewed: {record.comment}"
        case _:
            return ""


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")
