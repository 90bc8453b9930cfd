"""How often p0's own reading of SQL was not PostgreSQL's, by the admissions in the evidence log.

An admission says so when it is made (`readings_differ`), so this outlives the agent's process and its log. It owns no
state and judges nothing: what a difference was, the agent's log says.
"""

from __future__ import annotations

from typing import Final

import msgspec

from p0_access.messages.records import Admission
from p0_access.proof.jws import unverified_record
from p0_agent.postgres.connections import Connections

RECENT: Final = 10_000
"""Entries of the log that are looked through, from its end."""

_CODE: Final = "readings_differ"


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """Of so many recent admissions; `last` is when the latest that differed was made."""

    admissions: int
    differing: int
    last: int | None


async def recent(connections: Connections) -> Differences:
    """Raises `PostgresError` where there is no log to read."""
    async with connections.control() as connection:
        cursor = await connection.execute(
            "SELECT at, body FROM p0_evidence.log WHERE kind = 'admission'"
            " AND n > (SELECT coalesce(max(n), 0) FROM p0_evidence.log) - %s ORDER BY n",
            (RECENT,),
        )
        rows = await cursor.fetchall()
    times = [int(str(at)) for at, body in rows if _differs(unverified_record(str(body), Admission))]
    return Differences(admissions=len(rows), differing=len(times), last=times[-1] if times else None)


def _differs(admission: Admission) -> bool:
    return any(warning.code == _CODE for warning in admission.warnings)
