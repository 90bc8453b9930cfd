"""The set-up of a cluster for the agent, and its undoing: SQL that a DBA reads and runs, and may run again.

It makes the least that the agent needs: a broker role that may grant on the managed schemas, the makers that make
logins for it, the agent's login, which acts as the broker or (hardened) calls its functions, the reader that reads no
table, the agent's schema, and the evidence log. Passwords go in as verifiers. Whoever runs it is a superuser, or an
administrator who may create roles and owns, or is a member of who owns, what is managed. Nothing here connects to a
database.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from psycopg import sql

from p0_agent.postgres.guard import GuardCeiling
from p0_agent.postgres.guard_text import body_digests, ceiling_parts, constants
from p0_agent.postgres.names import LOGIN_PATTERN, MAKER_SUFFIX, MAKERS, SET_PATTERN, is_reserved_schema, makers
from p0_agent.postgres.powers import DEFAULT_BROKER, DEFAULT_KEEPER, KEEPER_COMMENT, MAKER_BODY
from p0_agent.postgres.queries import query

MAX_IDENTIFIER_BYTES: Final = 63
CONNECTIONS_BESIDE_WRITERS: Final = 6
"""The ledger's connection, visits to other databases, and as much again while a broken one is not yet gone."""

PINNED: Final = "SET search_path = pg_catalog, pg_temp;\n"
"""Begins each script: whoever may make operators in a schema of the path would have them run by the DBA."""

QUOTE: Final = "$p0$"
"""What the bodies of functions are quoted with; names in them must not end it."""


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the agent's own roles. Two agents in one cluster need different ones."""

    broker: str = DEFAULT_BROKER
    agent: str = "p0_agent"
    reader: str = "p0_reader"
    keeper: str = DEFAULT_KEEPER


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """SQL to be run in `database`. Statements of it may not be run in one transaction with others'."""

    database: str
    sql: str


def bootstrap_sql(
    *,
    server_version: int,
    home: str,
    databases: Mapping[str, Sequence[str]],
    agent_verifier: str,
    reader_verifier: str,
    roles: Roles | None = None,
    hardened: GuardCeiling | None = None,
    keeping: Collection[str] = (),
    large_objects: bool = False,
) -> tuple[Script, ...]:
    """The scripts, in order. `server_version` is the major version, `databases` maps each to its managed schemas;
    with `hardened` the agent's login is held to that. In the databases of `keeping` what logins own at their end is
    handed to the keeper, a role that is made only if there are any. With `large_objects` the agent may grant on those
    that are there.

    `home` holds the ledger; it need not be managed. Raises `ValueError` for a name that PostgreSQL would cut.
    """
    roles = roles or Roles()
    _check_names(roles, home, databases)
    keeper = roles.broker if hardened is None else roles.agent
    connections = sql.Literal(2 * len(databases) + CONNECTIONS_BESIDE_WRITERS)
    parts = _names(roles) | {
        "keeper": sql.Identifier(keeper),
        "keeper_name": sql.Literal(keeper),
        "agent_verifier": sql.Literal(agent_verifier),
        "reader_verifier": sql.Literal(reader_verifier),
        "agent_connections": connections,
        "reader_connections": connections,
    }
    acting = "bootstrap_apart"
    if hardened is None:
        acting = "bootstrap_member_16" if server_version >= 16 else "bootstrap_member"
    scripts = [Script(database=home, sql=PINNED + _filled("bootstrap_cluster", parts) + _filled(acting, parts))]
    if keeping:
        scripts.append(Script(database=home, sql=PINNED + _filled("bootstrap_keeper", parts)))
    for database in dict.fromkeys((home, *databases)):
        schemas = databases.get(database, ())
        text = PINNED + _filled("bootstrap_database", parts | {"database": sql.Identifier(database)})
        text += _filled("bootstrap_makers", parts)
        for schema in schemas:
            text += _filled(
                "bootstrap_schema", parts | {"schema": sql.Identifier(schema), "schema_name": sql.Literal(schema)}
            )
        if large_objects and schemas:
            text += _filled("bootstrap_large_objects", parts)
        if database == home:
            text += _filled("bootstrap_home", parts)
        if hardened is not None:
            ceiling = ceiling_parts(hardened, schemas, roles.keeper if database in keeping else None)
            bodies = {"bodies": sql.Literal(list(body_digests(roles.broker).values()))}
            text += _filled("guard", parts | constants(roles.broker) | ceiling | bodies)
        scripts.append(Script(database=database, sql=text))
    return tuple(scripts)


