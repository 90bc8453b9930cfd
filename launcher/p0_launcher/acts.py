"""Signing acts: a person's request, approval, collection or end, put together and signed beside their tokens.

What may be signed is decided by the caller, who has shown it to the person; this only fills in and signs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypedDict

from p0_access.encoding import b64u
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.mandates import Allow, Delegation, Named, Review
from p0_access.messages.records import Approval, Collect, End, Hash, Record, Request, SealingKey, What
from p0_access.permissions.permission import Permission, canonical
from p0_access.proof import jws
from p0_access.proof.id_token import token_hash
from p0_access.proof.keys import SigningKey

REQUEST_LIFETIME: Final = 24 * 3600
"""Seconds until a request that nobody decided lapses."""

APPROVAL_LIFETIME: Final = 3600
COLLECT_LIFETIME: Final = 120
END_LIFETIME: Final = 24 * 3600


def new_mandate_rid(random: Callable[[int], bytes]) -> str:
    """As a request's, beginning with `m-`: an allowance or a delegation."""
    return "m-" + new_rid(random).removeprefix("r-")


def new_rid(random: Callable[[int], bytes]) -> str:
    """A request's short id, for people to say and type: `r-` and eight of a-z2-7, 40 random bits."""
    return "r-" + base64.b32encode(random(5)).decode("ascii").lower()


def audience(thumbprint: str) -> str:
    """Who an act is for: one agent."""
    return f"p0-agent:{thumbprint}"


class _Common(TypedDict):
    """The fields that every act has."""

    aud: str
    idh: str
    fresh: str | None
    iat: int
    exp: int
    jti: str


class _Standing(_Common):
    """The fields that every mandate has, but for those that people choose."""

    nbf: int


class Signer:
    """A session key and the tokens of this moment. `clock` gives seconds since the epoch, `random(n)` n bytes."""

    def __init__(
        self,
        *,
        key: SigningKey,
        identity: Identity,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._key = key
        self._identity = identity
        self._clock = clock
        self._random = random

    def sign_request(
        self,
        *,
        agent: str,
        rid: str,
        database: str,
        what: What,
        reason: str,
        ttl: int | None,
        one_shot: bool | None,
        enc: SealingKey,
        break_glass: bool = False,
        extends: Hash | None = None,
    ) -> SignedAct:
        """`agent` is the thumbprint of the agent that serves `database`; `enc` the request's own sealing key; `extends`
        the hash of the request whose access is to last longer."""
        return self._signed(
            Request(
                **self._common(agent, REQUEST_LIFETIME),
                rid=rid,
                database=database,
                what=what,
                reason=reason,
                ttl=ttl,
                one_shot=one_shot,
                break_glass=break_glass,
                extends=extends,
                enc=enc,
            )
        )

    def sign_approval(
        self,
        *,
        agent: str,
        ah: Hash,
        decision: Literal["approve", "deny"],
        permissions: Iterable[Permission],
        ttl: int,
        comment: str,
    ) -> SignedAct:
        """`ah` is the hash of the admission that was read; `permissions` and `ttl` are what is granted of it."""
        return self._signed(
            Approval(
                **self._common(agent, APPROVAL_LIFETIME),
                ah=ah,
                decision=decision,
                permissions=canonical(permissions),
                ttl=ttl,
                comment=comment,
            )
        )

    def sign_collect(self, *, agent: str, rh: Hash, ah: Hash) -> SignedAct:
        """ "I am here and want it now", for the request `rh` as admitted in `ah`."""
        return self._signed(
            Collect(
                **self._common(agent, COLLECT_LIFETIME),
                rh=rh,
                ah=ah,
            )
        )

    def sign_end(
        self, *, agent: str, rh: Hash, act: Literal["cancel", "relinquish", "revoke"], comment: str
    ) -> SignedAct:
        return self._signed(
            End(
                **self._common(agent, END_LIFETIME),
                rh=rh,
                act=act,
                comment=comment,
            )
        )

    def sign_allow(
        self,
        *,
        agent: str,
        rid: str,
        subject: Named,
        database: str,
        permissions: Iterable[Permission],
        kinds: tuple[Literal["statement", "role", "grant"], ...],
        uses: int,
        ttl: int,
        lifetime: int,
        comment: str,
    ) -> SignedAct:
        """An approval in advance, for `lifetime` seconds from now."""
        return self._signed(
            Allow(
                **self._standing(agent, lifetime),
                rid=rid,
                comment=comment,
                subject=subject,
                database=database,
                permissions=canonical(permissions),
                kinds=kinds,
                uses=uses,
                ttl=ttl,
            )
        )

    def sign_delegation(
        self, *, agent: str, rid: str, to: Named, groups: tuple[str, ...] | None, lifetime: int, comment: str
    ) -> SignedAct:
        """`to` may approve in one's place, for `lifetime` seconds from now."""
        return self._signed(
            Delegation(**self._standing(agent, lifetime), rid=rid, comment=comment, to=to, groups=groups)
        )

    def sign_review(self, *, agent: str, rh: Hash, ah: Hash, comment: str) -> SignedAct:
        """An emergency has been looked at, as admitted in `ah`."""
        return self._signed(Review(**self._common(agent, APPROVAL_LIFETIME), rh=rh, ah=ah, comment=comment))

    def _signed(self, record: Record) -> SignedAct:
        return SignedAct(record=jws.sign(record, self._key), identity=self._identity)

    def _common(self, agent: str, lifetime: int) -> _Common:
        iat = int(self._clock())
        fresh = self._identity.fresh
        return _Common(
            aud=audience(agent),
            idh=token_hash(self._identity.id_token),
            fresh=None if fresh is None else token_hash(fresh),
            iat=iat,
            exp=iat + lifetime,
            jti=b64u(self._random(16)),
        )

    def _standing(self, agent: str, lifetime: int) -> _Standing:
        common = self._common(agent, lifetime)
        return _Standing(**common, nbf=common["iat"])
