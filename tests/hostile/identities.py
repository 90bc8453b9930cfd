"""Attacks on who asks: tokens, commitments and sessions, other people's, other issuers', older and newer ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from fix_agent_core import MARKETS
from fix_hostile_server import Hostile, Theme
from fix_people import Issuer, Person
from p0_access.encoding import b64u, b64u_decode
from p0_access.messages.identity import Identity
from p0_access.proof import commitment
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.jwks import IssuerKeys

TOKENS = Theme("ID tokens")
SESSIONS = Theme("Sessions and refreshed tokens")


def changed_token(name: str, code: str, **claims: Any) -> None:
    """Dana's provider signs a token that the agent must not take for hers, here and now."""

    @TOKENS.attack(name, 3, code)
    async def _(h: Hostile) -> object:
        token = h.dana.token(nonce=commitment.nonce(h.dana.bind), **claims)
        return await h.bench.admit(h.beside(h.asked(), id_token=token))


changed_token("a token made for another client", "token_audience", aud="grafana")
changed_token("a token for several clients, used by another", "token_audience", aud=["p0", "grafana"], azp="grafana")
changed_token("a token for several clients, which says not who used it", "token_audience", aud=["p0", "grafana"])
changed_token("a token for nobody", "token_audience", aud=[])
changed_token("a token whose audience is no text", "token_audience", aud={"p0": True})
changed_token("a token that has expired", "token_expired", iat=1_899_990_000, exp=1_899_999_000)
changed_token("a token from the future", "token_not_yet_valid", iat=1_900_000_900, exp=1_900_001_200)
changed_token("a token that is not valid yet", "token_not_yet_valid", nbf=1_900_000_900)
changed_token("a token in another issuer's name", "issuer_unknown", iss="https://id.example.evil")
changed_token("a token in an issuer's name, written otherwise", "issuer_unknown", iss="https://id.example/")
changed_token("groups that are no list", "token_groups", groups="dba")


def forged_token(name: str, code: str, make: Any) -> None:
    """The server makes a token itself: `make(claims, hostile)`."""

    @TOKENS.attack(name, 3, code)
    async def _(h: Hostile) -> object:
        claims = json.loads(b64u_decode(h.dana.id_token.split(".")[1])) | {"groups": ["dba", "privacy"]}
        return await h.bench.admit(h.beside(h.asked(), id_token=make(claims, h)))


def unsigned(claims: dict[str, Any], h: Hostile) -> str:
    return f"{b64u(json.dumps({'alg': 'none', 'kid': 'k1'}).encode())}.{b64u(json.dumps(claims).encode())}."


def with_the_public_key(claims: dict[str, Any], h: Hostile) -> str:
    public = h.bench.issuer.private.public_key().public_numbers()
    return jwt.encode(claims, f"{public.x:064x}{public.y:064x}", algorithm="HS256", headers={"kid": "k1"})


def as_key(kid: str) -> Any:
    def make(claims: dict[str, Any], h: Hostile) -> str:
        return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": kid})

    return make


def kept_signature(claims: dict[str, Any], h: Hostile) -> str:
    header, _, signature = h.dana.id_token.split(".")
    return f"{header}.{b64u(json.dumps(claims).encode())}.{signature}"


def of_type(kind: str) -> Any:
    def make(claims: dict[str, Any], h: Hostile) -> str:
        return jwt.encode(claims, h.bench.issuer.private, algorithm="ES256", headers={"kid": "k1", "typ": kind})

    return make


forged_token("add groups to a token", "token_signature", kept_signature)
forged_token("a token without a signature", "token_algorithm", unsigned)
forged_token("a token signed with the provider's public key as a secret", "token_algorithm", with_the_public_key)
forged_token("a token signed by the server as if by the provider", "token_signature", as_key("k1"))
forged_token("a token signed by a key that the provider does not publish", "token_key_unknown", as_key("k9"))
forged_token("an access token for an ID token", "token_type", of_type("at+jwt"))
forged_token("a logout token for an ID token", "token_type", of_type("logout+jwt"))


@TOKENS.attack("a key that the provider has withdrawn", 3, "token_key_unknown")
async def _(h: Hostile) -> object:
    act = h.asked()
    kept, h.bench.issuer.kid = h.bench.issuer.kid, "k2"
    try:
        return await h.bench.admit(act)
    finally:
        h.bench.issuer.kid = kept


class SilentSince:
    """A key source whose issuer gave its keys `at` that time, and nothing since."""

    def __init__(self, issuer: Issuer, at: int, clock: Callable[[], float]) -> None:
        self._state = IssuerKeys(issuer=issuer.url, keys=issuer.key_set(), fetched_at=at, failed_at=at)
        self._clock = clock

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        assert (issuer.issuer, bool(unverified_tokens)) == (self._state.issuer, True)
        return self._state.usable(int(self._clock()))


