"""The signed-in session: who one is towards servers and agents, and the key that signs in one's name.

Owns the choice of tokens: the original ID token proves the binding to the session key; after it has expired a refreshed
one goes with it. The refresh token never leaves this machine but to the identity provider that gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from p0_access.encoding import b64u_decode, strict_json
from p0_access.messages.identity import Identity
from p0_access.messages.records import Subject
from p0_access.proof.keys import SigningKey
from p0_access.secret import Hidden
from p0_launcher.acts import Signer
from p0_launcher.errors import NotSignedInError
from p0_launcher.stepping_up import SignInFor, nobody_signs_in
from p0_launcher.wallet import StoredSession, Wallet

MARGIN: Final = 90
"""Seconds that a token must still hold when it is sent: it is verified at the server and again at the agent."""


class Refreshed(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh gives: a verified ID token, and the refresh token's successor if the provider rotates them."""

    id_token: str
    expires: int
    groups: tuple[str, ...]
    refresh_token: str | None


class Refresher(Protocol):
    """The identity provider, as far as a session needs it."""

    async def refresh(self, session: StoredSession) -> Refreshed:
        """Raises `NotSignedInError` when the provider ends the session, `UnavailableError` when it doesn't answer."""


class Session:
    """One sign-in in use. `clock` gives seconds since the epoch, `random(n)` n unpredictable bytes.
    `step_up(act, demands)` signs in for one act."""

    def __init__(
        self,
        stored: StoredSession,
        *,
        wallet: Wallet,
        refresher: Refresher,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        sign_in_for: SignInFor = nobody_signs_in,
    ) -> None:
        self._stored = stored
        self.step_up: Final = sign_in_for
        self._wallet = wallet
        self._refresher = refresher
        self._clock = clock
        self._random = random
        self.key: Final = SigningKey(b64u_decode(stored.seed))

    @property
    def subject(self) -> Subject:
        return self._stored.subject

    @property
    def groups(self) -> tuple[str, ...]:
        """As the provider names them; servers and agents may map them otherwise."""
        return self._stored.groups

    @property
    def until(self) -> int:
        """When the session ends for good, whatever is refreshed."""
        return self._stored.until

    async def identity(self) -> Identity:
        """Who one is, in tokens that hold long enough to be used now; refreshes them if need be."""
        now = int(self._clock())
        if not self._current(self._stored, now) and self._stored.renewable:
            await self._refresh(now)
        stored = self._stored
        if stored.until <= now:
            raise NotSignedInError("your sign-in is too old", code="session_too_old", hint="Sign in again: p0 login")
        if stored.expires > now + MARGIN:
            return Identity(bind=stored.bind, id_token=stored.id_token)
        if stored.fresh is not None and stored.fresh_expires > now:
            return Identity(bind=stored.bind, id_token=stored.id_token, fresh=stored.fresh)
        if stored.expires > now:
            return Identity(bind=stored.bind, id_token=stored.id_token)
        raise NotSignedInError("your sign-in has expired", code="session_expired", hint="Sign in again: p0 login")

    async def signer(self) -> Signer:
        """Signs acts beside the tokens of this moment: get one for each act."""
        return Signer(key=self.key, identity=await self.identity(), clock=self._clock, random=self._random)

    @staticmethod
    def _current(stored: StoredSession, now: int) -> bool:
        return max(stored.expires, stored.fresh_expires) > now + MARGIN or stored.until <= now

    async def _refresh(self, now: int) -> None:
        """Under the wallet's lock: a provider that rotates refresh tokens takes a second use for theft."""
        async with self._wallet.changing() as draft:
            kept = draft.contents.session
            if kept is None or kept.bind != self._stored.bind:
                raise NotSignedInError("you have signed out, or in again, meanwhile", hint="Try again")
            if not self._current(kept, now):
                got = await self._refresher.refresh(kept)
                kept = msgspec.structs.replace(
                    kept,
                    fresh=got.id_token,
                    fresh_expires=got.expires,
                    groups=got.groups,
                    refresh_token=got.refresh_token or kept.refresh_token,
                )
                draft.contents = msgspec.structs.replace(draft.contents, session=kept)
            self._stored = kept


def own_claims(token: str) -> dict[str, Any]:
    """What one's own ID token says, for telling people; it was verified when it was kept."""
    claims = strict_json(b64u_decode(token.split(".")[1]))
    return claims if isinstance(claims, dict) else {}


async def open_session(
    wallet: Wallet,
    refresher: Refresher,
    *,
    clock: Callable[[], float],
    random: Callable[[int], bytes],
    sign_in_for: SignInFor = nobody_signs_in,
) -> Session:
    """The session kept in `wallet`, or `NotSignedInError`."""
    stored = (await wallet.read()).session
    if stored is None:
        raise NotSignedInError("you are not signed in")
    return Session(stored, wallet=wallet, refresher=refresher, clock=clock, random=random, sign_in_for=sign_in_for)
