"""PostgreSQL's own reading: the server analyses and rewrites a statement, prints its tree, plans and runs nothing.

    BEGIN READ ONLY → settings, verified → Parse (protocol level, one statement by itself) → ROLLBACK → DISCARD ALL

Runs on the reader's connection only, who may read no table. Analysis can call functions all the same (a domain's CHECK,
from the input of an array or a row), and these may print trees of their own, switch the printing off, write, or say
things to whoever asked. So nothing outlives a reading, a tree counts only as the one thing that the server said, by
`elog_node_display` and not from inside a function, and of errors nothing is passed on but SQLSTATE and position.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import generators, pq, sql

from p0_agent.errors import AgentError
from p0_agent.postgres.connections import Connection
from p0_agent.postgres.errors import DatabaseBusyError
from p0_agent.reading import tree
from p0_agent.reading.made import MadeTables
from p0_agent.reading.piece import MadeColumn, Name, Piece

PARSE_TIMEOUT: Final = "1s"
LOCK_TIMEOUT: Final = "300ms"
MAX_NOTICES: Final = 8
"""More than one is too many; more than this is not even kept."""

REFUSED: Final = "postgres_refuses"
"""The code of a `RefusedByPostgresError`."""

_PRINTER: Final = "elog_node_display"
_TRUNCATION: Final = "truncate_identifier"
_MEASUREMENTS: Final = frozenset({"exec_parse_message", "ShowUsage"})
"""Who says how long it took, where the server logs durations or statistics, which a session cannot switch off."""


_SETTINGS: Final = {
    "transaction_read_only": "on",
    "statement_timeout": PARSE_TIMEOUT,
    "lock_timeout": LOCK_TIMEOUT,
    "row_security": "on",
    "debug_pretty_print": "off",
    "debug_print_parse": "off",
    "debug_print_plan": "off",
    "debug_print_rewritten": "on",
    "client_min_messages": "log",
}


class RefusedByPostgresError(AgentError):
    """The database does not accept the statement; `sqlstate` and the 1-based `position` in it are all it is told by."""

    def __init__(self, sqlstate: str, position: int | None) -> None:
        try:
            name = psycopg.errors.lookup(sqlstate).__name__
        except KeyError:
            name = "an error of its own"
        super().__init__(f"PostgreSQL does not accept it: {name} ({sqlstate})", code=REFUSED)
        self.sqlstate = sqlstate
        self.position = position


class ForgedTreeError(AgentError):
    """The server said something else than the one tree: code ran during analysis, or there is no tree."""


class _Notice(msgspec.Struct, frozen=True, kw_only=True):
    severity: str | None
    function: str | None
    context: str | None
    detail: str | None


async def analyse(connection: Connection, piece: Piece, search_path: Sequence[str], made: MadeTables) -> tree.Tree:
    """The tree of a piece's `analysed` text, after what made the temporary tables `made`, to which it adds its own.
    Raises `RefusedByPostgresError`, `ForgedTreeError`, `TreeError`."""
    said: list[_Notice] = []

    def listen(diagnostic: psycopg.errors.Diagnostic) -> None:
        """What a diagnostic says is freed after its handler."""
        if len(said) < MAX_NOTICES:
            said.append(
                _Notice(
                    severity=diagnostic.severity_nonlocalized,
                    function=diagnostic.source_function,
                    context=diagnostic.context,
                    detail=diagnostic.message_detail,
                )
            )

    async with _alone(connection, search_path, made):
        types = await _type_oids(connection, piece.types)
        connection.add_notice_handler(listen)
        try:
            await _parse(connection, piece.analysed or "", types)
        finally:
            connection.remove_notice_handler(listen)
        own = await _temporary(connection) if made else frozenset()
        made.after(piece, await _described(connection) if piece.makes is not None else ())
    found = tree.read(_only_tree(said), connection.info.server_version // 10_000)
    if found.command not in (None, piece.command):
        raise ForgedTreeError(f"PostgreSQL read {found.command} where {piece.command} stands", code="readings_disagree")
    return found.without(own)


async def relations(
    connection: Connection, names: Sequence[Name], search_path: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Schema and name of the relations that PostgreSQL finds by these names; those that it doesn't find are missing."""
    written = [".".join('"' + part.replace('"', '""') + '"' for part in name if part is not None) for name in names]
    async with _alone(connection, search_path, MadeTables()):
        cursor = await connection.execute(
            "SELECT n.nspname::text, c.relname::text FROM pg_catalog.unnest(%s::text[]) AS w (name)"
            " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(w.name)"
            " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace",
            (written,),
        )
        return tuple((str(schema), str(name)) for schema, name in await cursor.fetchall())


async def check_search_path(connection: Connection, search_path: Sequence[str]) -> None:
    """Refuses a path on which somebody could place an object that changes what the statement means."""
    cursor = await connection.execute(
        "SELECT DISTINCT n.nspname::text FROM pg_catalog.pg_namespace n"
        " CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS acl"
        " WHERE n.nspname = ANY(%s::text[]) AND acl.privilege_type = 'CREATE' AND acl.grantee <> n.nspowner"
        "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = acl.grantee AND r.rolsuper)"
        " ORDER BY 1 LIMIT 1",
        (list(search_path),),
    )
    row = await cursor.fetchone()
    if row is not None:
        raise AgentError(
            f"others than its owner may create objects in the schema {row[0]}, and so change what names mean",
            code="unsafe_search_path",
            hint=f"Give another --search-path, or have CREATE on the schema {row[0]} revoked.",
        )


