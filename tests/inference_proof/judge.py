"""Holds both readings of a statement against what PostgreSQL checks when it runs, and against a role that tries.

A judge works on one database whose objects come and go: `changed` makes it look again. Nothing of what it runs stays.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

import msgspec
import psycopg
from psycopg import sql

from inference_proof import oracle, trial
from p0_access.errors import P0Error
from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.reading import Refused
from p0_access.permissions.settle import settle
from p0_access.secret import Secret
from p0_agent.postgres.catalog import snapshot
from p0_agent.postgres.connections import Account, Connections
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.combined import CombinedReader
from p0_demo.postgres import ConnectParameters

_COMPARED: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})
_CODE: Final = frozenset({"function", "trigger"})
_WHEN_COMPUTED: Final = frozenset({Kind.FUNCTION, Kind.SEQUENCE})
"""Checked when a call is come to: not without rows, in an index that an UPDATE need not touch, or in a column of a
sub-query that nobody uses."""
_ALL_DATA: Final = ("pg_read_all_data", "pg_write_all_data")
_numbers: Iterator[int] = itertools.count(1)

Outcome = Literal["exact", "cautious", "over", "insufficient", "refused"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Of one reading. `lacks` is what PostgreSQL checks and the reading does not have, `beyond` what it has and neither
    PostgreSQL checks nor a role misses; `code` is why it refuses, or the SQLSTATE that the role got for all it held.

    `cautious`: what is beyond is for a function, trigger or default that took another turn, or none, this time.
    """

    outcome: Outcome
    needed: tuple[Permission, ...] = ()
    lacks: tuple[Permission, ...] = ()
    beyond: tuple[Permission, ...] = ()
    code: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that runs. `differ`: the agent saw its two readings differ."""

    statement: str
    expected: frozenset[Permission]
    kernel: Verdict
    combined: Verdict
    differ: bool


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Of roles: the reader's login, who tries, and who may read and write everything."""

    reader: str
    role: str
    everything: str


class Judge:
    """Catalogs and verdicts for one database. A `CatalogSource`."""

    def __init__(
        self, connection: psycopg.AsyncConnection, connections: Connections, child: ReadingChild, names: Names
    ) -> None:
        self.connection: Final = connection
        self._connections = connections
        self._names = names
        self._reader = CombinedReader(self, child, connections)
        self._catalog: Catalog | None = None

    def changed(self) -> None:
        """Objects came or went."""
        self._catalog = None

    async def current(self, database: str) -> Catalog:
        if self._catalog is None:
            cursor = await self.connection.execute(
                "SELECT nspname::text FROM pg_namespace"
                " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
            )
            schemas = tuple(str(name) for (name,) in await cursor.fetchall())
            for schema in schemas:
                await self.connection.execute(
                    sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(
                        sql.Identifier(schema), sql.Identifier(self._names.reader)
                    )
                )
            async with self._connections.reader(database) as connection:
                self._catalog = await snapshot(connection, schemas)
        return self._catalog

    async def judge(self, statement: str, search_path: Sequence[str] = ("public",)) -> Judged | None:
        """None for a statement that a superuser cannot run either."""
        observed = await self._observed(statement, search_path)
        if observed is None:
            return None
        checked = await oracle.named(self.connection, observed.checked)
        database = self.connection.info.dbname
        catalog = await self.current(database)
        path = tuple(search_path)
        differences = self._reader.counts.differences
        runs_code = bool(observed.nested)
        combined: tuple[Permission, ...] | str
        try:
            reading = await self._reader.read(database, What(statement=(statement,), search_path=path))
            combined = tuple(reading.needed)
            runs_code = runs_code or any(each.kind in _CODE for each in reading.objects)
        except P0Error as error:
            combined = error.code
        tried: dict[tuple[Permission, ...], trial.Tried] = {}
        verdicts = []
        for needed in (_kernel(statement, catalog, path), combined):
            if isinstance(needed, str):
                verdicts.append(Verdict(outcome="refused", code=needed))
                continue
            if needed not in tried:
                granted = settle(needed, catalog, tagged=lambda *_: False)
                async with self._rolled_back(path):
                    tried[needed] = await trial.attempt(self.connection, statement, granted, self._names.role)
            turns = frozenset(each for each in needed if each.kind in _WHEN_COMPUTED)
            if runs_code:
                turns |= _in_code(needed, catalog)
            verdicts.append(_verdict(needed, checked, tried[needed], turns))
        return Judged(
            statement=statement,
            expected=checked,
            kernel=verdicts[0],
            combined=verdicts[1],
            differ=self._reader.counts.differences > differences,
        )

    async def _observed(self, statement: str, search_path: Sequence[str]) -> oracle.Observed | None:
        """As whoever may read and write all data, else (TRUNCATE, say) as a superuser."""
        for role in (self._names.everything, None):
            async with self._rolled_back(search_path):
                observed = await oracle.observe(self.connection, statement, role)
            if observed.error is None or trial.row_refused(observed.error):
                return observed
            if observed.error.sqlstate != trial.DENIED:
                return None
        return None

    @asynccontextmanager
    async def _rolled_back(self, search_path: Sequence[str]) -> AsyncIterator[None]:
        connection = self.connection
        path = sql.SQL(", ").join(map(sql.Identifier, search_path))
        await connection.execute(sql.SQL("BEGIN; SET LOCAL row_security = on; SET LOCAL search_path = {}").format(path))
        try:
            yield
        finally:
            await connection.execute("ROLLBACK")


