"""Several identity providers at once, as an agent meets them: a development one, a certified one, and a platform whose
subjects are programs; each with its own groups, outages and keys."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fix_identity import SECRET, PublishedIssuer, served_issuer
from fix_oidc import ADA, CertifiedProvider
from fix_sign_in import as_ada, profile_of, visiting
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import End
from p0_access.proof.issuers import GroupMapping, TrustedIssuer, Workloads
from p0_access.proof.jwks import FAILURE_COOLDOWN, TTL, UNKNOWN_KEY_COOLDOWN
from p0_agent.errors import IssuerUnavailableError, RefusedError
from p0_agent.verification.acts import VerifiedAct, verify
from p0_agent.verification.issuer_keys import IssuerKeyCache
from p0_demo.identity_provider import CLIENT_ID, Behaviour, DevelopmentProvider
from p0_launcher.acts import Signer
from p0_launcher.login.flow import sign_in, sign_in_as_workload
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.profile import Profile
from p0_launcher.session import Session
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import StoredSession, Wallet

AGENT = "a" * 43


class Clock:
    """The real time, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Agent:
    """As far as it knows people."""

    def __init__(self, *issuers: TrustedIssuer) -> None:
        self.clock = Clock()
        self.keys = IssuerKeyCache(clock=self.clock)
        self.issuers = {issuer.issuer: issuer for issuer in issuers}

    async def know(self, act: SignedAct) -> VerifiedAct[End]:
        return await verify(
            act,
            End,
            audience=f"p0-agent:{AGENT}",
            issuers=self.issuers,
            key_source=self.keys,
            aliases={},
            now=int(self.clock()),
        )

    async def refuses(self, act: SignedAct) -> str:
        with pytest.raises(RefusedError) as caught:
            await self.know(act)
        return caught.value.code


async def signer(stored: StoredSession, profile: Profile, directory: Path) -> Signer:
    wallet = Wallet(FileStore(directory), name="w", directory=directory, clock=time.time)
    provider = IdentityProvider(profile, clock=time.time)
    return await Session(
        stored, wallet=wallet, refresher=provider, clock=time.time, random=secrets.token_bytes
    ).signer()


async def act_of_ada(issuer: str, directory: Path) -> SignedAct:
    """Something that ada signed, who has just signed in at `issuer`."""
    profile = profile_of(issuer, directory)
    provider = IdentityProvider(profile, clock=time.time)
    async with visiting(as_ada) as show_url:
        stored = await sign_in(profile, provider, show_url=show_url, random=secrets.token_bytes, patience=20)
    return (await signer(stored, profile, directory)).sign_end(agent=AGENT, rh="r" * 43, act="revoke", comment="")


@pytest.fixture
async def platform() -> AsyncIterator[PublishedIssuer]:
    async with served_issuer() as served:
        yield served


@pytest.fixture
async def agent(
    development_provider: DevelopmentProvider, certified_provider: CertifiedProvider, platform: PublishedIssuer
) -> AsyncIterator[Agent]:
    mapped = (GroupMapping(claim="groups", value="engineers", group="partners"),)
    agent = Agent(
        TrustedIssuer(issuer=development_provider.issuer, client_ids=(CLIENT_ID,)),
        TrustedIssuer(issuer=certified_provider.issuer, client_ids=(CLIENT_ID,), groups_claim="", groups=mapped),
        TrustedIssuer(issuer=platform.issuer.url, workloads=Workloads(claims={"repository_id": ("4711",)})),
    )
    yield agent
    await agent.keys.close()


async def test_each_subject_is_known_by_its_own_provider(
    agent: Agent,
    development_provider: DevelopmentProvider,
    certified_provider: CertifiedProvider,
    platform: PublishedIssuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = (await agent.know(await act_of_ada(development_provider.issuer, tmp_path))).person
    assert (own.subject.iss, own.subject.sub, own.groups) == (development_provider.issuer, ADA.sub, ADA.groups)
    partner = (await agent.know(await act_of_ada(certified_provider.issuer, tmp_path))).person
    assert (partner.subject.iss, partner.groups) == (certified_provider.issuer, ("partners",))
    assert own.requestor != partner.requestor
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{platform.issuer.url}/workload-token")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
    profile = profile_of(platform.issuer.url, tmp_path)
    provider = IdentityProvider(profile, clock=time.time)
    stored = await sign_in_as_workload(provider, source="github", random=secrets.token_bytes)
    act = (await signer(stored, profile, tmp_path)).sign_end(agent=AGENT, rh="r" * 43, act="revoke", comment="")
    program = (await agent.know(act)).person
    assert program.requestor.claims is not None
    platform.claims["repository_id"] = "4712"
    stored = await sign_in_as_workload(provider, source="github", random=secrets.token_bytes)
    act = (await signer(stored, profile, tmp_path)).sign_end(agent=AGENT, rh="r" * 43, act="revoke", comment="")
    assert await agent.refuses(act) == "workload_claims"


async def test_an_issuers_tokens_prove_nobody_of_another(
    agent: Agent, development_provider: DevelopmentProvider, certified_provider: CertifiedProvider, tmp_path: Path
) -> None:
    own = await act_of_ada(development_provider.issuer, tmp_path)
    other = await act_of_ada(certified_provider.issuer, tmp_path)
    for changes, code in (
        ({"id_token": other.identity.id_token}, "nonce_mismatch"),
        ({"fresh": other.identity.id_token}, "token_key_unknown"),
        ({"step_up": other.identity.id_token}, "step_up_issuer"),
    ):
        mixed = SignedAct(record=own.record, identity=msgspec.structs.replace(own.identity, **changes))
        assert await agent.refuses(mixed) == code, changes


async def test_an_outage_of_one_is_survived_with_the_keys_that_are_known(
    agent: Agent, development_provider: DevelopmentProvider, certified_provider: CertifiedProvider, tmp_path: Path
) -> None:
    act = await act_of_ada(development_provider.issuer, tmp_path)
    development_provider.behaviour = Behaviour(outage=True)
    with pytest.raises(IssuerUnavailableError):  # no refusal: the job comes again
        await agent.know(act)
    assert (await agent.know(await act_of_ada(certified_provider.issuer, tmp_path))).person.subject.sub == ADA.sub
    development_provider.behaviour = Behaviour()
    agent.clock.ahead += FAILURE_COOLDOWN
    assert (await agent.know(act)).person.subject.sub == ADA.sub
    development_provider.behaviour = Behaviour(outage=True)
    assert (await agent.know(act)).person.subject.sub == ADA.sub


async def test_new_keys_are_noticed_and_withdrawn_ones_forgotten(
    agent: Agent, development_provider: DevelopmentProvider, tmp_path: Path
) -> None:
    development_provider.behaviour = Behaviour(token_seconds=3 * TTL)
    before = await act_of_ada(development_provider.issuer, tmp_path)
    await agent.know(before)
    development_provider.rotate_keys()
    after = await act_of_ada(development_provider.issuer, tmp_path)
    assert await agent.refuses(after) == "token_key_unknown"  # asked a moment ago
    agent.clock.ahead += UNKNOWN_KEY_COOLDOWN
    for act in (after, before):
        await agent.know(act)
    development_provider.rotate_keys(withdraw=True)
    agent.clock.ahead += TTL
    assert await agent.refuses(before) == "token_key_unknown"