@TOKENS.attack("a request held back for a day, and the provider from answering", 3, "issuer_unavailable")
async def _(h: Hostile) -> object:
    act, now = h.asked(), h.bench.context.now()
    h.bench.context = replace(h.bench.context, key_source=SilentSince(h.bench.issuer, now, h.bench.clock))
    h.later(86_400)
    return await h.bench.admit(act)


@TOKENS.attack("an identity provider of the server's own", 3, "issuer_unknown")
async def _(h: Hostile) -> object:
    impostor = Person(name="dana", groups=("analysts",), issuer=Issuer(url="https://evil.example"), clock=h.bench.clock)
    return await h.bench.admit(h.bench.ask(impostor, MARKETS)[0])


@TOKENS.attack("a token larger than any", 1, "malformed_token")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.beside(h.asked(), id_token="e30." + "A" * 40_000 + ".e30"))


@SESSIONS.attack("somebody else's identity beside a request", 5, "record_key")
async def _(h: Hostile) -> object:
    act, eve = h.asked(), h.eve.identity
    return await h.bench.admit(h.beside(act, bind=eve.bind, id_token=eve.id_token))


@SESSIONS.attack("the token of the same person's other login", 4, "nonce_mismatch")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.beside(h.asked(), id_token=h.bench.person("dana", "dba").id_token))


@SESSIONS.attack("a token of the same person that commits to no key, as the device flow gives", 4, "nonce_mismatch")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.beside(h.asked(), id_token=h.dana.token()))


@SESSIONS.attack("the commitment, written otherwise", 4, "nonce_mismatch")
async def _(h: Hostile) -> object:
    written = json.dumps(json.loads(b64u_decode(h.dana.bind)) | {"max_age": 43_200}).encode()
    return await h.bench.admit(h.beside(h.asked(), bind=b64u(written)))


@SESSIONS.attack("a session older than it was committed to be", 4, "session_too_old")
async def _(h: Hostile) -> object:
    h.later(43_200)
    identity = Identity(bind=h.dana.bind, id_token=h.dana.id_token, fresh=h.dana.token())
    return await h.bench.admit(h.bench.ask(h.dana, MARKETS, beside=identity)[0])


@SESSIONS.attack("a request held back until its tokens have expired", 3, "token_expired")
async def _(h: Hostile) -> object:
    act = h.asked()
    h.later(1_000)
    return await h.bench.admit(act)


@SESSIONS.attack("the same, with a fresh token that it was not signed beside", 5, "act_fresh")
async def _(h: Hostile) -> object:
    act = h.asked()
    h.later(1_000)
    return await h.bench.admit(h.beside(act, fresh=h.dana.token()))


def refreshed(name: str, step: int, code: str, other: Any) -> None:
    """Dana's login has expired and she signs beside a refreshed token; the server hands in `other(hostile)` for it."""

    @SESSIONS.attack(name, step, code)
    async def _(h: Hostile) -> object:
        before = h.dana.token()
        h.later(1_000)
        identity = Identity(bind=h.dana.bind, id_token=h.dana.id_token, fresh=h.dana.token())
        act = h.bench.ask(h.dana, MARKETS, beside=identity)[0]
        return await h.bench.admit(h.beside(act, fresh=other(h, before)))


refreshed("take the refreshed token away", 3, "token_expired", lambda h, before: None)
refreshed("somebody else's refreshed token", 3, "fresh_mismatch", lambda h, before: h.eve.token())
refreshed("a refreshed token that has expired", 3, "token_expired", lambda h, before: before)
refreshed(
    "another refreshed token of hers, with other groups", 5, "act_fresh", lambda h, _: h.dana.token(groups=["dba"])
)
refreshed(
    "an older fresh token of hers, with the groups of then", 5, "act_fresh",
    lambda h, _: h.dana.token(iat=h.bench.context.now() - 100, groups=["analysts", "dba"]),
)  # fmt: skip
refreshed("a refreshed token of before the login", 3, "fresh_older", lambda h, _: h.dana.token(iat=1_899_999_999))
refreshed("the same subject's token at another provider", 3, "token_issuer", lambda h, _: look_alike(h))


def look_alike(h: Hostile) -> str:
    return h.dana.token(iss=h.elsewhere.url)


@SESSIONS.attack("the login's token, refreshed, in place of the login's", 5, "act_identity")
async def _(h: Hostile) -> object:
    act = h.asked()
    again = h.dana.token(nonce=commitment.nonce(h.dana.bind), groups=["analysts", "dba"])
    return await h.bench.admit(h.beside(act, id_token=again))