@asynccontextmanager
async def judging(server: ConnectParameters) -> AsyncIterator[Judge]:
    """On an existing database, which keeps grants to a reader that is gone afterwards only if it is dropped."""
    number = next(_numbers)
    names = Names(reader=f"proof_reader_{number}", role=f"proof_role_{number}", everything=f"proof_all_{number}")
    password = Secret("only loopback")
    async with await psycopg.AsyncConnection.connect(**server, autocommit=True, prepare_threshold=None) as connection:
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for name in (names.reader, names.role, names.everything):
            await connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        await connection.execute(
            sql.SQL("ALTER ROLE {0} LOGIN PASSWORD {1}; ALTER ROLE {0} SET log_min_messages = panic").format(
                sql.Identifier(names.reader), password.reveal()
            )
        )
        await connection.execute(
            sql.SQL("GRANT {} TO {}").format(
                sql.SQL(", ").join(map(sql.Identifier, _ALL_DATA)), sql.Identifier(names.everything)
            )
        )
        account = Account(
            host=server["host"], port=server["port"], user=names.reader, password=password, sslmode="disable"
        )
        connections = Connections(agent=account, reader=account, home=server["dbname"])
        child = ReadingChild(deadline=20)  # what is tested here is not how busy this machine is
        try:
            yield Judge(connection, connections, child, names)
        finally:
            await child.close()
            await connections.close()
            await connection.rollback()
            for name in (names.reader, names.role, names.everything):
                await connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def _kernel(statement: str, catalog: Catalog, search_path: tuple[str, ...]) -> tuple[Permission, ...] | str:
    found: list[Permission] = []
    for each in read(statement, catalog, search_path=search_path):
        if isinstance(each, Refused):
            return each.code
        found += each.permissions
    return tuple(found)


def _verdict(
    needed: tuple[Permission, ...],
    checked: frozenset[Permission],
    tried: trial.Tried,
    turns: frozenset[Permission],
) -> Verdict:
    """What no plan shows (TRUNCATE, LOCK, COPY), and whom functions and triggers are charged to, only the role that
    tries can tell."""
    ours = oracle.without_any(needed)
    lacks = _not_in(checked, ours)
    beyond = ours.intersection(tried.idle) - checked
    outcome: Outcome = "exact"
    if lacks or not tried.sufficient:
        outcome = "insufficient"
    elif beyond:
        outcome = "cautious" if beyond <= turns else "over"
    return Verdict(outcome=outcome, needed=needed, lacks=_sorted(lacks), beyond=_sorted(beyond), code=tried.state)


def _in_code(needed: Iterable[Permission], catalog: Catalog) -> frozenset[Permission]:
    """Those that the body of a function could need, by the names in it."""
    bodies = [each.body.lower() for each in catalog.functions if each.body]
    found = set()
    for each in needed:
        names = [(name or "").lower().replace('"', '""') for name in (each.object, each.column)]
        if any(all(name in body for name in names) or (names[0] in body and "*" in body) for body in bodies):
            found.add(each)
    return frozenset(found)


def _not_in(some: Iterable[Permission], others: frozenset[Permission]) -> frozenset[Permission]:
    held = {(each.schema, each.object, each.privilege) for each in others if each.kind in _COMPARED}
    return frozenset(
        each
        for each in some
        if each not in others
        and not (each.kind is Kind.ANY_COLUMN and (each.schema, each.object, each.privilege) in held)
    )


def _sorted(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    return tuple(sorted(permissions, key=str))
