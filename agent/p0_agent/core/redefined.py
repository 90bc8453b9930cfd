"""What live accesses reach through views, functions, triggers and policies, held against what was admitted.

An access is read again when something in its database's catalog has changed, with the same SQL: it must reach the same
objects, with the same definitions. What is reached through others is also read once after it was opened, since the
change may have come between its collection and the login. What comes with a role that was asked for by name is no part
of that catalog, and is looked at every time.
"""

from __future__ import annotations

import logging
from typing import Final

from p0_access.errors import P0Error
from p0_access.messages.records import Admission
from p0_agent.core.acts import admission_of, request_of
from p0_agent.core.context import Context
from p0_agent.core.watch import PAGE
from p0_agent.errors import TransientError
from p0_agent.postgres.drift import Drift
from p0_agent.postgres.entries import Entry

log = logging.getLogger("p0.agent")

NOT_NOW: Final = frozenset({"unreadable_sql", "reader_unfit", "catalog_moved"})
"""Codes of a reading that says nothing about the SQL: it is read again at the next look."""


class Redefinitions:
    """Remembers what was looked at; a restart looks at everything."""

    def __init__(self) -> None:
        self._fingerprints: dict[str, str] = {}
        self._looked_at: dict[str, set[str]] = {}

    async def look(self, context: Context) -> tuple[Drift, ...]:
        """Those live accesses that reach something else than was admitted; each is to be ended."""
        live: dict[str, list[str]] = {}
        for access in await context.cluster.ledger.accesses():
            if access.sealed:
                live.setdefault(access.database, []).append(access.rh)
        found: list[Drift] = []
        for database, rhs in live.items():
            try:
                found += await self._database(database, rhs, context)
            except P0Error as error:  # whatever it is, it keeps no other change from being seen
                log.warning("%s: not looked at for redefinitions: %s", database, error, extra={"code": error.code})
        return tuple(found)

    async def _database(self, database: str, rhs: list[str], context: Context) -> list[Drift]:
        fingerprint = await context.cluster.fingerprint(database)
        known = self._fingerprints.get(database)
        done = self._looked_at.get(database, set()).intersection(rhs) if fingerprint == known else set()
        waiting = [rh for rh in rhs if rh not in done]
        found: list[Drift] = []
        complete = True
        for page in (waiting[at : at + PAGE] for at in range(0, len(waiting), PAGE)):
            for entry in await context.cluster.ledger.among(page):
                if entry.stage != "sealed":
                    continue
                admission = admission_of(entry, context)
                by_role = request_of(entry).what.kind == "role"
                if by_role or admission.objects or fingerprint != known:
                    try:
                        what = await _redefined(entry, admission, context)
                    except TransientError:
                        complete = False
                        continue
                    if what is not None:
                        found.append(Drift(rh=entry.rh, login=entry.login or "", what=what, mended=False))
                        continue
                if not by_role:
                    done.add(entry.rh)
        if complete:
            self._looked_at[database] = done
            self._fingerprints[database] = fingerprint
        return found


async def _redefined(entry: Entry, admission: Admission, context: Context) -> str | None:
    """In words, how what the request's SQL or role reaches differs from what was admitted."""
    request = request_of(entry)
    try:
        reading = await context.reader.read(request.database, request.what)
    except TransientError:
        raise
    except P0Error as error:
        if error.code in NOT_NOW:
            raise TransientError(str(error), code=error.code) from error
        return f"its SQL is not read as it was: {error}"
    if request.what.kind == "role":
        more = sorted(map(str, set(reading.reached).difference(admission.reached)))
        return f"with the role comes more: {', '.join(more)}" if more else None
    if reading.objects == admission.objects:
        return None
    changed = set(reading.objects).symmetric_difference(admission.objects)
    names = sorted({f"{each.kind} {each.name}" for each in changed})
    return f"what it reaches was redefined: {', '.join(names)}"
