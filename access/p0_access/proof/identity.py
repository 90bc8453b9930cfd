"""From an identity that came over the wire to a person who is known: steps 3, 4 and 5 of the verification order.

3  ID token: issuer configured, algorithm allowed, key published by the issuer, audience, times
4  its nonce (of a workload, its audience) commits to the session key; the session is not too old
5  the act is signed by that key, names these tokens, is addressed here, and is neither stale nor early; a sign-in made
   for an act was made for this one, after it was signed

Whether an act needs a sign-in of its own is a matter of rules: `p0_access.routing.stepping_up`.
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
from p0_access.proof.id_token import SKEW, KeySet, VerifiedToken, unverified_issuer, verify_id_token
from p0_access.proof.issuers import NO_ALIASES, TrustedIssuer
from p0_access.proof.keys import PublicKey
from p0_access.routing.decision import Requestor, StepUp

MAX_ACT_LIFETIME: Final = 7 * 24 * 3600

MAX_PASTED_SESSION: Final = 3_600
"""Seconds that a session may last whose sign-in was pasted: people can be talked into pasting somebody else's."""

STEP_UP_SLACK: Final = 60
"""Seconds by which a sign-in for an act may seem to come before the act, as far as clocks differ."""

STEP_UP_SECONDS: Final = 300
"""Seconds that a sign-in for an act may take, from when the person proved who they are to the token: `iat` of an act is
its signer's word, so it alone does not tell that anybody was asked."""

ActT = TypeVar("ActT", bound=Act)


class VerifiedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, proven: the subject, their session key, and until when this proof may be used (`current_until`).

    Who only `pasted` their sign-in never approves. `step_up` is the token of a sign-in that was made for an act; which
    one is known once `verify_act` has seen the act.
    """

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
    pasted: bool = False
    step_up: VerifiedToken | None = None

    @property
    def stepped_up(self) -> StepUp | None:
        """How the sign-in was made that goes with the act; None without one."""
        if self.step_up is None:
            return None
        return StepUp(acr=() if self.step_up.acr is None else (self.step_up.acr,), amr=self.step_up.amr)

    @property
    def requestor(self) -> Requestor:
        """As rules see them."""
        return self.subject.requestor(self.groups)

    @property
    def name(self) -> str:
        """For people: the verified address, else the subject."""
        return self.subject.email or self.subject.sub


def unverified_issuers(identity: Identity) -> frozenset[str]:
    """The issuers whose keys are needed to verify `identity`."""
    tokens = (identity.id_token, identity.fresh, identity.step_up)
    return frozenset(unverified_issuer(token) for token in tokens if token is not None)


def verify_identity(
    identity: Identity,
    *,
    issuers: Mapping[str, TrustedIssuer],
    keys: Mapping[str, KeySet],
    aliases: Mapping[str, str] = NO_ALIASES,
    now: int,
) -> VerifiedIdentity:
    """Steps 3 and 4. `issuers` and `keys` are by issuer; the keys were fetched from the issuers themselves. `aliases`
    joins subjects, as `p0_access.proof.issuers.humans` does."""
    issuer_name = unverified_issuer(identity.id_token)
    issuer = issuers.get(issuer_name)
    if issuer is None or issuer_name not in keys:
        raise ProofError(f"the issuer {issuer_name} is not trusted here", code="issuer_unknown")
    original = verify_id_token(
        identity.id_token, issuer=issuer, keys=keys[issuer_name], now=now, expired_ok=identity.fresh is not None
    )
    _check_commitment(original, identity.bind, issuer)
    bind = commitment.open_bind(identity.bind)
    pasted = original.client_id in issuer.paste_client_ids
    longest = min(bind.max_age, issuer.max_session)
    session_until = original.iat + (min(longest, MAX_PASTED_SESSION) if pasted else longest)
    if session_until <= now:
        raise ProofError("the session is too old", code="session_too_old", hint="Sign in again: p0 login")
    current = original if identity.fresh is None else _verify_fresh(identity.fresh, original, issuer, keys, now)
    step_up = None if identity.step_up is None else _verify_step_up(identity.step_up, original, issuer, keys, now)
    return VerifiedIdentity(
        subject=Subject(
            iss=current.iss,
            sub=current.sub,
            email=current.email,
            claims=current.claims,
            human=aliases.get(f"{current.iss}#{current.sub}"),
        ),
        groups=current.groups,
        key=bind.jwk,
        bind=identity.bind,
        client_id=original.client_id,
        idh=original.hash,
        fresh=None if identity.fresh is None else current.hash,
        signed_in_at=original.auth_time or original.iat,
        current_until=min(current.exp, session_until, *(() if step_up is None else (step_up.exp,))),
        session_until=session_until,
        pasted=pasted,
        step_up=step_up,
    )


def _check_commitment(original: VerifiedToken, bind: str, issuer: TrustedIssuer) -> None:
    if issuer.workloads is not None:
        if original.client_id != commitment.workload_audience(bind):
            raise ProofError("the ID token's audience does not commit to this session key", code="audience_mismatch")
    elif original.nonce != commitment.nonce(bind):
        raise ProofError("the ID token does not commit to this session key", code="nonce_mismatch")


def _verify_fresh(
    token: str, original: VerifiedToken, issuer: TrustedIssuer, keys: Mapping[str, KeySet], now: int
) -> VerifiedToken:
    fresh = verify_id_token(token, issuer=issuer, keys=keys[issuer.issuer], now=now)
    if (fresh.sub, fresh.client_id) != (original.sub, original.client_id):
        raise ProofError("the refreshed ID token is someone else's", code="fresh_mismatch")
    if fresh.iat < original.iat:
        raise ProofError("the refreshed ID token is older than the login", code="fresh_older")
    return fresh


def _verify_step_up(
    token: str, original: VerifiedToken, issuer: TrustedIssuer, keys: Mapping[str, KeySet], now: int
) -> VerifiedToken:
    if original.client_id not in issuer.client_ids:
        raise ProofError("only who signs in with a browser can do so for one act", code="step_up_client")
    if unverified_issuer(token) != issuer.issuer:
        raise ProofError("the sign-in for this act is from another identity provider", code="step_up_issuer")
    found = verify_id_token(token, issuer=issuer, keys=keys[issuer.issuer], now=now)
    if (found.sub, found.client_id) != (original.sub, original.client_id):
        raise ProofError("the sign-in for this act is someone else's", code="step_up_subject")
    return found


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
    if identity.step_up is not None:
        check_made_for(identity.step_up, bind=identity.bind, act_hash=verified.hash, signed_at=act.iat)
    return verified


def check_made_for(token: VerifiedToken, *, bind: str, act_hash: str, signed_at: int) -> None:
    """Raises `ProofError` unless the sign-in of `token` was made for the act `act_hash`, after it was signed."""
    if token.nonce != commitment.step_up_nonce(bind, act_hash):
        raise ProofError("the sign-in was made for something else", code="step_up_nonce")
    if token.auth_time is None:
        raise ProofError("the identity provider does not say when the sign-in was", code="step_up_auth_time")
    if token.auth_time < max(signed_at - STEP_UP_SLACK, token.iat - STEP_UP_SECONDS):
        raise ProofError(
            "the identity provider did not ask to sign in for this", code="step_up_older", hint="Sign in anew for it."
        )
