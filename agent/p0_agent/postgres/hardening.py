"""What an installation leaves open or lacks, found by looking only: for `p0 agent doctor`.

Every gap is in words, with the SQL that closes it where there is any. Nothing is changed, and no gap keeps the agent
from working: what does is `selfcheck`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.names import makers
from p0_agent.postgres.queries import query
from p0_agent.postgres.settings import PARAMETERS_FROM, SUPERUSERS

ACL_ENTRIES: Final = 1_500
"""An access list fails at little more than 2,100 entries, and then even its owner cannot change the table."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """`database` is None for the whole cluster; `fix` is SQL to be run there, as a superuser or the owner."""

    database: str | None
    what: str
    fix: str | None


async def cluster_gaps(connections: Connections, databases: Sequence[str]) -> tuple[Gap, ...]:
    """What the agent's own accounts lack, what any login can do in the cluster, and the ways into it. `databases` are
    the managed ones."""
    async with connections.control() as connection:
        account = {"broker": connections.powers.broker, "reader": connections.reader_name}
        gaps = await _gaps(connection, "doctor_account", None, account)
        ours = list(makers(connections.powers.broker))
        members = {"broker": connections.powers.broker, "agent": connections.agent_name, "makers": ours}
        gaps += await _gaps(connection, "doctor_members", None, members)
        if connection.info.server_version >= PARAMETERS_FROM:
            parameters = {"makers": ours, "names": list(SUPERUSERS)}
            gaps += await _gaps(connection, "doctor_parameters", None, parameters)
        gaps += await _gaps(connection, "doctor_cluster", None, {"databases": list(databases)})
        cursor = await connection.execute(
            "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT')"
            " AND pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')"
        )
        if await cursor.fetchone() == (True,):
            cursor = await connection.execute(query("doctor_hba"))
            gaps += [Gap(database=None, what=str(what), fix=None) for (what,) in await cursor.fetchall()]
    return tuple(gaps)


async def database_gaps(
    connections: Connections,
    databases: Mapping[str, Sequence[str]],
    *,
    privileges: Sequence[str],
    large_objects: bool,
) -> tuple[Gap, ...]:
    """What the agent lacks in each managed database to grant what its ceiling allows, and what any login that is let
    into it can do without a grant."""
    gaps: list[Gap] = []
    for database, schemas in databases.items():
        async with connections.writer(database) as connection:
            wanted = {
                "schemas": list(schemas),
                "broker": connections.powers.broker,
                "reader": connections.reader_name,
                "privileges": list(privileges),
                "large_objects": large_objects,
            }
            gaps += await _gaps(connection, "doctor_missing", database, wanted)
            parameters = {"schemas": list(schemas), "acl_entries": ACL_ENTRIES}
            gaps += await _gaps(connection, "doctor_database", database, parameters)
    return tuple(gaps)


async def _gaps(connection: Connection, name: str, database: str | None, parameters: Mapping[str, object]) -> list[Gap]:
    cursor = await connection.execute(query(name), parameters)
    return [
        Gap(database=database, what=str(what), fix=None if fix is None else str(fix))
        for what, fix in await cursor.fetchall()
    ]
