"""An act as it came over the wire becomes an act of a known person, or a refusal that names its step.

1  shape and caps             the JWS is a record of the expected kind, within its bounds
2  audience                   it was signed for this agent
3  ID token                   issuer, algorithm, key from the issuer itself, audience, times
4  commitment                 the token's nonce (or audience) commits to the session key; the session is not too old
5  signature                  the key signed this act beside these tokens, and it is neither stale nor early; a sign-in
                              made for an act was made for this one
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from p0_access.errors import P0Error
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Act
from p0_access.proof import jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.identity import VerifiedIdentity, unverified_issuers, verify_act, verify_identity
from p0_access.proof.issuers import TrustedIssuer
from p0_agent.errors import IssuerUnavailableError, RefusedError, Step, at

ActT = TypeVar("ActT", bound=Act)

_STEP_OF_CODE = dict.fromkeys(("nonce_mismatch", "audience_mismatch", "session_too_old"), Step.COMMITMENT)


class KeySource(Protocol):
    """Where an issuer's keys come from: the issuer, never the server. Without any: `issuer_unavailable`."""

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet: ...


class VerifiedAct(msgspec.Struct, Generic[ActT], frozen=True, kw_only=True):
    """An act and the person whose it is, both proven. `hash` names the act in other records."""

    act: ActT
    hash: str
    compact: str
    person: VerifiedIdentity


async def verify(
    unverified: SignedAct,
    type_: type[ActT],
    *,
    audience: str,
    issuers: Mapping[str, TrustedIssuer],
    key_source: KeySource,
    aliases: Mapping[str, str],
    now: int,
) -> VerifiedAct[ActT]:
    """Runs the five steps in order and stops at the first that fails.

    Raises `IssuerUnavailableError` while an issuer is away and the act is not past its end: it is to be tried again.
    """
    with at(Step.SHAPE):
        claimed = jws.unverified_record(unverified.record, type_)
        named = unverified_issuers(unverified.identity)
    if claimed.aud != audience:
        raise RefusedError("this was signed for another agent", step=Step.AUDIENCE, code="act_audience")
    try:
        keys = {
            name: await key_source.keys(issuers[name], _tokens(unverified)) for name in sorted(named) if name in issuers
        }
        person = verify_identity(unverified.identity, issuers=issuers, keys=keys, aliases=aliases, now=now)
    except P0Error as error:
        if error.code == "issuer_unavailable" and now < claimed.exp:
            raise IssuerUnavailableError(str(error), code=error.code) from error
        step = _STEP_OF_CODE.get(error.code, Step.TOKEN)
        raise RefusedError(str(error), step=step, code=error.code, hint=error.hint) from error
    with at(Step.SIGNATURE):
        verified = verify_act(unverified, type_, person, audience=audience, now=now)
    return VerifiedAct(act=verified.record, hash=verified.hash, compact=verified.compact, person=person)


def _tokens(unverified: SignedAct) -> tuple[str, ...]:
    identity = unverified.identity
    return tuple(token for token in (identity.id_token, identity.fresh, identity.step_up) if token is not None)
