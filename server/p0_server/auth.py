"""Who calls: a person by their identity and session key, an agent by its own key. Each call proves the key anew.

A person's verified identity is remembered until it is no longer current, so that tokens are not verified on every call;
the proof of possession is, and each counts once, also across restarts of the server.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from p0_access.encoding import b64u_decode, decode, encode
from p0_access.errors import P0Error
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Act
from p0_access.proof import jws
from p0_access.proof.id_token import SKEW, unverified_issuer
from p0_access.proof.identity import VerifiedIdentity, verify_act, verify_identity
from p0_access.proof.issuers import humans
from p0_access.proof.keys import PublicKey
from p0_access.proof.possession import verify_possession
from p0_access.routing.directory import CurrentDirectory
from p0_server.config import AgentSettings, Settings
from p0_server.errors import ForbiddenError, ServerError, UnauthorizedError
from p0_server.jwks import KeyFetcher
from p0_server.proofs import Proofs
from p0_server.rate import RateCap

MAX_REMEMBERED: Final = 4_096
MAX_CREDENTIAL_CHARS: Final = 160 * 1024

ActT = TypeVar("ActT", bound=Act)

_SIGN_IN: Final = "Sign in again: p0 login"


class Call:
    """What of an HTTP call the proofs are about. `url` is without query and fragment."""

    __slots__ = ("authorization", "method", "proof", "url")

    def __init__(self, *, method: str, url: str, authorization: str | None, proof: str | None) -> None:
        self.method = method
        self.url = url
        self.authorization = authorization
        self.proof = proof


class Authenticator:
    """`clock` gives seconds since the epoch."""

    def __init__(
        self,
        settings: Settings,
        proofs: Proofs,
        keys: KeyFetcher,
        directory: CurrentDirectory,
        clock: Callable[[], float],
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in settings.issuers}
        self._aliases = humans(settings.aliases)
        self._agents = {agent.thumbprint: agent for agent in settings.agents}
        self._proofs = proofs
        self._keys = keys
        self._directory = directory
        self._clock = clock
        self._rates = RateCap()
        self._remembered: OrderedDict[bytes, VerifiedIdentity] = OrderedDict()

    async def person(self, call: Call) -> tuple[VerifiedIdentity, Awaitable[None]]:
        """Who signed in, and holds the session key now; and what is awaited before they are answered.

        Raises `UnauthorizedError`; `UnavailableError` when the identity provider is needed and away.
        """
        credential = _credential(call, "P0", hint=_SIGN_IN)
        try:
            identity = decode(b64u_decode(credential), Identity, max_bytes=MAX_CREDENTIAL_CHARS)
            found = await self.identity(identity)
            kept = self._possession(call, found.key, credential)
            await self._within_rate(f"{found.subject.iss}#{found.subject.sub}", kept)
        except ServerError:
            raise
        except P0Error as error:
            raise UnauthorizedError(str(error), code=error.code, hint=error.hint) from error
        return found, kept

    async def agent(self, call: Call) -> tuple[AgentSettings, Awaitable[None]]:
        """Which configured agent calls; and what is awaited before it is answered."""
        thumbprint = _credential(call, "P0-Agent", hint=None)
        agent = self._agents.get(thumbprint)
        if agent is None:
            raise ForbiddenError(
                "this agent is not configured here",
                code="agent_unknown",
                hint="Add it to [[agents]] in the server's configuration.",
            )
        try:
            kept = self._possession(call, agent.jwk, thumbprint)
            await self._within_rate(thumbprint, kept)
        except ServerError:
            raise
        except P0Error as error:
            raise UnauthorizedError(str(error), code=error.code, hint=error.hint) from error
        return agent, kept

    async def identity(self, unverified: Identity) -> VerifiedIdentity:
        """The person behind an identity, verified now or a moment ago. Raises `ProofError` or `MalformedError`."""
        key = hashlib.sha256(encode(unverified)).digest()
        now = int(self._clock())
        found = self._remembered.get(key)
        if found is None or found.current_until <= now:
            found = await self._verified(unverified, now)
            self._remembered[key] = found
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._with_groups(found)

    async def act(
        self, person: VerifiedIdentity, signed: SignedAct, type_: type[ActT], *, agent: str
    ) -> jws.Verified[ActT]:
        """An act, proven to be the caller's own and for `agent` (a thumbprint).

        The tokens beside it may be others than those of the call: fresher ones, or from a step-up.
        """
        signer = await self.identity(signed.identity)
        if (signer.subject.iss, signer.subject.sub) != (person.subject.iss, person.subject.sub):
            raise ForbiddenError("this was signed by somebody else", code="act_of_another")
        return verify_act(signed, type_, signer, audience=f"p0-agent:{agent}", now=int(self._clock()))

    def _with_groups(self, person: VerifiedIdentity) -> VerifiedIdentity:
        """With the groups that the directory adds now."""
        of = person.subject
        groups = self._directory.value.extended(person.groups, iss=of.iss, sub=of.sub, email=of.email)
        return msgspec.structs.replace(person, groups=groups)

    async def _verified(self, unverified: Identity, now: int) -> VerifiedIdentity:
        tokens: dict[str, list[str]] = {}
        for token in (unverified.id_token, unverified.fresh, unverified.step_up):
            if token is not None:
                tokens.setdefault(unverified_issuer(token), []).append(token)
        keys = {
            name: await self._keys.keys(self._issuers[name], tuple(of_issuer))
            for name, of_issuer in tokens.items()
            if name in self._issuers
        }
        return verify_identity(unverified, issuers=self._issuers, keys=keys, aliases=self._aliases, now=now)

    def _possession(self, call: Call, key: PublicKey, credential: str) -> Awaitable[None]:
        if call.proof is None:
            raise UnauthorizedError("the call proves no key", code="proof_missing")
        now = int(self._clock())
        proof = verify_possession(call.proof, key, method=call.method, url=call.url, credential=credential, now=now)
        return self._proofs.use(key.thumbprint, proof.jti, until=proof.iat + 2 * SKEW, now=now)

    async def _within_rate(self, who: str, kept: Awaitable[None]) -> None:
        try:
            self._rates.take(who, self._clock())
        except ServerError:
            await kept  # this is an answer, too
            raise


def _credential(call: Call, scheme: str, *, hint: str | None) -> str:
    given, _, credential = (call.authorization or "").partition(" ")
    if given != scheme or not credential:
        raise UnauthorizedError("the call says not who makes it", code="unauthenticated", hint=hint)
    if len(credential) > MAX_CREDENTIAL_CHARS:
        raise UnauthorizedError("the identity is too large", code="oversize")
    return credential
