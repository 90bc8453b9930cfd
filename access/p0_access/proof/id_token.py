"""ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): verified with keys that the caller fetched from the issuer
itself.

Not checked here: the nonce and the session's age, which `p0_access.proof.identity` holds against the commitment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from p0_access.encoding import b64u_decode, sha256_b64u, strict_json
from p0_access.errors import MalformedError, ProofError
from p0_access.proof.commitment import WORKLOAD_AUDIENCE
from p0_access.proof.issuers import TrustedIssuer, email_of, groups_of, workload_claims

SKEW: Final = 60
"""Seconds that clocks may differ."""

MAX_TOKEN_CHARS: Final = 32 * 1024
MAX_KEYS: Final = 100

Jwk = dict[str, Any]


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer's published signing keys. `keys` maps a key id to its JWK."""

    keys: Mapping[str, Jwk]

    @classmethod
    def parse(cls, unverified_jwks: bytes) -> KeySet:
        """From a JWK Set document (RFC 7517, section 5). Keys that are not for signatures, or have no `kid`, are left
        out."""
        document = strict_json(unverified_jwks)
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise MalformedError("not a JWK Set", code="malformed_jwks")
        return cls(
            keys={
                key["kid"]: key
                for key in listed
                if isinstance(key, dict) and isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"
            }
        )


class VerifiedToken(msgspec.Struct, frozen=True, kw_only=True):
    """What an ID token said, once its signature, issuer and audience held. `hash` names the token in acts.

    `client_id` is the audience, which commits to the session key where the subject is a workload; `claims` is None for
    people.
    """

    iss: str
    sub: str
    client_id: str
    iat: int
    exp: int
    nonce: str | None
    auth_time: int | None
    acr: str | None
    amr: tuple[str, ...]
    email: str | None
    groups: tuple[str, ...]
    claims: dict[str, str] | None
    hash: str


def token_hash(token: str) -> str:
    """b64u(SHA256(token)): how an act names the token that travels beside it."""
    return sha256_b64u(token.encode())


def unverified_issuer(token: str) -> str:
    """The issuer that a token claims, only to choose the configuration to verify it with."""
    claims = strict_json(_part(token, 1))
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise MalformedError("the ID token names no issuer", code="malformed_token")
    return issuer


def unverified_key_id(token: str) -> str:
    """The key id that a token claims, only to know which key to fetch."""
    header = strict_json(_part(token, 0))
    key_id = header.get("kid") if isinstance(header, dict) else None
    if not isinstance(key_id, str):
        raise MalformedError("the ID token names no key", code="malformed_token")
    return key_id


def verify_id_token(
    token: str, *, issuer: TrustedIssuer, keys: KeySet, now: int, expired_ok: bool = False
) -> VerifiedToken:
    """Checks algorithm, key, signature, issuer, audience, times. `expired_ok` is for an original token with a fresh
    one beside it."""
    if len(token) > MAX_TOKEN_CHARS:
        raise MalformedError("the ID token is too large", code="oversize")
    jwk = keys.keys.get(unverified_key_id(token))
    if jwk is None:
        raise ProofError("the ID token is signed by a key that its issuer does not publish", code="token_key_unknown")
    claims = _signed_claims(token, jwk, issuer)
    strict_json(_part(token, 1))  # duplicate keys: what PyJWT read must be all there is
    iat, exp = _seconds(claims, "iat"), _seconds(claims, "exp")
    if iat > now + SKEW or _seconds(claims, "nbf", default=0) > now + SKEW:
        raise ProofError("the ID token is from the future; check this machine's clock", code="token_not_yet_valid")
    if exp <= now - SKEW and not expired_ok:
        raise ProofError("the ID token has expired", code="token_expired", hint="Sign in again: p0 login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise ProofError("the ID token names no subject", code="token_subject")
    return VerifiedToken(
        iss=issuer.issuer,
        sub=subject,
        client_id=_audience(claims, issuer),
        iat=iat,
        exp=exp,
        nonce=_text(claims, "nonce"),
        auth_time=_seconds(claims, "auth_time") if "auth_time" in claims else None,
        acr=_text(claims, "acr"),
        amr=_texts(claims, "amr"),
        email=email_of(claims, issuer),
        groups=groups_of(claims, issuer),
        claims=workload_claims(claims, issuer),
        hash=token_hash(token),
    )


def _signed_claims(token: str, jwk: Jwk, issuer: TrustedIssuer) -> dict[str, Any]:
    import jwt  # here, since a launcher that verifies nothing should not wait for it

    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in issuer.algorithms:
            raise ProofError(f"the issuer's tokens are not signed with {algorithm}", code="token_algorithm")
        if jwk.get("alg", algorithm) != algorithm:
            raise ProofError("the key is for another algorithm", code="token_algorithm")
        if header.get("typ", "JWT").lower() not in {"jwt", "id+jwt"} or "crit" in header:
            raise ProofError("this is not an ID token", code="token_type")
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(jwk, algorithm=algorithm),
            algorithms=[algorithm],
            issuer=issuer.issuer,
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_signature": True,
                "verify_iss": True,
                "verify_aud": False,  # checked below, with azp
                "verify_exp": False,  # the clock is passed in: checked by the caller
                "verify_iat": False,
                "verify_nbf": False,
                "verify_sub": False,
                "verify_jti": False,
                "strict_aud": False,
            },
        )
    except jwt.InvalidSignatureError as error:
        raise ProofError("the ID token's signature does not hold", code="token_signature") from error
    except jwt.InvalidIssuerError as error:
        raise ProofError("the ID token is from another issuer", code="token_issuer") from error
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise ProofError("the ID token is malformed", code="malformed_token") from error
    return claims


def _audience(claims: dict[str, Any], issuer: TrustedIssuer) -> str:
    audience = claims.get("aud")
    listed = [audience] if isinstance(audience, str) else audience
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ProofError("the ID token names no audience", code="token_audience")
    only = listed[0] if len(listed) == 1 else None
    if issuer.workloads is not None:
        if only is None or not only.startswith(WORKLOAD_AUDIENCE):
            raise ProofError("this workload's token was made for something else", code="token_audience")
        return str(only)
    party = claims.get("azp", only)
    if party not in (*issuer.client_ids, *issuer.paste_client_ids) or party not in listed:
        raise ProofError("the ID token was made for another client", code="token_audience")
    return str(party)


def _seconds(claims: dict[str, Any], name: str, *, default: int | None = None) -> int:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProofError(f"the ID token's {name!r} is not a time", code="malformed_token")
    return int(value)


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _part(token: str, index: int) -> bytes:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_TOKEN_CHARS:
        raise MalformedError("not an ID token", code="malformed_token")
    return b64u_decode(parts[index])
