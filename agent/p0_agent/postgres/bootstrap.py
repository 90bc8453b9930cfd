"""The set-up of a cluster for the agent: SQL that a DBA reads, runs once as a superuser, and may run again.

It makes the least that the agent needs: a broker role that may grant on the managed schemas and make logins, the
agent's login that acts as the broker, the reader that reads no table, the agent's schema, and the evidence log.
Passwords go in as verifiers. Nothing here connects to a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from psycopg import sql

from p0_agent.postgres.queries import query

MAX_IDENTIFIER_BYTES: Final = 63
CONNECTIONS_BESIDE_WRITERS: Final = 6
"""The ledger's connection, visits to other databases, and as much again while a broken one is not yet gone."""


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the agent's own roles. Two agents in one cluster need different ones."""

    broker: str = "p0_broker"
    agent: str = "p0_agent"
    reader: str = "p0_reader"


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
) -> tuple[Script, ...]:
    """The scripts, in order. `server_version` is the major version, `databases` maps each to its managed schemas.

    `home` holds the ledger; it need not be managed. Raises `ValueError` for a name that PostgreSQL would cut.
    """
    roles = roles or Roles()
    names = (
        roles.broker,
        roles.agent,
        roles.reader,
        home,
        *databases,
        *(s for all_ in databases.values() for s in all_),
    )
    for name in names:
        if not 0 < len(name.encode()) <= MAX_IDENTIFIER_BYTES or "\0" in name:
            raise ValueError(f"not a name in PostgreSQL: {name!r}")
    parts: dict[str, sql.Composable] = {
        "broker": sql.Identifier(roles.broker),
        "agent": sql.Identifier(roles.agent),
        "reader": sql.Identifier(roles.reader),
        "broker_name": sql.Literal(roles.broker),
        "agent_name": sql.Literal(roles.agent),
        "reader_name": sql.Literal(roles.reader),
        "agent_verifier": sql.Literal(agent_verifier),
        "reader_verifier": sql.Literal(reader_verifier),
        "agent_connections": sql.Literal(2 * len(databases) + CONNECTIONS_BESIDE_WRITERS),
        "reader_connections": sql.Literal(2 * len(databases) + CONNECTIONS_BESIDE_WRITERS),
    }
    membership = "bootstrap_member_16" if server_version >= 16 else "bootstrap_member"
    scripts = [Script(database=home, sql=_filled("bootstrap_cluster", parts) + _filled(membership, parts))]
    for database in dict.fromkeys((home, *databases)):
        text = _filled("bootstrap_database", parts | {"database": sql.Identifier(database)})
        for schema in databases.get(database, ()):
            text += _filled(
                "bootstrap_schema", parts | {"schema": sql.Identifier(schema), "schema_name": sql.Literal(schema)}
            )
        if database == home:
            text += _filled("bootstrap_home", parts)
        scripts.append(Script(database=database, sql=text))
    return tuple(scripts)


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


def _filled(name: str, parts: Mapping[str, sql.Composable]) -> str:
    """A template with its parts quoted by psycopg. Templates are files of this package: literals as much as code is."""
    return sql.SQL(query(name).decode()).format(**parts).as_string(None)
