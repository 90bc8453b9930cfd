"""Which authorization requests the development provider takes: a good one, with one thing wrong at a time."""

from __future__ import annotations

import pytest

from p0_demo.identity_provider.authorization import read_target, read_wish, single_parameters
from p0_demo.identity_provider.errors import OAuthError

GOOD = {
    "client_id": "p0-launcher",
    "response_type": "code",
    "redirect_uri": "http://127.0.0.1:49152/callback",
    "scope": "email openid",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


def but(**changes: str | None) -> dict[str, str]:
    """The good request, changed; None leaves a parameter out."""
    return {name: value for name, value in (GOOD | changes).items() if value is not None}


def test_the_good_request_passes() -> None:
    target, wish = read_target(GOOD, {"p0-launcher"}), read_wish(GOOD)
    assert target.redirect_uri == GOOD["redirect_uri"]
    assert target.state is None
    assert wish.challenge == GOOD["code_challenge"]
    assert wish.nonce is None
    assert not wish.silent


@pytest.mark.parametrize("port", ["1", "80", "65535"])
def test_any_port_may_be_the_callbacks(port: str) -> None:
    read_target(but(redirect_uri=f"http://127.0.0.1:{port}/callback"), {"p0-launcher"})


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "",
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152/callback/",
        "http://127.0.0.1:49152/callback?next=x",
        "http://127.0.0.1:49152/callback#x",
        "http://127.0.0.1:49152/callback\n",
        "http://127.0.0.1:49152/callback http://127.0.0.1:49152/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:\u0661/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.10:1/callback",
        "https://127.0.0.1:49152/callback",
        "http://localhost:49152/callback",
        "http://127.0.0.1:49152@example.com/callback",
        "http://example.com:49152/callback",
    ],
)
def test_a_redirect_elsewhere_is_refused(redirect_uri: str | None) -> None:
    with pytest.raises(OAuthError, match="redirect_uri"):
        read_target(but(redirect_uri=redirect_uri), {"p0-launcher"})


@pytest.mark.parametrize("client_id", [None, "", "another"])
def test_an_unknown_client_is_refused(client_id: str | None) -> None:
    with pytest.raises(OAuthError, match="client_id"):
        read_target(but(client_id=client_id), {"p0-launcher"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge": "c" * 42 + "="}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "http://127.0.0.1/x"}, "request_uri_not_supported"),
    ],
)
def test_other_wrong_requests(changes: dict[str, str | None], error: str) -> None:
    with pytest.raises(OAuthError) as refused:
        read_wish(but(**changes))
    assert refused.value.code == error


def test_a_parameter_comes_once_and_an_empty_one_not_at_all() -> None:
    assert single_parameters([("a", "1"), ("b", "")]) == {"a": "1"}
    with pytest.raises(OAuthError, match="twice"):
        single_parameters([("a", "1"), ("a", "1")])


def test_the_answer_keeps_state_and_names_the_issuer() -> None:
    target = read_target(but(state="a&b=c"), {"p0-launcher"})
    assert target.answer("http://127.0.0.1:1", code="x") == (
        "http://127.0.0.1:49152/callback?code=x&state=a%26b%3Dc&iss=http%3A%2F%2F127.0.0.1%3A1"
    )
