"""Every connection the agent has to its cluster, and the one place where psycopg's errors become ours.

- `writer(database)`: one connection a database, for one task at a time. Concurrent GRANTs and REVOKEs on one object
  fail with "tuple concurrently updated", so all of them pass through here; `messages.writing` also takes the lock that
  keeps a second agent out.
- `control()`: one connection to the home database, for the ledger, sessions, and roles as such. Never kept for long.
  `look()` is the same one without a transaction.
- `reader(database)`: a connection as the reader, who may read no table; the only one on which SQL of others may be
  analysed. One a database, for one task at a time.
- `visiting(database)`: short-lived, as the agent, to databases that are not managed.
- `turn(name)` is no connection, but what keeps two tasks from ending one login at the same time.

Whoever needs a writer and then another takes the home database's last. Nothing here waits without a limit.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Literal
from weakref import WeakValueDictionary

import msgspec
import psycopg
from psycopg import pq

from p0_access.secret import Secret
from p0_agent.postgres.errors import DatabaseUnavailableError, translated
from p0_agent.postgres.powers import DEFAULT_KEEPER, BrokerPowers, Powers

CONNECT_SECONDS: Final = 5
USE_SECONDS: Final = 60.0
"""How long a task may have a connection, waiting for it included: a network that swallows packets ends here."""

LIMITS: Final = "-c lock_timeout=2s -c statement_timeout=15s -c idle_in_transaction_session_timeout=10s -c jit=off"
"""Compiling a query (`jit`) takes seconds where PostgreSQL thinks that it is a large one, and never pays here."""
READER_LIMITS: Final = (
    "-c lock_timeout=500ms -c statement_timeout=5s -c idle_in_transaction_session_timeout=10s "
    "-c default_transaction_read_only=on -c jit=off"
)
SEARCH_PATH: Final = " -c search_path=pg_catalog"

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who connects where. `sslrootcert` is a path."""

    host: str
    port: int
    user: str
    password: Secret
    sslmode: Literal["verify-full", "disable"] = "verify-full"
    sslrootcert: str | None = None


class Connections:
    """Opened as they are needed, opened anew when they break. `close` at the end. `powers` is what the agent may do by
    its account. In the databases of `keeping` what a login owns at its end is handed to the role `keeper`; in the
    others it is dropped."""

    def __init__(
        self,
        *,
        agent: Account,
        reader: Account,
        home: str,
        powers: Powers | None = None,
        keeper: str = DEFAULT_KEEPER,
        keeping: Collection[str] = (),
    ) -> None:
        self.home: Final = home
        self.powers: Final = powers or BrokerPowers()
        self.keeper: Final = keeper
        self.keeping: Final = frozenset(keeping)
        self.agent_name: Final = agent.user
        self.reader_name: Final = reader.user
        self._agent = agent
        self._reader = reader
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def writer(self, database: str) -> AsyncIterator[Connection]:
        """The one writer of `database`, outside a transaction."""
        async with self._use("writer", self._agent, LIMITS, database) as connection:
            yield connection

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Connection]:
        """In the home database, in a transaction that is committed at the end."""
        async with self._use("control", self._agent, LIMITS, self.home) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Connection]:
        """The connection of `control`, outside a transaction: what stands alone takes no BEGIN and COMMIT."""
        async with self._use("control", self._agent, LIMITS, self.home) as connection:
            yield connection

    @asynccontextmanager
    async def reader(self, database: str) -> AsyncIterator[Connection]:
        """As the reader, outside a transaction; transactions are read-only unless they say otherwise."""
        async with self._use("reader", self._reader, READER_LIMITS, database) as connection:
            connection.prepare_threshold = None  # what is analysed may prepare other statements under psycopg's names
            yield connection

    @asynccontextmanager
    async def visiting(
        self, database: str, *, user: str | None = None, password: Secret | None = None
    ) -> AsyncIterator[Connection]:
        """A connection of its own that is closed afterwards, outside a transaction; as the agent, or who is given."""
        account = self._agent
        if user is not None and password is not None:
            account = msgspec.structs.replace(account, user=user, password=password)
        slot = _Slot(account, LIMITS, database)
        try:
            async with slot.use() as connection:
                yield connection
        finally:
            await slot.close()

    def turn(self, name: str) -> asyncio.Lock:
        """The lock of that name: the same one for as long as anybody has it."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def close(self) -> None:
        for slot in self._slots.values():
            await slot.close()
        self._slots.clear()

    def _use(
        self, purpose: str, account: Account, limits: str, database: str
    ) -> AbstractAsyncContextManager[Connection]:
        slot = self._slots.get((purpose, database))
        if slot is None:
            slot = self._slots[purpose, database] = _Slot(account, limits, database)
        return slot.use()


class _Slot:
    """A place for one connection, used by one task at a time."""

    def __init__(self, account: Account, limits: str, database: str) -> None:
        self._account = account
        self._limits = limits
        self._database = database
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout(USE_SECONDS), self._lock:
                connection = await self._ready()
                try:
                    yield connection
                finally:
                    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
                        await self._forget()
        except TimeoutError as error:
            raise DatabaseUnavailableError(
                f"the database {self._database} did not answer in time", code="database_unavailable"
            ) from error
        except psycopg.Error as error:
            raise translated(error) from error

    async def close(self) -> None:
        async with self._lock:
            await self._forget()

    async def _ready(self) -> Connection:
        """The connection that is there if it still answers, or else a new one."""
        if self._connection is not None:
            if _is_quiet(self._connection):
                return self._connection
            try:
                await self._connection.execute("SELECT")
            except psycopg.Error:
                await self._forget()
            else:
                return self._connection
        account = self._account
        self._connection = await psycopg.AsyncConnection.connect(
            host=account.host,
            port=account.port,
            user=account.user,
            password=account.password.reveal(),
            dbname=self._database,
            sslmode=account.sslmode,
            sslrootcert=account.sslrootcert,
            connect_timeout=CONNECT_SECONDS,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=15_000,
            application_name="p0-agent",
            options=self._limits + SEARCH_PATH,
            autocommit=True,
        )
        return self._connection

    async def _forget(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


def _is_quiet(connection: Connection) -> bool:
    """Nothing has come in since the last answer; a server that went away would have said so. Takes no round trip."""
    if connection.closed:
        return False
    incoming = select.poll()
    incoming.register(connection.pgconn.socket, select.POLLIN)
    return not incoming.poll(0)
