"""A login that lasts longer: its row in the ledger, its VALID UNTIL and comment, and the request that asked for it, in
one transaction of the home database. Whether it may is not looked at here.
"""

from __future__ import annotations

from psycopg import sql

from p0_agent.postgres.connections import Connections
from p0_agent.postgres.drift import settings_as_noted
from p0_agent.postgres.errors import LedgerError
from p0_agent.postgres.provision import comment_until


async def extend(connections: Connections, rh: str, *, extends: str, not_after: int, now: int) -> None:
    """`not_after` is the login's new end, in seconds since the epoch. Repeated after a crash it finds the request
    `extended` and changes nothing.

    Raises `LedgerError` when the access is not live any more, has come to its end, or would not last longer.
    """
    async with connections.control() as connection:
        cursor = await connection.execute(
            "SELECT login, not_after, coalesce(settings, '{}'), stage,"
            " pg_catalog.shobj_description(pg_catalog.to_regrole(pg_catalog.quote_ident(login)), 'pg_authid')"
            " FROM p0.request WHERE rh = %s FOR UPDATE",
            (extends,),
        )
        first = await cursor.fetchone()
        cursor = await connection.execute("SELECT stage FROM p0.request WHERE rh = %s FOR UPDATE", (rh,))
        second = await cursor.fetchone()
        if first is None or second is None:
            raise LedgerError("there is no such request", code="ledger_unknown")
        login, end, settings, stage = str(first[0]), int(str(first[1] or 0)), first[2], str(first[3])
        if second[0] == "extended":
            return
        if stage != "sealed" or end <= now:
            raise LedgerError("the access has ended", code="extension_ended", hint="Ask for a new one.")
        if second[0] != "approved":
            raise LedgerError(f"the request is {second[0]} already", code=f"already_{second[0]}")
        if not_after <= end:
            raise LedgerError(
                "it would not last longer than it does",
                code="extension_shorter",
                hint="The time counts from the start of the access, and the rules cap it.",
            )
        noted = settings_as_noted([str(setting) for setting in settings] if isinstance(settings, list) else [])
        comment = comment_until(str(first[4] or ""), not_after, stamped=connections.powers.apart)
        await connection.execute(connections.powers.restore(login, not_after, noted, elsewhere=(), comment=comment))
        await connection.execute(
            sql.SQL("UPDATE p0.request SET not_after = %s, updated_at = %s WHERE rh = %s"), (not_after, now, extends)
        )
        await connection.execute(
            sql.SQL("UPDATE p0.request SET stage = 'extended', updated_at = %s WHERE rh = %s"), (now, rh)
        )
