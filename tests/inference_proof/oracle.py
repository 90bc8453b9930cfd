"""What PostgreSQL itself will check, from the plans that it prints when it runs a statement (debug_print_plan).

This is the truth that both readings are tested against. It is taken from another tree than PostgreSQL's reading in the
agent (the planned one, of a real run), and taken apart by patterns of its own: nothing here is shared with what it
judges but the names of permissions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from p0_access.permissions.permission import Kind, Permission, any_column, column, relation

_SYSTEM_COLUMNS: Final = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"}
_FIRST: Final = 7
"""Attribute numbers are printed with this added; so 7 is the whole row."""

_SETS: Final = r":selectedCols (\(b[ \d]*\)) :insertedCols (\(b[ \d]*\)) :updatedCols (\(b[ \d]*\))"
_SINCE_16: Final = re.compile(
    r"\{RTEPERMISSIONINFO :relid (\d+) :inh \w+ :requiredPerms (\d+) :checkAsUser (\d+) " + _SETS
)
_BEFORE_16: Final = re.compile(
    r":rtekind 0 :relid (\d+) (?:(?!:rtekind ).)*?:requiredPerms (\d+) :checkAsUser (\d+) " + _SETS
)
_BY_COLUMN: Final = ((2, "SELECT"), (1, "INSERT"), (4, "UPDATE"))
_WHOLE: Final = ((8, "DELETE"), (16, "TRUNCATE"))


_SETTINGS: Final = sql.SQL(
    "SET LOCAL log_min_messages = panic; SET LOCAL client_min_messages = log;"
    " SET LOCAL debug_pretty_print = off; SET LOCAL debug_print_plan = on; "
)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """By relation's OID, as planned. An empty set of columns means any one."""

    relid: int
    required: int
    selected: frozenset[int]
    inserted: frozenset[int]
    updated: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One run. `checked` is of the statement itself; `nested` of what functions, triggers and cascades ran in it, which
    may or may not be charged to who runs the statement."""

    checked: frozenset[Checked]
    nested: frozenset[Checked]
    error: psycopg.Error | None


async def observe(connection: psycopg.AsyncConnection, statement: str, role: str | None = None) -> Observed:
    """Runs a statement as `role` (for row-level security, which is not for superusers), in a transaction of the
    caller's, who rolls it back. What was planned before an error counts too: it is in `Observed.error`."""
    plans: list[tuple[str, bool]] = []

    def listen(said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "LOG" and said.message_primary == "plan:":
            plans.append((said.message_detail or "", said.context is None))

    act = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)) if role is not None else sql.SQL("RESET ROLE")
    await connection.execute(_SETTINGS + act)
    connection.add_notice_handler(listen)
    problem: psycopg.Error | None = None
    try:
        await execute(connection, statement)
    except psycopg.Error as error:
        problem = error
    finally:
        connection.remove_notice_handler(listen)
    version = connection.info.server_version // 10_000
    return Observed(
        error=problem,
        checked=frozenset(each for plan, top in plans if top for each in _checked(plan, version)),
        nested=frozenset(each for plan, top in plans if not top for each in _checked(plan, version)),
    )


async def execute(connection: psycopg.AsyncConnection, statement: str) -> None:
    """One statement; COPY too, which is given no rows."""
    async with connection.cursor() as cursor:
        if not re.match(r"\s*copy\b", statement, re.IGNORECASE):
            await cursor.execute(statement.encode())
            return
        async with cursor.copy(statement.encode()) as copy:
            if not re.search(r"\bfrom\s+stdin\b", statement, re.IGNORECASE):
                async for _ in copy:
                    pass


def _checked(plan: str, version: int) -> Iterable[Checked]:
    pattern = _SINCE_16 if version >= 16 else _BEFORE_16
    for relid, required, owner, *columns in pattern.findall(" ".join(plan.split())):
        if int(required) and not int(owner):
            selected, inserted, updated = (
                frozenset(int(bit) - _FIRST for bit in each.strip("(b)").split()) for each in columns
            )
            yield Checked(
                relid=int(relid), required=int(required), selected=selected, inserted=inserted, updated=updated
            )


async def named(connection: psycopg.AsyncConnection, checked: Iterable[Checked]) -> frozenset[Permission]:
    """By name, without what is in the system's own schemas; `any_column` only where no column is needed."""
    found = list(checked)
    cursor = await connection.execute(
        "SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind = 'S',"
        " ARRAY(SELECT a.attnum::int FROM pg_attribute a"
        "       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1),"
        " ARRAY(SELECT a.attname::text FROM pg_attribute a"
        "       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = ANY(%s) AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
        ([each.relid for each in found],),
    )
    relations = {
        oid: (schema, name, is_sequence, dict(zip(numbers, names, strict=True)))
        for oid, schema, name, is_sequence, numbers, names in await cursor.fetchall()
    }
    permissions: set[Permission] = set()
    for each in found:
        if each.relid in relations:
            permissions |= set(_permissions(each, *relations[each.relid]))
    return without_any(permissions)


def _permissions(
    each: Checked, schema: str, name: str, is_sequence: bool, names: dict[int, str]
) -> Iterable[Permission]:
    for bit, privilege in _WHOLE:
        if each.required & bit:
            yield relation(schema, name, privilege)
    for (bit, privilege), numbers in zip(_BY_COLUMN, (each.selected, each.inserted, each.updated), strict=True):
        if not each.required & bit:
            continue
        if is_sequence:
            yield Permission(Kind.SEQUENCE, schema, name, None, privilege)
        elif not numbers:
            yield any_column(schema, name, privilege) if names else relation(schema, name, privilege)
        else:
            wanted = (numbers - {0}) | (names.keys() if 0 in numbers else set())
            for number in wanted:
                yield column(schema, name, names[number] if number > 0 else _SYSTEM_COLUMNS[number], privilege)


def without_any(permissions: Iterable[Permission]) -> frozenset[Permission]:
    """Without `any_column` where a column of the relation is needed with that privilege anyway."""
    found = frozenset(permissions)
    held = {(each.schema, each.object, each.privilege) for each in found if each.kind is Kind.COLUMN}
    return frozenset(
        each
        for each in found
        if each.kind is not Kind.ANY_COLUMN or (each.schema, each.object, each.privilege) not in held
    )
