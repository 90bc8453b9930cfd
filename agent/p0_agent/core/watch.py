"""What the agent ends of its own accord: accesses past their time, orphans, and one-shot accesses that were used.

No server is asked. Each end yields a report, so that people see it too.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from p0_access.messages.job import AgentReport
from p0_access.messages.records import Admission
from p0_access.proof import jws
from p0_agent.core.acts import request_of
from p0_agent.core.context import Context
from p0_agent.core.ending import finish, receipt
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import PostgresError
from p0_agent.postgres.sweep import EndedEntry

log = logging.getLogger("p0.agent")

PAGE: Final = 200
"""Requests that are read at once, which bounds the memory that a look takes."""

UNUSED_SECONDS: Final = 60
"""A one-shot access in which no session was seen for this long has been used in a blink, or never will be."""


async def end_due(context: Context) -> tuple[AgentReport, ...]:
    """One pass of the sweep; safe at any time. What it could not end stays fenced, and the next pass tries again."""
    reports: list[AgentReport] = []

    async def finished(done: EndedEntry) -> None:
        reports.append(await report_of(await receipt(done.entry, done.ended, context), context))

    swept = await context.cluster.sweep(context.now(), finished)
    for name, error in swept.failed.items():
        log.warning("could not end %s: %s", name, error, extra={"code": error.code})
    for orphan in swept.orphans:
        log.warning("ended %s, which the ledger does not know", orphan.login)
    try:
        await context.refusals.tell(context.cluster.evidence, context.now())
    except PostgresError as error:  # what cannot be written holds no end back
        log.warning("could not write how much was refused: %s", error, extra={"code": error.code})
    return tuple(reports)


def _one_shot(entry: Entry) -> bool:
    admitted = () if entry.admission is None else jws.unverified_record(entry.admission, Admission).permissions
    return request_of(entry).ends_with_session(admitted)


class _Seen(msgspec.Struct, kw_only=True):
    since: int
    connected: bool = False


class OneShotWatch:
    """Remembers which one-shot logins have had a session. A restart forgets it; then the sixty seconds start again."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._one_shot: dict[str, bool] = {}

    async def look(self, context: Context) -> tuple[AgentReport, ...]:
        """Ends the one-shot accesses whose session has come and gone, or that nobody used in time."""
        sealed = {access.rh: access.login for access in await context.cluster.ledger.accesses() if access.sealed}
        new = [rh for rh in sealed if rh not in self._one_shot]
        for page in (new[at : at + PAGE] for at in range(0, len(new), PAGE)):
            self._one_shot |= {entry.rh: _one_shot(entry) for entry in await context.cluster.ledger.among(page)}
        self._one_shot = {rh: one_shot for rh, one_shot in self._one_shot.items() if rh in sealed}
        watched = {sealed[rh]: rh for rh, one_shot in self._one_shot.items() if one_shot}
        self._seen = {login: seen for login, seen in self._seen.items() if login in watched}
        if not watched:
            return ()
        sessions = await context.cluster.sessions(watched)
        over = [rh for login, rh in watched.items() if self._is_over(login, sessions[login], context.now())]
        return tuple(
            [
                await report_of(await finish(entry, "one_shot", context), context)
                for entry in await context.cluster.ledger.among(over)
            ]
        )

    def _is_over(self, login: str, sessions: int, now: int) -> bool:
        seen = self._seen.setdefault(login, _Seen(since=now))
        if sessions:
            seen.connected = True
            return False
        return seen.connected or now >= seen.since + UNUSED_SECONDS


async def report_of(entry: Entry, context: Context) -> AgentReport:
    """What people are told about an end that nobody asked the agent for."""
    records = () if entry.deletion is None else (entry.deletion,)
    return AgentReport(rh=entry.rh, records=records, head=await context.cluster.evidence.head())
