"""Signing in for one act, without a browser at hand, and as a program, against providers that are really there."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import msgspec
import pytest

from fix_identity import SECRET, served_issuer
from fix_oidc import ADA, GRACE
from fix_sign_in import Visit, as_ada, changed, follow, profile_of, visiting
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import End
from p0_access.proof import commitment
from p0_access.proof.id_token import KeySet
from p0_access.proof.identity import VerifiedIdentity, verify_act, verify_identity
from p0_access.proof.issuers import TrustedIssuer, Workloads
from p0_access.routing.decision import StepUp
from p0_demo.identity_provider import CLIENT_ID, Behaviour, DevelopmentProvider
from p0_launcher.errors import ConfigurationError, LauncherError, NotSignedInError, UnavailableError, UnverifiedError
from p0_launcher.login.flow import sign_in, sign_in_as_workload, sign_in_by_pasting
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.login.step_up import step_up
from p0_launcher.profile import Profile
from p0_launcher.session import Session
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import StoredSession, Wallet

AGENT = "a" * 43
PASTE_CLIENT = "p0-paste"
ANY = (StepUp(),)


async def keys_of(issuer: str) -> KeySet:
    async with httpx.AsyncClient(trust_env=False) as client:
        described = (await client.get(f"{issuer}/.well-known/openid-configuration")).json()
        return KeySet.parse((await client.get(described["jwks_uri"])).content)


async def verified(signed: SignedAct, trusted: TrustedIssuer) -> VerifiedIdentity:
    """As a server and an agent do."""
    now = int(time.time())
    keys = {trusted.issuer: await keys_of(trusted.issuer)}
    person = verify_identity(signed.identity, issuers={trusted.issuer: trusted}, keys=keys, now=now)
    verify_act(signed, End, person, audience=f"p0-agent:{AGENT}", now=now)
    return person


def session_of(stored: StoredSession, profile: Profile, tmp_path: Path) -> Session:
    return Session(
        stored,
        wallet=Wallet(FileStore(tmp_path / "s"), name="w", directory=tmp_path / "s", clock=time.time),
        refresher=IdentityProvider(profile, clock=time.time),
        clock=time.time,
        random=secrets.token_bytes,
    )


class Desk:
    """Ada, signed in, with something to sign."""

    def __init__(self, profile: Profile, stored: StoredSession, tmp_path: Path) -> None:
        self.profile = profile
        self.stored = stored
        self.provider = IdentityProvider(profile, clock=time.time)
        self.session = session_of(stored, profile, tmp_path)

    async def act(self) -> SignedAct:
        return (await self.session.signer()).sign_end(agent=AGENT, rh="r" * 43, act="revoke", comment="")

    async def stepped_up(self, act: SignedAct, visit: Visit = as_ada, demands: tuple[StepUp, ...] = ANY) -> SignedAct:
        async with visiting(visit) as show_url:
            return await step_up(
                self.profile,
                self.provider,
                act,
                demands,
                show_url=show_url,
                clock=time.time,
                random=secrets.token_bytes,
                patience=20,
            )


async def at_the_desk(issuer: str, tmp_path: Path) -> Desk:
    profile = profile_of(issuer, tmp_path)
    provider = IdentityProvider(profile, clock=time.time)
    async with visiting(as_ada) as show_url:
        stored = await sign_in(profile, provider, show_url=show_url, random=secrets.token_bytes, patience=20)
    return Desk(profile, stored, tmp_path)


@pytest.fixture
async def desk(development_provider: DevelopmentProvider, tmp_path: Path) -> Desk:
    return await at_the_desk(development_provider.issuer, tmp_path)


async def test_a_sign_in_for_one_act_is_for_that_act(issuer: str, tmp_path: Path) -> None:
    desk = await at_the_desk(issuer, tmp_path)
    trusted = TrustedIssuer(issuer=issuer, client_ids=(CLIENT_ID,), algorithms=("ES256",))
    act = await desk.act()
    signed = await desk.stepped_up(act)
    assert (signed.record, signed.identity.id_token) == (act.record, act.identity.id_token)
    assert (await verified(signed, trusted)).stepped_up is not None
    assert (await verified(act, trusted)).stepped_up is None
    other = msgspec.structs.replace(await desk.act(), identity=signed.identity)
    with pytest.raises(Exception, match="made for something else"):
        await verified(other, trusted)


@pytest.mark.parametrize(
    ("behaviour", "demand", "code"),
    [
        (Behaviour(remembers=120), StepUp(), "step_up_older"),
        (Behaviour(), StepUp(acr=("phr",)), "step_up_acr"),
        (Behaviour(acr="phr", amr=("pwd",)), StepUp(acr=("phr",), amr=("hwk",)), "step_up_amr"),
        (Behaviour(acr="phr", amr=("hwk",)), StepUp(acr=("phr",), amr=("hwk",)), None),
    ],
    ids=["nobody was asked", "no acr", "another amr", "good"],
)
async def test_what_the_provider_says_of_the_sign_in_must_be_enough(
    desk: Desk, development_provider: DevelopmentProvider, behaviour: Behaviour, demand: StepUp, code: str | None
) -> None:
    development_provider.behaviour = behaviour
    act = await desk.act()
    if code is None:
        assert (await desk.stepped_up(act, demands=(demand,))).identity.step_up is not None
        return
    with pytest.raises(NotSignedInError) as caught:
        await desk.stepped_up(act, demands=(demand,))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"), [({"nonce": "n" * 43}, "step_up_nonce"), ({"login_hint": GRACE.sub}, "step_up_subject")]
)
async def test_a_sign_in_for_something_or_by_somebody_else_is_not_used(
    desk: Desk, changes: dict[str, str], code: str
) -> None:
    async def otherwise(url: str) -> None:
        await follow(changed(url, **{"login_hint": ADA.sub} | changes))

    with pytest.raises(UnverifiedError) as caught:
        await desk.stepped_up(await desk.act(), otherwise)
    assert caught.value.code == code


@pytest.mark.parametrize("takes_claims", [True, False])
async def test_the_provider_is_asked_for_what_is_demanded(
    desk: Desk, development_provider: DevelopmentProvider, *, takes_claims: bool
) -> None:
    """By `claims` only where it says that it knows them; of several demands, by what one token can meet."""
    development_provider.behaviour = Behaviour(acr="phrh", amr=("hwk",), takes_claims=takes_claims)
    seen: list[dict[str, list[str]]] = []

    async def looking(url: str) -> None:
        seen.append(parse_qs(urlsplit(url).query))
        await as_ada(url)

    demands = (StepUp(acr=("phr", "phrh")), StepUp(acr=("phrh", "mfa"), amr=("hwk",)))
    await desk.stepped_up(await desk.act(), looking, demands)
    assert seen[0]["acr_values"] == ["phrh"]
    claims = [json.loads(text) for text in seen[0].get("claims", ())]
    asked = {"acr": {"essential": True, "values": ["phrh"]}, "amr": {"essential": True, "values": ["hwk"]}}
    assert claims == ([{"id_token": asked}] if takes_claims else [])


async def test_the_provider_is_asked_to_ask(desk: Desk) -> None:
    seen: list[str] = []

    async def looking(url: str) -> None:
        seen.append(url)
        await as_ada(url)

    await desk.stepped_up(await desk.act(), looking)
    for part in ("prompt=login", "max_age=0", urlencode({"login_hint": ADA.email})):
        assert part in seen[0]


# Pasting


def pasting(end: Callable[[str], str]) -> Callable[[str], Awaitable[str]]:
    """What somebody pastes who signs in at the URL that is shown, in a browser elsewhere."""

    async def ask(url: str) -> str:
        async with httpx.AsyncClient(trust_env=False) as browser:
            response = await browser.get(changed(url, login_hint=ADA.sub))
            while "/callback?" not in response.headers["location"]:
                response = await browser.get(urljoin(str(response.url), response.headers["location"]))
        return end(str(response.headers["location"]))

    return ask


def may_paste(issuer: str, tmp_path: Path) -> Profile:
    return msgspec.structs.replace(profile_of(issuer, tmp_path), paste_client_id=PASTE_CLIENT)


async def pasted(issuer: str, tmp_path: Path, end: Callable[[str], str] = str) -> StoredSession:
    profile = may_paste(issuer, tmp_path)
    return await sign_in_by_pasting(
        profile, IdentityProvider(profile, clock=time.time), ask=pasting(end), random=secrets.token_bytes
    )


async def test_a_pasted_sign_in_is_short_and_known_as_one(tmp_path: Path) -> None:
    async with DevelopmentProvider(users=(ADA, GRACE), client_ids=(CLIENT_ID, PASTE_CLIENT)) as provider:
        stored = await pasted(provider.issuer, tmp_path)
        assert stored.until == pytest.approx(time.time() + 3_600, abs=30)
        assert commitment.open_bind(stored.bind).max_age == 3_600
        profile = may_paste(provider.issuer, tmp_path)
        act = (await session_of(stored, profile, tmp_path).signer()).sign_end(
            agent=AGENT, rh="r" * 43, act="relinquish", comment=""
        )
        trusted = TrustedIssuer(issuer=provider.issuer, client_ids=(CLIENT_ID,), algorithms=("ES256",))
        with pytest.raises(Exception, match="another client"):
            await verified(act, trusted)
        allowed = msgspec.structs.replace(trusted, paste_client_ids=(PASTE_CLIENT,))
        assert (await verified(act, allowed)).pasted
        refreshed = await IdentityProvider(profile, clock=time.time).refresh(stored)
        assert refreshed.id_token != stored.id_token


@pytest.mark.parametrize(
    "end",
    [
        lambda url: changed(url, state="s" * 43),
        lambda url: url.replace("/callback", "/other"),
        lambda url: url.replace("http://127.0.0.1", "http://evil.example"),
        lambda _: "",
    ],
    ids=["of another sign-in", "of another place", "of another machine", "nothing"],
)
async def test_what_is_pasted_must_be_the_end_of_this_sign_in(end: Callable[[str], str], tmp_path: Path) -> None:
    async with DevelopmentProvider(users=(ADA,), client_ids=(CLIENT_ID, PASTE_CLIENT)) as provider:
        with pytest.raises(NotSignedInError) as caught:
            await pasted(provider.issuer, tmp_path, end)
    assert caught.value.code == "paste_mismatch"


# Programs


PRINT = Path(__file__).parents[2] / "fix_platform_token.py"


def sources(issuer: str) -> dict[str, str]:
    program = [sys.executable, str(PRINT), f"{issuer}/workload-token"]
    return {
        "github": "github",
        "command": f"command:{shlex.join(program)} {{audience}} {SECRET}",
    }


@pytest.mark.parametrize("kind", ["github", "command"])
async def test_a_program_signs_in_with_a_token_that_commits_to_its_key(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served_issuer() as platform:
        issuer = platform.issuer.url
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{issuer}/workload-token?api-version=2")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        profile = profile_of(issuer, tmp_path)
        provider = IdentityProvider(profile, clock=time.time)
        stored = await sign_in_as_workload(provider, source=sources(issuer)[kind], random=secrets.token_bytes)
        assert stored.subject.claims is not None
        assert stored.subject.claims["repository_id"] == "4711"
        session = session_of(stored, profile, tmp_path)
        act = (await session.signer()).sign_end(agent=AGENT, rh="r" * 43, act="relinquish", comment="")
        trusted = TrustedIssuer(
            issuer=issuer, algorithms=("ES256",), workloads=Workloads(claims={"repository_id": ("4711",)})
        )
        assert (await verified(act, trusted)).subject.sub == "repo:corp/app"
        again = await provider.refresh(stored)
        fresh = Identity(bind=stored.bind, id_token=stored.id_token, fresh=again.id_token)
        assert (await provider.verify(fresh, workload=True)).subject == stored.subject


@pytest.mark.parametrize(
    ("source", "error", "code"),
    [
        ("github", ConfigurationError, "token_source_missing"),
        ("gitlab", LauncherError, "token_source_unknown"),
        ("command:cat /dev/null", LauncherError, "token_source_unknown"),
        ("command:print 'a {audience}", LauncherError, "token_source_unknown"),
        ("command:/not/there {audience}", ConfigurationError, "token_source_failed"),
        ("command:false {audience}", UnavailableError, "token_source_failed"),
        ("command:true {audience}", ConfigurationError, "token_source_failed"),
    ],
)
async def test_a_source_that_gives_no_token(
    source: str, error: type[LauncherError], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    provider = IdentityProvider(profile_of("https://ci.example", tmp_path), clock=time.time)
    with pytest.raises(error) as caught:
        await sign_in_as_workload(provider, source=source, random=secrets.token_bytes)
    assert caught.value.code == code


async def test_a_provider_s_answer_has_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served_issuer() as published:
        provider = IdentityProvider(profile_of(published.issuer.url, tmp_path), clock=time.time)
        monkeypatch.setattr(published, "document", lambda _: {"padding": "x" * 300_000})
        with pytest.raises(UnavailableError, match="more than 262144 bytes"):
            await provider.metadata()


# Signing out


async def test_who_signs_out_is_signed_out_at_the_provider(desk: Desk) -> None:
    stored = desk.stored
    assert stored.refresh_token is not None
    assert await desk.provider.revoke(stored.refresh_token, client_id=stored.client_id)
    with pytest.raises(NotSignedInError):
        await desk.provider.refresh(stored)
