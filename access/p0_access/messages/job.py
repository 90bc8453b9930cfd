"""What passes between server and agent.

Nothing unsigned in it is trusted, with one exception: an unsigned end is obeyed, since it only reduces access, and is
logged as the server's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from p0_access.messages.identity import SignedAct
from p0_access.messages.records import LogHead

JobKind = Literal["admit", "approval", "collect", "end", "mandate", "withdraw", "review"]
"""`mandate` and `withdraw` are about a record that stands for a while (`mandates`), which then is the `request`."""


MAX_WHO: Final = 60
"""Characters of names that are shown where a line has to do."""


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`lease` names this delivery; the server ignores a result under an older one. `act` is null only for its own end.

    `admission` and `approvals` are what the agent signed and has seen before; it trusts its ledger, not these.
    """

    v: Literal[1] = 1
    job: str
    lease: str
    kind: JobKind
    request: SignedAct
    act: SignedAct | None = None
    admission: str | None = None


Outcome = Literal[
    "refused", "denied", "pending", "approved", "active", "ended", "cancelled", "needs_changes", "lapsed", "extended",
    "failed",
]  # fmt: skip


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a requirement is: `rule` demands `count` people out of `who`, and from `also_at` on out of `also`, too;
    `by` have signed. Names are for people to read, and `who` may be empty."""

    rule: str
    count: int
    by: tuple[str, ...]
    who: str = ""
    also: str = ""
    also_at: int | None = None

    def whom(self, now: float) -> str:
        """Who may sign: `privacy`; once it has escalated, `dba or oncall-dba`."""
        who = self.who or self.rule
        return f"{who} or {self.also}" if self.also_at is not None and self.also_at <= now else who


def waited_for(progress: Iterable[Progress], now: float) -> str:
    """`privacy 0/1 and dba or sre 1/2`: for whom a request waits, and how many of them have signed."""
    return " and ".join(f"{_cut(each.whom(now))} {len(each.by)}/{each.count}" for each in progress)


def _cut(who: str) -> str:
    return who if len(who) <= MAX_WHO else who[: MAX_WHO - 1] + "…"


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the agent says to a job: the state it leaves the request in, and the records it signed on the way, in order.

    `login` names the database role while one exists. What went wrong is for a person: `code`, `message`, `hint`.
    `closed`: the refusal of an act (an approval, a collection) is the end of the request, too. `struck`: what approvers
    have taken away, in words. `in_advance`: the ids of allowances that were counted just now. `in_place_of`: the names
    of those for whom the signer of an approval stood in.
    """

    outcome: Outcome
    records: tuple[str, ...] = ()
    progress: tuple[Progress, ...] = ()
    login: str | None = None
    not_after: int | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    closed: bool = False
    struck: tuple[str, ...] = ()
    in_advance: tuple[str, ...] = ()
    in_place_of: tuple[str, ...] = ()


class Result(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer, with the job that it is to. `head` is the evidence log's, with what the answer added.

    What says nothing is left out, so that a server that is older than its agent reads all that it knows.
    """

    v: Literal[1] = 1
    job: str
    lease: str
    head: LogHead | None = None


class Announcement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent says who it is and what it serves. The server checks the proof of its key; launchers pin it."""

    v: Literal[1] = 1
    thumbprint: str
    jwk: dict[str, str]
    databases: tuple[str, ...]
    rules_sha256: str
    software: str


class CatalogUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed catalog record, and the catalog's own bytes as text, whose hash it names."""

    record: str
    catalog: str


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act that comes to the agent past the server, in a file or its inbox; `request` is the record it is about."""

    v: Literal[1] = 1
    kind: Literal["approval", "end"]
    request: str
    act: SignedAct


class AgentReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the agent did of its own accord, such as an end at expiry: deletion records of the request `rh`."""

    v: Literal[1] = 1
    rh: str
    records: tuple[str, ...]
    head: LogHead | None = None
