"""One PostgreSQL cluster as the agent's core sees it: everything in this package behind one object.

It adds nothing but the order of starting and the values that every call needs; each method's own module documents what
it does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import msgspec

from p0_access.messages.records import LogHead
from p0_access.permissions.catalog import Catalog
from p0_agent.postgres import catalog, provision, selfcheck, sessions
from p0_agent.postgres import sweep as sweeping
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.drift import Drift, find_drift
from p0_agent.postgres.ending import Ended
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import PostgresError
from p0_agent.postgres.evidence import Evidence
from p0_agent.postgres.extending import extend
from p0_agent.postgres.inbox import Inbox
from p0_agent.postgres.ledger import Ledger
from p0_agent.postgres.mandates import Mandates
from p0_agent.postgres.passwords import Passwords
from p0_agent.postgres.provision import Opened, Order
from p0_agent.postgres.queries import query
from p0_agent.postgres.reviews import Reviews
from p0_agent.postgres.scram import DEFAULT_ITERATIONS
from p0_agent.postgres.sweep import EndedEntry, Swept


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """`ledger_born`: acts signed before this were perhaps seen by a ledger that is lost, and are to be refused."""

    warnings: tuple[str, ...]
    ledger_born: int
    head: LogHead


class Cluster:
    """`databases` maps each managed database to its managed schemas. `start` first, `close` last."""

    def __init__(
        self,
        connections: Connections,
        databases: Mapping[str, tuple[str, ...]],
        *,
        random: Callable[[int], bytes],
        iterations: int = DEFAULT_ITERATIONS,
        broker_on_old_versions: bool = False,
    ) -> None:
        self.connections: Final = connections
        self.databases: Final = dict(databases)
        self.evidence: Final = Evidence(connections)
        self.ledger: Final = Ledger(connections, self.evidence)
        self.inbox: Final = Inbox(connections)
        self.mandates: Final = Mandates(connections)
        self.reviews: Final = Reviews(connections)
        self._passwords = Passwords()
        self._random = random
        self._iterations = iterations
        self._broker_on_old_versions = broker_on_old_versions

    async def start(self, thumbprint: str, now: int) -> Started:
        """Refuses an unfit account, makes or migrates the ledger, begins the evidence log of the agent's key."""
        warnings = await selfcheck.check(
            self.connections, self.databases, broker_on_old_versions=self._broker_on_old_versions
        )
        born = await self.ledger.start(now)
        head = await self.evidence.start(thumbprint, now)
        return Started(warnings=warnings, ledger_born=born, head=head)

    async def open(self, order: Order, now: int) -> Opened:
        self._schemas(order.database)
        opened = await provision.open_access(
            self.connections, order, now=now, random=self._random, iterations=self._iterations
        )
        self._passwords.remember(opened.login, opened.verifier)
        return opened

    async def extend(self, rh: str, *, extends: str, not_after: int, now: int) -> None:
        """The login of `extends` lasts until `not_after`, by the approved request `rh`."""
        await extend(self.connections, rh, extends=extends, not_after=not_after, now=now)

    async def end(self, entry: Entry) -> Ended:
        """Of a row at `ending` (`Ledger.begin_end`); `Ledger.end` follows with the receipt."""
        self._passwords.forget(entry.login or "")
        return await sweeping.end_entry(self.connections, entry)

    async def shut_out(self, entry: Entry, *, because: PostgresError) -> None:
        """For an end that cannot be written down now: no session and no new one. It is ended later."""
        await sweeping.shut_out_entry(self.connections, entry, because=because)

    async def shut_due(self, now: int) -> None:
        """Before `sweep`, which may take long: no session of what is due, and no new one."""
        await sweeping.shut_due(self.connections, self.ledger, now=now)

    async def sweep(self, now: int, finished: Callable[[EndedEntry], Awaitable[None]] | None = None) -> Swept:
        swept = await sweeping.sweep(self.connections, self.ledger, now=now, finished=finished)
        for done in swept.ended:
            self._passwords.forget(done.ended.login)
        return swept

    async def drift(self) -> tuple[Drift, ...]:
        found = await find_drift(self.connections)
        await self._passwords.renew(self.connections)
        return found

    async def sessions(self, logins: Collection[str]) -> dict[str, int]:
        return await sessions.count_sessions(self.connections, logins)

    async def catalog(self, database: str) -> Catalog:
        schemas = self._schemas(database)
        async with self.connections.reader(database) as connection:
            return await catalog.snapshot(connection, schemas)

    async def fingerprint(self, database: str) -> str:
        schemas = self._schemas(database)
        async with self.connections.reader(database) as connection:
            return await catalog.fingerprint(connection, schemas)

    async def creatable(self, database: str) -> tuple[str, ...]:
        """Where in it everybody may make objects that last: "SCHEMA public"."""
        self._schemas(database)
        async with self.connections.reader(database) as connection:
            cursor = await connection.execute(query("creatable"), {})
            return tuple(str(place) for (place,) in await cursor.fetchall())

    async def close(self) -> None:
        await self.connections.close()

    def _schemas(self, database: str) -> tuple[str, ...]:
        try:
            return self.databases[database]
        except KeyError:
            raise PostgresError(f"the agent does not manage {database}", code="unknown_database") from None
