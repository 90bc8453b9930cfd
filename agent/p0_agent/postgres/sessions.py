"""Who is connected: what the one-shot watch and people's views are made from."""

from __future__ import annotations

from collections.abc import Collection

from p0_agent.postgres.connections import Connections


async def count_sessions(connections: Connections, logins: Collection[str]) -> dict[str, int]:
    """How many sessions each login has just now, in any database of the cluster; one query for all of them.

    A session that came and went between two looks is not seen: PostgreSQL keeps no record that the agent may read.
    """
    async with connections.control() as connection:
        cursor = await connection.execute(
            "SELECT r.rolname::text, count(a.pid)::int FROM pg_catalog.pg_roles r"
            " JOIN pg_catalog.pg_stat_activity a ON a.usesysid = r.oid"
            " WHERE r.rolname = ANY(%s) AND a.backend_type IS DISTINCT FROM 'parallel worker' GROUP BY r.rolname",
            (list(logins),),
        )
        counted = {str(login): int(str(number)) for login, number in await cursor.fetchall()}
    return {login: counted.get(login, 0) for login in logins}