def undo_sql(*, home: str, databases: Iterable[str], roles: Roles | None = None) -> tuple[Script, ...]:
    """The scripts that take all of it out again, the ledger and the evidence included, in order; PUBLIC gets back what
    it had. They refuse while there are accesses."""
    roles = roles or Roles()
    _check_names(roles, home, dict.fromkeys(databases, ()))
    parts = _names(roles)
    places = [*(database for database in databases if database != home), home]
    scripts = [Script(database=database, sql=PINNED + _filled("undo_database", parts)) for database in places]
    return (*scripts, Script(database=home, sql=_filled("undo_cluster", parts)))


def psql_text(scripts: Sequence[Script]) -> str:
    """All of them as one file for psql, which stops at the first error."""
    text = "\\set ON_ERROR_STOP on\n"
    for script in scripts:
        if any(ord(character) < ord(" ") for character in script.database):
            raise ValueError(f"not a name for psql: {script.database!r}")
        value = script.database.replace("\\", "\\\\").replace("'", "\\'")  # as libpq reads it
        argument = f"dbname='{value}'".replace('"', '""')  # as psql reads it
        text += f'\n\\connect -reuse-previous=on "{argument}"\n\n{script.sql}'
    return text


def _check_names(roles: Roles, home: str, databases: Mapping[str, Sequence[str]]) -> None:
    ours = (roles.broker, roles.agent, roles.reader, roles.keeper)
    for name in (
        *ours,
        *makers(roles.broker),
        home,
        *databases,
        *(schema for schemas in databases.values() for schema in schemas),
    ):
        if not 0 < len(name.encode()) <= MAX_IDENTIFIER_BYTES or "\0" in name:
            raise ValueError(f"not a name in PostgreSQL: {name!r}")
    for name in ours:
        if QUOTE in name:
            raise ValueError(f"not a name for a role of the agent's: {name!r}")
        if re.search(MAKER_SUFFIX, name):
            raise ValueError(
                f"not a name for a role of the agent's: {name!r} is like those of the roles that make others"
            )
    for schemas in databases.values():
        for schema in schemas:
            if is_reserved_schema(schema):
                raise ValueError(f"not a schema to grant on: {schema!r} is PostgreSQL's or the agent's own")


def _names(roles: Roles) -> dict[str, sql.Composable]:
    return {
        "broker": sql.Identifier(roles.broker),
        "agent": sql.Identifier(roles.agent),
        "reader": sql.Identifier(roles.reader),
        "keeper_role": sql.Identifier(roles.keeper),
        "keeper_role_name": sql.Literal(roles.keeper),
        "keeper_comment": sql.Literal(KEEPER_COMMENT),
        "broker_name": sql.Literal(roles.broker),
        "makers": sql.Literal(MAKERS),
        "maker_suffix": sql.Literal(MAKER_SUFFIX),
        "maker_body": sql.Literal(MAKER_BODY),
        "agent_name": sql.Literal(roles.agent),
        "reader_name": sql.Literal(roles.reader),
        "login_pattern": sql.Literal(LOGIN_PATTERN),
        "set_pattern": sql.Literal(SET_PATTERN),
    }


def _filled(name: str, parts: Mapping[str, sql.Composable]) -> str:
    """A template with its parts quoted by psycopg. Templates are files of this package: literals as much as code is."""
    return sql.SQL(query(name).decode()).format(**parts).as_string(None)
