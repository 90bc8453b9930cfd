"""From an identity that came over the wire to a person who is known: steps 3, 4 and 5 of the verification order.

3  ID token: issuer configured, algorithm allowed, key published by the issuer, audience, times
4  its nonce commits to the session key; the session is not too old
5  the act is signed by that key, names these tokens, is addressed here, and is neither stale nor early
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from p0_access.encoding import sha256_b64u
from p0_access.errors import ProofError
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Act, Subject
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import SKEW, KeySet, TrustedIssuer, VerifiedToken, unverified_issuer, verify_id_token
from p0_access.proof.keys import PublicKey

MAX_ACT_LIFETIME: Final = 7 * 24 * 3600

ActT = TypeVar("ActT", bound=Act)


class VerifiedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A person, proven: the subject, their session key, and until when this proof may be used (`current_until`)."""

    subject: Subject
    groups: tuple[str, ...]
    key: PublicKey
    bind: str
    client_id: str
    idh: str
    fresh: str | None
    signed_in_at: int
    current_until: int
    session_until: int

    @property
    def name(self) -> str:
        """For people: the verified address, else the subject."""
        return self.subject.email or self.subject.sub


def unverified_issuers(identity: Identity) -> frozenset[str]:
    """The issuers whose keys are needed to verify `identity`."""
    tokens = (identity.id_token, identity.fresh, identity.step_up)
    return frozenset(unverified_issuer(token) for token in tokens if token is not None)


def verify_identity(
    identity: Identity, *, issuers: Mapping[str, TrustedIssuer], keys: Mapping[str, KeySet], now: int
) -> VerifiedIdentity:
    """Steps 3 and 4. `issuers` and `keys` are by issuer; the keys were fetched from the issuers themselves."""
    if identity.step_up is not None:
        raise ProofError("a login for one act is not understood here", code="step_up_unsupported")
    issuer_name = unverified_issuer(identity.id_token)
    issuer = issuers.get(issuer_name)
    if issuer is None or issuer_name not in keys:
        raise ProofError(f"the issuer {issuer_name} is not trusted here", code="issuer_unknown")
    original = verify_id_token(
        identity.id_token, issuer=issuer, keys=keys[issuer_name], now=now, expired_ok=identity.fresh is not None
    )
    if original.nonce != commitment.nonce(identity.bind):
        raise ProofError("the ID token does not commit to this session key", code="nonce_mismatch")
    bind = commitment.open_bind(identity.bind)
    session_until = original.iat + min(bind.max_age, issuer.max_session)
    if session_until <= now:
        raise ProofError("the session is too old", code="session_too_old", hint="Sign in again: p0 login")
    current = original if identity.fresh is None else _verify_fresh(identity.fresh, original, issuer, keys, now)
    return VerifiedIdentity(
        subject=Subject(iss=current.iss, sub=current.sub, email=current.email),
        groups=current.groups,
        key=bind.jwk,
        bind=identity.bind,
        client_id=original.client_id,
        idh=original.hash,
        fresh=None if identity.fresh is None else current.hash,
        signed_in_at=original.auth_time or original.iat,
        current_until=min(current.exp, session_until),
        session_until=session_until,
    )


def _verify_fresh(
    token: str, original: VerifiedToken, issuer: TrustedIssuer, keys: Mapping[str, KeySet], now: int
) -> VerifiedToken:
    fresh = verify_id_token(token, issuer=issuer, keys=keys[issuer.issuer], now=now)
    if (fresh.sub, fresh.client_id) != (original.sub, original.client_id):
        raise ProofError("the refreshed ID token is someone else's", code="fresh_mismatch")
    if fresh.iat < original.iat:
        raise ProofError("the refreshed ID token is older than the login", code="fresh_older")
    return fresh


def verify_act(
    signed: SignedAct, type_: type[ActT], identity: VerifiedIdentity, *, audience: str, now: int
) -> jws.Verified[ActT]:
    """Step 5. `audience` is this agent's; a verified identity is the one that `signed` carries, and no other."""
    verified = jws.verify(signed.record, type_, identity.key)
    act = verified.record
    if act.aud != audience:
        raise ProofError("this was signed for another agent", code="act_audience")
    if act.idh != sha256_b64u(signed.identity.id_token.encode()) or act.idh != identity.idh:
        raise ProofError("this was signed beside another login", code="act_identity")
    if act.fresh != identity.fresh:
        raise ProofError("this was signed beside another refreshed token", code="act_fresh")
    if act.iat > now + SKEW:
        raise ProofError("this was signed in the future; check the clocks", code="act_early")
    if act.exp <= now or not act.iat < act.exp <= act.iat + MAX_ACT_LIFETIME:
        raise ProofError("this signature has expired", code="act_expired")
    return verified
