"""When an issuer's keys are fetched, believed and forgotten."""

from __future__ import annotations

import json

import pytest

from p0_access.errors import ProofError
from p0_access.proof.jwks import FAILURE_COOLDOWN, MAX_STALE, TTL, UNKNOWN_KEY_COOLDOWN, Fetch, IssuerKeys

ISSUER = "https://id.example/realm"
DISCOVERY = Fetch(kind="discovery", url=ISSUER + "/.well-known/openid-configuration")
KEYS = Fetch(kind="keys", url="https://id.example/jwks")
NOW = 1_800_000_000


def discovery(**changes: object) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": KEYS.url} | changes).encode()


def jwks(*key_ids: str) -> bytes:
    return json.dumps({"keys": [{"kid": key_id, "kty": "OKP"} for key_id in key_ids]}).encode()


def fetched(*key_ids: str, now: int = NOW) -> IssuerKeys:
    return IssuerKeys(issuer=ISSUER).received(DISCOVERY, discovery(), now).received(KEYS, jwks(*key_ids), now)


def test_the_first_token_causes_discovery_then_keys_then_nothing() -> None:
    state = IssuerKeys(issuer=ISSUER)
    assert state.next_fetch(["a"], NOW) == DISCOVERY
    state = state.received(DISCOVERY, discovery(), NOW)
    assert state.next_fetch(["a"], NOW) == KEYS
    state = state.received(KEYS, jwks("a"), NOW)
    assert state.next_fetch(["a"], NOW) is None
    assert set(state.usable(NOW).keys) == {"a"}


def test_keys_are_fresh_for_an_hour_and_then_discovered_anew() -> None:
    state = fetched("a")
    assert state.next_fetch(["a"], NOW + TTL - 1) is None
    assert state.next_fetch(["a"], NOW + TTL) == DISCOVERY


def test_an_unknown_key_is_asked_for_after_the_cooldown_only() -> None:
    state = fetched("a")
    assert state.next_fetch(["b"], NOW + UNKNOWN_KEY_COOLDOWN - 1) is None
    assert state.next_fetch(["b"], NOW + UNKNOWN_KEY_COOLDOWN) == KEYS
    state = state.received(KEYS, jwks("a"), NOW + UNKNOWN_KEY_COOLDOWN)
    assert state.next_fetch(["b"], NOW + UNKNOWN_KEY_COOLDOWN) is None


def test_a_withdrawn_key_is_forgotten() -> None:
    state = fetched("a", "b").received(KEYS, jwks("b"), NOW + 100)
    assert set(state.usable(NOW + 100).keys) == {"b"}


def test_an_issuer_that_is_away_is_asked_again_soon_and_its_keys_do_for_a_day() -> None:
    later = NOW + TTL
    state = fetched("a").failed(later)
    assert state.next_fetch(["a"], later + FAILURE_COOLDOWN - 1) is None
    assert state.next_fetch(["a"], later + FAILURE_COOLDOWN) == DISCOVERY
    assert set(state.usable(NOW + MAX_STALE - 1).keys) == {"a"}
    with pytest.raises(ProofError) as caught:
        state.usable(NOW + MAX_STALE)
    assert caught.value.code == "issuer_unavailable"


def test_without_any_keys_the_issuer_is_unavailable() -> None:
    with pytest.raises(ProofError) as caught:
        IssuerKeys(issuer=ISSUER).failed(NOW).usable(NOW)
    assert caught.value.code == "issuer_unavailable"


@pytest.mark.parametrize(
    "body",
    [
        discovery(issuer="https://other.example"),
        discovery(jwks_uri="http://id.example/jwks"),
        discovery(jwks_uri="file:///etc/passwd"),
        discovery(jwks_uri=7),
        b"[]",
        b"<html>",
    ],
)
def test_a_discovery_document_that_is_not_the_issuers_counts_as_no_answer(body: bytes) -> None:
    state = IssuerKeys(issuer=ISSUER).received(DISCOVERY, body, NOW)
    assert state.jwks_uri is None
    assert state.next_fetch(["a"], NOW) is None  # in its cooldown


@pytest.mark.parametrize("body", [b"{}", b'{"keys": {}}', b"nonsense", b'{"keys": [], "keys": []}'])
def test_keys_that_are_not_keys_leave_the_old_ones(body: bytes) -> None:
    state = fetched("a").received(KEYS, body, NOW + 60)
    assert set(state.usable(NOW + 60).keys) == {"a"}


def test_plain_http_is_for_loopback_only() -> None:
    body = discovery(jwks_uri="http://127.0.0.1:9/jwks")
    assert IssuerKeys(issuer=ISSUER).received(DISCOVERY, body, NOW).jwks_uri == "http://127.0.0.1:9/jwks"
