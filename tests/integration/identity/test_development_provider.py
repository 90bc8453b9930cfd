"""The development provider over HTTP, one wrong thing at a time, with PyJWT as the judge of its ID tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx
import jwt
import pytest
from msgspec.structs import replace

from fix_oidc import ADA, CALLBACK, GRACE, USERS, NativeClient, callback_of, error_of, tokens_of
from p0_demo.identity_provider import CLIENT_ID, Behaviour, DevelopmentProvider
from p0_demo.identity_provider.grants import CODE_SECONDS, MAX_SIGN_INS, Grants, SignIn
from p0_demo.identity_provider.settings import Algorithm


@pytest.fixture
async def client(development_provider: DevelopmentProvider) -> AsyncIterator[NativeClient]:
    async with NativeClient(development_provider.issuer) as client:
        yield client


async def test_discovery_tells_what_it_does(client: NativeClient) -> None:
    metadata = await client.metadata()
    assert metadata["issuer"] == client.issuer
    assert client.issuer.startswith("http://127.0.0.1:")
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["none"]
    assert metadata["id_token_signing_alg_values_supported"] == ["ES256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_a_good_sign_in(client: NativeClient) -> None:
    before = int(time.time())
    tokens = await client.sign_in(GRACE, nonce="committed")
    claims = await client.verify(tokens.id_token)
    assert claims["sub"] == GRACE.sub
    assert claims["email"] == GRACE.email
    assert claims["email_verified"] is True
    assert claims["groups"] == list(GRACE.groups)
    assert claims["nonce"] == "committed"
    assert claims["azp"] == CLIENT_ID
    assert before <= claims["auth_time"] <= time.time()
    assert claims["exp"] - claims["iat"] == tokens.expires_in == 300


async def test_no_nonce_asked_none_given(client: NativeClient) -> None:
    tokens = tokens_of(await client.redeem(await client.code(nonce=None)))
    assert "nonce" not in await client.verify(tokens.id_token)


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_each_algorithm(algorithm: Algorithm) -> None:
    async with (
        DevelopmentProvider(users=USERS, behaviour=Behaviour(algorithm=algorithm)) as provider,
        NativeClient(provider.issuer) as client,
    ):
        tokens = await client.sign_in()
        assert (await client.verify(tokens.id_token, algorithms=(algorithm,)))["sub"] == ADA.sub
        assert jwt.get_unverified_header(tokens.id_token)["alg"] == algorithm
        published = (await client.http.get(f"{provider.issuer}/jwks")).json()["keys"]
        assert {"d", "p", "q"}.isdisjoint(published[0]), "private parts are published"


# Authorization requests


async def test_a_redirect_elsewhere_is_refused_in_place(client: NativeClient) -> None:
    response = await client.visit(client.request(redirect_uri="http://example.com:49152/callback"))
    assert response.status_code == 400
    assert "location" not in response.headers


async def test_an_unknown_client_is_refused_in_place(client: NativeClient) -> None:
    response = await client.visit(client.request(client_id="<script>"))
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "<script>" not in response.text


async def test_a_parameter_twice_is_refused_in_place(client: NativeClient) -> None:
    response = await client.visit([*client.request().items(), ("redirect_uri", "http://127.0.0.1:1/callback")])
    assert response.status_code == 400
    assert "location" not in response.headers


async def test_other_wrong_requests_go_back_to_the_client(client: NativeClient) -> None:
    for changes, error in (
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"login_hint": None, "prompt": "none"}, "login_required"),
    ):
        answer = callback_of(await client.visit(client.request(**changes)))
        assert answer["error"] == error
        assert answer["state"] == "a state"
        assert answer["iss"] == client.issuer
        assert "code" not in answer


async def test_any_free_port_may_be_the_callbacks(client: NativeClient) -> None:
    response = await client.http.get(
        f"{client.issuer}/authorize", params=client.request(redirect_uri="http://127.0.0.1:1/callback")
    )
    assert response.headers["location"].startswith("http://127.0.0.1:1/callback?code=")


async def test_auto_login_signs_in_without_a_hint(
    development_provider: DevelopmentProvider, client: NativeClient
) -> None:
    development_provider.behaviour = Behaviour(auto_login=GRACE.email)
    tokens = tokens_of(await client.redeem(await client.code(login_hint=None)))
    assert (await client.verify(tokens.id_token))["sub"] == GRACE.sub


async def test_a_hint_goes_before_auto_login(development_provider: DevelopmentProvider, client: NativeClient) -> None:
    development_provider.behaviour = Behaviour(auto_login=GRACE.sub)
    tokens = tokens_of(await client.redeem(await client.code(login_hint=ADA.email)))
    assert (await client.verify(tokens.id_token))["sub"] == ADA.sub


async def test_without_auto_login_a_page_asks(client: NativeClient) -> None:
    page = await client.visit(client.request(login_hint="somebody"))
    assert page.status_code == 200
    assert all(f'value="{user.sub}"' in page.text for user in USERS)
    assert "never for production" in page.text
    chosen = await client.http.post(page.url, data={"user": GRACE.sub})
    tokens = tokens_of(await client.redeem(callback_of(chosen)["code"]))
    assert (await client.verify(tokens.id_token))["sub"] == GRACE.sub


@pytest.mark.parametrize("form", [{"refuse": "yes"}, {"user": "nobody"}])
async def test_a_refusal_goes_back_to_the_client(client: NativeClient, form: dict[str, str]) -> None:
    page = await client.visit(client.request(login_hint=None))
    assert callback_of(await client.http.post(page.url, data=form))["error"] == "access_denied"


# The token endpoint


async def test_a_wrong_verifier_ends_the_code(client: NativeClient) -> None:
    code = await client.code()
    assert error_of(await client.redeem(code, code_verifier="w" * 43)) == "invalid_grant"
    assert error_of(await client.redeem(code)) == "invalid_grant", "the code outlived a wrong verifier"


@pytest.mark.parametrize("verifier", ["", "short", "v" * 129, "ü" * 43])
async def test_a_missing_or_malformed_verifier(client: NativeClient, verifier: str) -> None:
    assert error_of(await client.redeem(await client.code(), code_verifier=verifier)) == "invalid_grant"


async def test_a_code_works_once_and_its_reuse_ends_the_session(client: NativeClient) -> None:
    code = await client.code()
    tokens = tokens_of(await client.redeem(code))
    assert error_of(await client.redeem(code)) == "invalid_grant"
    assert error_of(await client.refresh(tokens.refresh_token)) == "invalid_grant"


async def test_a_code_for_another_redirect(client: NativeClient) -> None:
    response = await client.redeem(await client.code(), redirect_uri="http://127.0.0.1:1/callback")
    assert error_of(response) == "invalid_grant"


async def test_a_code_of_another_client() -> None:
    async with (
        DevelopmentProvider(users=USERS, client_ids=("one", "two")) as provider,
        NativeClient(provider.issuer, client_id="one") as client,
    ):
        assert error_of(await client.redeem(await client.code(), client_id="two")) == "invalid_grant"


async def test_a_refresh_token_is_no_code(client: NativeClient) -> None:
    tokens = await client.sign_in()
    assert error_of(await client.redeem(tokens.refresh_token)) == "invalid_grant"
    assert error_of(await client.refresh(await client.code())) == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_id": "another", "grant_type": "authorization_code"}, "invalid_client"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "ü.ü"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 70_000}, "invalid_request"),
    ],
)
async def test_token_requests_that_are_wrong(client: NativeClient, form: dict[str, str], error: str) -> None:
    assert error_of(await client.token(**form)) == error


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"grant_type=refresh_token&grant_type=authorization_code&client_id=p0-launcher", None),
        (b"\xff\xfe", None),
        (b'{"grant_type": "authorization_code"}', "application/json"),
    ],
)
async def test_bodies_that_are_no_form(client: NativeClient, body: bytes, content_type: str | None) -> None:
    headers = {"content-type": content_type or "application/x-www-form-urlencoded"}
    response = await client.http.post(f"{client.issuer}/token", content=body, headers=headers)
    assert error_of(response) == "invalid_request"


# Refreshing


async def test_refresh_tokens_rotate_and_the_nonce_stays(client: NativeClient) -> None:
    first = await client.sign_in(nonce="kept")
    second = tokens_of(await client.refresh(first.refresh_token))
    third = tokens_of(await client.refresh(second.refresh_token))
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    before, after = await client.verify(first.id_token), await client.verify(third.id_token)
    assert after["nonce"] == "kept"
    assert after["auth_time"] == before["auth_time"]
    assert after["sub"] == before["sub"]


async def test_the_nonce_can_be_dropped_on_refresh(
    development_provider: DevelopmentProvider, client: NativeClient
) -> None:
    development_provider.behaviour = Behaviour(nonce_on_refresh=False)
    tokens = await client.sign_in(nonce="kept")
    assert (await client.verify(tokens.id_token))["nonce"] == "kept"
    assert "nonce" not in await client.verify(tokens_of(await client.refresh(tokens.refresh_token)).id_token)


async def test_a_used_refresh_token_ends_the_session(client: NativeClient) -> None:
    first = await client.sign_in()
    second = tokens_of(await client.refresh(first.refresh_token))
    assert error_of(await client.refresh(first.refresh_token)) == "invalid_grant"
    assert error_of(await client.refresh(second.refresh_token)) == "invalid_grant"


# Time, keys, trouble


async def test_codes_and_refresh_tokens_expire() -> None:
    now = time.time()
    async with (
        DevelopmentProvider(users=USERS, clock=lambda: now) as provider,
        NativeClient(provider.issuer) as client,
    ):
        code = await client.code()
        now += CODE_SECONDS
        assert error_of(await client.redeem(code)) == "invalid_grant"
        tokens = await client.sign_in()
        now += 12 * 3600
        assert error_of(await client.refresh(tokens.refresh_token)) == "invalid_grant"


async def test_id_tokens_expire(development_provider: DevelopmentProvider, client: NativeClient) -> None:
    development_provider.behaviour = Behaviour(token_seconds=-1)
    tokens = await client.sign_in()
    with pytest.raises(jwt.ExpiredSignatureError):
        await client.verify(tokens.id_token)


async def test_keys_rotate(development_provider: DevelopmentProvider, client: NativeClient) -> None:
    old = await client.sign_in()
    development_provider.behaviour = replace(development_provider.behaviour, algorithm="EdDSA")
    development_provider.rotate_keys()
    new = await client.sign_in()
    assert await client.verify(old.id_token), "an earlier key was withdrawn"
    assert await client.verify(new.id_token, algorithms=("EdDSA",))
    assert (await client.metadata())["id_token_signing_alg_values_supported"] == ["ES256", "EdDSA"]


async def test_keys_can_be_withdrawn(development_provider: DevelopmentProvider, client: NativeClient) -> None:
    old = await client.sign_in()
    development_provider.rotate_keys(withdraw=True)
    with pytest.raises(KeyError):
        await client.verify(old.id_token)
    assert await client.verify((await client.sign_in()).id_token)


async def test_an_outage_comes_and_goes(development_provider: DevelopmentProvider, client: NativeClient) -> None:
    development_provider.behaviour = Behaviour(outage=True)
    for path in ("/.well-known/openid-configuration", "/jwks", "/authorize", "/token"):
        assert (await client.http.get(f"{client.issuer}{path}")).status_code == 503
    development_provider.behaviour = Behaviour()
    await client.sign_in()


async def test_it_answers_to_its_own_name_only(client: NativeClient) -> None:
    response = await client.http.get(f"{client.issuer}/jwks", headers={"host": "rebound.example.com"})
    assert response.status_code == 400


async def test_a_taken_port_is_an_error_and_a_free_one_again_afterwards() -> None:
    async with DevelopmentProvider(users=USERS) as first:
        port = int(first.issuer.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            await DevelopmentProvider(users=USERS, port=port).__aenter__()
    async with DevelopmentProvider(users=USERS, port=port) as second, NativeClient(second.issuer) as client:
        assert second.issuer == first.issuer
        await client.sign_in()
    async with NativeClient(first.issuer) as client:
        with pytest.raises(httpx.ConnectError):
            await client.metadata()


def test_the_oldest_sign_in_makes_room() -> None:
    parameters: dict[str, Any] = {"client_id": CLIENT_ID, "redirect_uri": CALLBACK, "challenge": "c", "nonce": None}
    sign_in = SignIn(user=ADA, auth_time=0, **parameters)
    grants = Grants(lambda: 0.0)
    issued = [grants.issue_code(sign_in) for _ in range(50)]
    grants._live |= {str(number): next(iter(grants._live.values())) for number in range(MAX_SIGN_INS - 50)}
    grants.issue_code(sign_in)
    assert issued[0].partition(".")[0] not in grants._live
    assert issued[1].partition(".")[0] in grants._live
    assert len(grants._live) == MAX_SIGN_INS
