"""Passwords put right where it cannot be seen that they were changed: where no superuser made `p0.verifier_is`.

A login may change its own password and hand it on. Once it has sessions, it is given the verifier that it was made with
again, at every look. The verifiers are kept in memory alone: after a restart those of before are no longer known.
"""

from __future__ import annotations

from p0_access.secret import Secret
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.messages import send
from p0_agent.postgres.sessions import count_sessions


class Passwords:
    def __init__(self) -> None:
        self._verifiers: dict[str, Secret] = {}

    def remember(self, login: str, verifier: Secret) -> None:
        self._verifiers[login] = verifier

    def forget(self, login: str) -> None:
        self._verifiers.pop(login, None)

    async def renew(self, connections: Connections) -> None:
        """One look at the logins that are remembered."""
        if not self._verifiers:
            return
        async with connections.look() as connection:
            cursor = await connection.execute(
                "SELECT pg_catalog.to_regprocedure('p0.verifier_is(text, bytea)') IS NULL"
            )
            if await cursor.fetchone() != (True,):
                return
        counted = await count_sessions(connections, list(self._verifiers))
        for login in [login for login, sessions in counted.items() if sessions]:
            async with connections.turn(login), connections.look() as connection:
                verifier = self._verifiers.get(login)  # it may have ended meanwhile
                if verifier is not None:
                    await send(connection, connections.powers.renew_password(login, verifier.reveal()))