@asynccontextmanager
async def _alone(connection: Connection, search_path: Sequence[str], made: MadeTables) -> AsyncIterator[None]:
    """A read-only transaction with the settings of a reading, of which nothing is left afterwards. Before it becomes
    read-only, the temporary tables are made."""
    wanted = _SETTINGS | {"search_path": _path(search_path)}
    choose = sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in wanted.items()
    )
    making = made.statements()
    begin = sql.SQL("BEGIN READ WRITE" if making else "BEGIN READ ONLY")
    try:
        try:
            cursor = await connection.execute(sql.SQL("; ").join([begin, *making, sql.SQL("SELECT {}").format(choose)]))
        except psycopg.errors.ProgrammingError as error:
            raise AgentError(
                f"the reader cannot make the temporary tables that the text makes ({error.sqlstate})",
                code="temporary_tables",
                hint="GRANT TEMPORARY ON DATABASE lets it; or write the query without them.",
            ) from error
        while cursor.nextset():
            pass
        if await cursor.fetchone() != tuple(wanted.values()):
            raise AgentError("the reader's session does not take the settings of a reading", code="reader_unfit")
        yield
    finally:
        await connection.execute("ROLLBACK")
        await connection.execute("DISCARD ALL")


def _path(search_path: Sequence[str]) -> str:
    """As the login's: pg_temp comes last, so that no temporary table stands for another."""
    names = [*(each for each in search_path if each != "pg_temp"), "pg_temp"]
    return ", ".join('"' + each.replace('"', '""') + '"' for each in names)


async def _type_oids(connection: Connection, types: Sequence[str]) -> list[int]:
    if not types:
        return []
    cursor = await connection.execute(
        "SELECT coalesce(pg_catalog.to_regtype(w.name)::oid, 0)::bigint FROM pg_catalog.unnest(%s::text[])"
        " WITH ORDINALITY AS w (name, place) ORDER BY w.place",
        (list(types),),
    )
    return [int(str(oid)) for (oid,) in await cursor.fetchall()]


async def _parse(connection: Connection, text: str, types: Sequence[int]) -> None:
    """One Parse message. Several commands in one text are refused by the protocol."""
    try:
        data = text.encode(connection.info.encoding)
    except UnicodeEncodeError:
        raise RefusedByPostgresError("22P05", None) from None
    connection.pgconn.send_prepare(b"", data, types)
    (result,) = await connection.wait(generators.execute(connection.pgconn))
    if result.status == pq.ExecStatus.COMMAND_OK:
        return
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000").decode()
    if state in ("55P03", "40P01"):
        raise DatabaseBusyError("a table of the statement is locked", code="database_busy", hint="Try again.")
    position = result.error_field(pq.DiagnosticField.STATEMENT_POSITION)
    raise RefusedByPostgresError(state, int(position) if position else None)


async def _temporary(connection: Connection) -> frozenset[int]:
    """The OIDs of the temporary tables that were made for this reading."""
    cursor = await connection.execute(
        "SELECT c.oid::bigint FROM pg_catalog.pg_class c WHERE c.relnamespace = pg_catalog.pg_my_temp_schema()"
    )
    return frozenset(int(str(oid)) for (oid,) in await cursor.fetchall())


async def _described(connection: Connection) -> list[MadeColumn]:
    """The columns of the query that was parsed, by their types' own names."""
    connection.pgconn.send_describe_prepared(b"")
    (result,) = await connection.wait(generators.execute(connection.pgconn))
    columns = [((result.fname(place) or b"").decode(), result.ftype(place)) for place in range(result.nfields)]
    cursor = await connection.execute(
        "SELECT t.oid::bigint, coalesce(e.typname, t.typname)::text, n.nspname::text, e.oid IS NOT NULL"
        " FROM pg_catalog.pg_type t"
        " LEFT JOIN pg_catalog.pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem"
        " JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)"
        " WHERE t.oid = ANY(%s::bigint[]::oid[])",
        ([type_ for _, type_ in columns],),
    )
    types = {
        int(str(oid)): (str(schema), str(name), bool(array)) for oid, name, schema, array in await cursor.fetchall()
    }
    return [
        MadeColumn(name=name, type=types[type_][:2], array=types[type_][2]) for name, type_ in columns if type_ in types
    ]


def _aside(notice: _Notice) -> bool:
    if notice.severity == "LOG":
        return notice.function in _MEASUREMENTS and notice.context is None
    return notice.severity == "NOTICE" and notice.function == _TRUNCATION


def _only_tree(said: Sequence[_Notice]) -> str:
    """The text of the one tree, if nothing else was said. (That a long name is cut, the scanner itself may say; how
    long it took, the server.)"""
    heard = [each for each in said if not _aside(each)]
    if len(heard) == 1 and len(said) < MAX_NOTICES:
        (only,) = heard
        genuine = only.severity == "LOG" and only.function == _PRINTER and only.context is None
        if genuine and only.detail is not None:
            return only.detail
    raise ForgedTreeError(
        "PostgreSQL's reading of it cannot be trusted: analysing it runs code, or yields no tree",
        code="reading_untrusted",
        hint="Leave out casts to arrays, rows and ranges of domains whose checks call functions.",
    )
