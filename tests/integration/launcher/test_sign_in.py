"""Signing in, against the development provider and a certified one; and every way it must not succeed."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import msgspec
import pytest

from fix_oidc import ADA
from fix_sign_in import Visit, as_ada, changed, follow, profile_of, visiting
from p0_access.messages.identity import Identity
from p0_access.proof import commitment
from p0_demo.identity_provider import Behaviour, DevelopmentProvider
from p0_launcher.errors import ConfigurationError, LauncherError, NotSignedInError, UnavailableError, UnverifiedError
from p0_launcher.login.callback import listening
from p0_launcher.login.flow import sign_in
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.session import Session
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import StoredSession, Wallet


async def signed_in(
    issuer: str, tmp_path: Path, visit: Visit = as_ada, *, patience: float = 20, port: int = 0
) -> StoredSession:
    profile = profile_of(issuer, tmp_path)
    provider = IdentityProvider(profile, clock=time.time)
    async with visiting(visit) as show_url:
        return await sign_in(
            profile, provider, show_url=show_url, random=secrets.token_bytes, patience=patience, port=port
        )


async def test_a_sign_in_binds_the_session_key_to_the_person(issuer: str, tmp_path: Path) -> None:
    session = await signed_in(issuer, tmp_path)
    assert (session.subject.iss, session.subject.sub) == (issuer, ADA.sub)
    assert commitment.open_bind(session.bind).max_age == 43_200
    assert session.until == pytest.approx(time.time() + 43_200, abs=30)
    verified = await IdentityProvider(profile_of(issuer, tmp_path), clock=time.time).verify(
        Identity(bind=session.bind, id_token=session.id_token)
    )
    assert verified.subject == session.subject


async def test_a_session_outlives_its_first_token(issuer: str, tmp_path: Path) -> None:
    stored = await signed_in(issuer, tmp_path)
    if stored.refresh_token is None:
        pytest.skip("this provider gives no refresh token without asking for consent")
    profile = profile_of(issuer, tmp_path)
    wallet = Wallet(FileStore(tmp_path / "s"), name="w", directory=tmp_path / "s", clock=time.time)
    almost_over = msgspec.structs.replace(stored, expires=int(time.time()) + 5)
    async with wallet.changing() as draft:
        draft.contents = msgspec.structs.replace(draft.contents, session=almost_over)
    session = Session(
        almost_over,
        wallet=wallet,
        refresher=IdentityProvider(profile, clock=time.time),
        clock=time.time,
        random=secrets.token_bytes,
    )
    identity = await session.identity()
    assert identity.fresh not in {None, identity.id_token}
    kept = (await wallet.read()).session
    assert kept is not None
    assert kept.fresh == identity.fresh


async def test_a_refresh_token_that_is_no_longer_good_ends_the_session(
    development_provider: DevelopmentProvider, tmp_path: Path
) -> None:
    stored = await signed_in(development_provider.issuer, tmp_path)
    provider = IdentityProvider(profile_of(development_provider.issuer, tmp_path), clock=time.time)
    await provider.refresh(stored)
    with pytest.raises(NotSignedInError, match="the identity provider refuses"):
        await provider.refresh(stored)


async def test_a_provider_in_an_outage_is_named(development_provider: DevelopmentProvider, tmp_path: Path) -> None:
    stored = await signed_in(development_provider.issuer, tmp_path)
    development_provider.behaviour = Behaviour(outage=True)
    provider = IdentityProvider(profile_of(development_provider.issuer, tmp_path), clock=time.time)
    for attempt in (provider.refresh(stored), provider.metadata()):
        with pytest.raises(UnavailableError, match=development_provider.issuer) as caught:
            await attempt
        assert caught.value.exit_code == 69


async def test_a_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9 does not answer"):
        await signed_in("http://127.0.0.1:9", tmp_path)


async def test_a_provider_on_the_network_needs_https(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await signed_in("http://id.example", tmp_path)
    assert caught.value.code == "issuer_insecure"


async def test_a_provider_that_calls_itself_otherwise_is_not_used(
    development_provider: DevelopmentProvider, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await signed_in(development_provider.issuer + "/", tmp_path)
    assert caught.value.code == "issuer_mismatch"
    assert development_provider.issuer in (caught.value.hint or "")


async def test_a_token_for_another_key_is_refused(development_provider: DevelopmentProvider, tmp_path: Path) -> None:
    """Somebody in between who lets the person sign in for a key of their own."""

    async def swap_the_nonce(url: str) -> None:
        await follow(changed(url, login_hint=ADA.sub, nonce="n" * 43))

    with pytest.raises(UnverifiedError) as caught:
        await signed_in(development_provider.issuer, tmp_path, swap_the_nonce)
    assert caught.value.code == "nonce_mismatch"


async def test_a_code_that_was_made_for_another_verifier_is_refused(
    development_provider: DevelopmentProvider, tmp_path: Path
) -> None:
    async def swap_the_challenge(url: str) -> None:
        await follow(changed(url, login_hint=ADA.sub, code_challenge="c" * 43))

    with pytest.raises(NotSignedInError, match="the identity provider refuses"):
        await signed_in(development_provider.issuer, tmp_path, swap_the_challenge)


def callback_of(url: str) -> tuple[str, str]:
    """Where the sign-in at `url` comes back to, and its state."""
    given = parse_qs(urlsplit(url).query)
    return given["redirect_uri"][0], given["state"][0]


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ({"error": "access_denied", "error_description": "not you"}, NotSignedInError, "sign_in_refused"),
        ({"code": "c", "iss": "https://evil.example"}, UnverifiedError, "answer_issuer"),
        ({"code": "c"}, UnverifiedError, "answer_issuer"),
        ({"iss": "x"}, NotSignedInError, "sign_in_refused"),
    ],
    ids=["refused", "another issuer", "no issuer", "no code"],
)
async def test_a_bad_answer_ends_the_sign_in(
    development_provider: DevelopmentProvider,
    tmp_path: Path,
    answer: dict[str, str],
    error: type[LauncherError],
    code: str,
) -> None:
    async def answered(url: str) -> None:
        callback, state = callback_of(url)
        await follow(f"{callback}?{urlencode(answer | {'state': state})}")

    with pytest.raises(error) as caught:
        await signed_in(development_provider.issuer, tmp_path, answered)
    assert caught.value.code == code


async def test_what_strangers_send_to_the_port_changes_nothing(
    development_provider: DevelopmentProvider, tmp_path: Path
) -> None:
    async def strangers_first(url: str) -> None:
        callback, state = callback_of(url)
        async with httpx.AsyncClient(trust_env=False) as stranger:
            for query in ("code=c&state=wrong", "code=c", f"code=c&state={state}&state={state}", "error=x"):
                assert (await stranger.get(f"{callback}?{query}")).status_code == 400
            good = f"{callback}?code=c&state={state}"
            assert (await stranger.get(good, headers={"host": "evil.example"})).status_code == 404
            assert (await stranger.post(good)).status_code == 404
            assert (await stranger.get(good.replace("/callback", "/other"))).status_code == 404
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(callback).port)
        writer.write(b"\x16\x03\x01 not HTTP\r\n")
        writer.close()
        await writer.wait_closed()
        await as_ada(url)

    assert (await signed_in(development_provider.issuer, tmp_path, strangers_first)).subject.sub == ADA.sub


async def test_nobody_comes_back(development_provider: DevelopmentProvider, tmp_path: Path) -> None:
    async def nobody(_: str) -> None:
        return

    with pytest.raises(NotSignedInError) as caught:
        await signed_in(development_provider.issuer, tmp_path, nobody, patience=0.05)
    assert caught.value.code == "sign_in_timeout"


async def test_a_port_that_is_taken(development_provider: DevelopmentProvider, tmp_path: Path) -> None:
    async with listening("state") as other:
        with pytest.raises(ConfigurationError) as caught:
            await signed_in(development_provider.issuer, tmp_path, port=other.port)
    assert (caught.value.code, caught.value.exit_code) == ("port_taken", 78)
