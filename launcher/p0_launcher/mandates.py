"""Allowances and delegations: whom they name, and how they are signed and handed in.

What is signed has been shown to the person before, in the words of `restating`; this asks nobody. A delegation is
signed for each agent that the profile trusts.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

import msgspec

from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Named
from p0_access.messages.views import RequestView
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_launcher.acts import new_mandate_rid
from p0_launcher.api import MAX_WAIT
from p0_launcher.connection import Connection
from p0_launcher.errors import StepUpRequiredError, UsageError
from p0_launcher.stepping_up import handed_in, lacking

Kind = Literal["statement", "grant"]
KINDS: Final[tuple[Kind, ...]] = ("statement", "grant")


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """An approval in advance: of `uses` requests of `person`, each for at most `ttl` seconds, in the `lifetime` seconds
    from now on."""

    person: Named
    database: str
    permissions: tuple[Permission, ...]
    kinds: tuple[Kind, ...]
    uses: int
    ttl: int
    lifetime: int
    comment: str = ""


class Delegating(msgspec.Struct, frozen=True, kw_only=True):
    """`person` approves in one's place for `lifetime` seconds: in all, or only as one of `groups`."""

    person: Named
    groups: tuple[str, ...] | None
    lifetime: int
    comment: str = ""


def named(user: str, *, own_issuer: str) -> Named:
    """A verified address or a subject of one's own issuer, or `https://issuer#subject`."""
    iss, mark, sub = user.partition("#")
    if mark and "://" in iss and sub:
        return Named(iss=iss, sub=sub, email=None)
    if "@" in user:
        return Named(iss=own_issuer, sub=None, email=user)
    return Named(iss=own_issuer, sub=user, email=None)


async def allow(connection: Connection, allowance: Allowance) -> RequestView:
    database = await connection.workflow.database(allowance.database)

    async def sign() -> SignedAct:
        signer = await connection.session.signer()
        return signer.sign_allow(
            agent=database.agent,
            rid=new_mandate_rid(secrets.token_bytes),
            subject=allowance.person,
            database=allowance.database,
            permissions=allowance.permissions,
            kinds=allowance.kinds,
            uses=allowance.uses,
            ttl=allowance.ttl,
            lifetime=allowance.lifetime,
            comment=allowance.comment,
        )

    return await _handed_in(connection, sign)


async def agents_to_delegate_at(connection: Connection) -> Sequence[str]:
    """Thumbprints; `UsageError` if there is none."""
    trusted = connection.profile.agents
    agents = sorted({view.agent for view in await connection.api.databases() if view.agent in trusted})
    if not agents:
        raise UsageError(
            "there is no database that you could approve for",
            code="nothing_found",
            hint="p0 ls lists the databases; their agents must be trusted: p0 login --agent",
        )
    return agents


async def delegate(connection: Connection, delegating: Delegating) -> list[RequestView]:
    found: list[RequestView] = []
    for agent in await agents_to_delegate_at(connection):

        async def sign(agent: str = agent) -> SignedAct:
            signer = await connection.session.signer()
            return signer.sign_delegation(
                agent=agent,
                rid=new_mandate_rid(secrets.token_bytes),
                to=delegating.person,
                groups=delegating.groups,
                lifetime=delegating.lifetime,
                comment=delegating.comment,
            )

        found.append(await _handed_in(connection, sign))
    return found


async def _handed_in(connection: Connection, sign: Callable[[], Awaitable[SignedAct]]) -> RequestView:
    """The mandate that `sign` signs, or another with a sign-in of its own, where the agent alone takes none without.
    Only by the agent's signed word: a server that just says so would get two that stand."""
    first, refused = await sign(), False

    async def send(act: SignedAct) -> RequestView:
        nonlocal refused
        view = await connection.api.mandate(act, wait=MAX_WAIT)
        demands = lacking(view, jws.record_hash(act.record), pins=connection.profile.agents)
        if demands:
            refused = True
            said = view.message or "this needs a sign-in of its own"
            raise StepUpRequiredError(said, hint=view.hint, demands=demands, final=True)
        return view

    async def anew() -> SignedAct:
        return await sign() if refused else first

    return await handed_in(send, first, connection.session.step_up, anew=anew)
