"""The certified provider is what the other tests take it for, and the development one agrees with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fix_oidc import ADA, GRACE, CertifiedProvider, NativeClient, callback_of, tokens_of
from p0_demo.identity_provider import DevelopmentProvider


@pytest.fixture(params=["certified", "development"])
async def client(
    request: pytest.FixtureRequest, certified_provider: CertifiedProvider, development_provider: DevelopmentProvider
) -> AsyncIterator[NativeClient]:
    issuer = certified_provider.issuer if request.param == "certified" else development_provider.issuer
    async with NativeClient(issuer) as client:
        yield client


async def test_tokens_say_who_and_carry_the_nonce(client: NativeClient) -> None:
    for user in (ADA, GRACE):
        claims = await client.verify((await client.sign_in(user, nonce="committed")).id_token)
        assert claims["sub"] == user.sub
        assert claims["email"] == user.email
        assert claims["email_verified"] is True
        assert claims["groups"] == list(user.groups)
        assert claims["nonce"] == "committed"


async def test_the_nonce_and_a_new_refresh_token_come_with_a_refresh(client: NativeClient) -> None:
    first = await client.sign_in(nonce="committed")
    second = tokens_of(await client.refresh(first.refresh_token))
    assert second.refresh_token != first.refresh_token
    claims = await client.verify(second.id_token)
    assert claims["sub"] == ADA.sub
    assert claims["nonce"] == "committed"


async def test_a_used_code_refresh_token_or_wrong_verifier_is_an_invalid_grant(client: NativeClient) -> None:
    code = await client.code()
    tokens = tokens_of(await client.redeem(code))
    refreshed = tokens_of(await client.refresh(tokens.refresh_token))
    refused = [
        await client.redeem(code),
        await client.refresh(tokens.refresh_token),
        await client.refresh(refreshed.refresh_token),
        await client.redeem(await client.code(), code_verifier="w" * 43),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in refused] == [(400, "invalid_grant")] * 4


async def test_pkce_is_required(client: NativeClient) -> None:
    answer = callback_of(await client.visit(client.request(code_challenge=None, code_challenge_method=None)))
    assert answer["error"] == "invalid_request"
    assert answer["iss"] == client.issuer


async def test_a_redirect_elsewhere_is_refused_in_place(client: NativeClient) -> None:
    response = await client.visit(client.request(redirect_uri="http://127.0.0.1:49152/elsewhere"))
    assert response.status_code == 400
    assert not callback_of(response)


async def test_step_up_signs_in_again(client: NativeClient) -> None:
    tokens = tokens_of(await client.redeem(await client.code(prompt="login", max_age="0")))
    claims = await client.verify(tokens.id_token)
    assert claims["iat"] - claims["auth_time"] <= 2
