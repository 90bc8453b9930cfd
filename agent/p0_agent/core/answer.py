"""What the core says to a job, before the shell adds which job it was."""

from __future__ import annotations

import msgspec

from p0_access.messages.job import Outcome, Progress


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`records` are what the agent signed about the request, in order. `code`, `message`, `hint` are for a person.
    `closed`: what was refused is not only an act; the request is over. `struck`: what approvers took away, in words;
    `in_advance`: the ids of allowances that count for it now. `in_place_of`: for whom the signer stood in, by name."""

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
