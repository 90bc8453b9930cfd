"""`p0 login`, `p0 logout` and what happens in between: profiles, trust, expiry, a provider that is gone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from fix_identity import SECRET, served_issuer
from fix_sign_in import changed, follow, visiting
from fix_stage import Ran, p0
from p0_demo.identity_provider import CLIENT_ID
from p0_demo.stage import DANA, DATABASE, Stage
from p0_launcher.connection import open_wallet
from p0_launcher.login.flow import sign_in
from p0_launcher.login.keeping import keep_session
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.profile import load
from p0_launcher.wallet import StoredSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

SQL = ("-d", DATABASE, "-c", "select max(name) from enterprise.markets", "--reason", "a test", "--", "-At")
CLOCK = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d"  # with its day, where that is not today


class Machine:
    """Where Dana signs in with a configuration of her own."""

    def __init__(self, stage: Stage, path: Path) -> None:
        self.stage = stage
        self.path = path
        table = tomllib.loads(stage.profile(DANA).read_text())["profiles"]["default"]
        self.issuer: str = table["issuer"]
        self.agent: str = table["agents"][0]

    async def p0(self, *arguments: str, **variables: str) -> Ran:
        return await p0(self.stage, DANA, *arguments, **{"P0_CONFIG": str(self.path)} | variables)

    async def first_login(self, *more: str) -> Ran:
        place = ("--server", self.stage.server, "--issuer", self.issuer, "--client-id", CLIENT_ID)
        return await self.p0("login", *place, "--insecure-storage", *more)

    async def change_session(self, **changes: object) -> None:
        """As time, or somebody's hand, would have left it."""
        wallet = open_wallet(load(environ={"P0_CONFIG": str(self.path)}))
        async with wallet.changing() as draft:
            assert draft.contents.session is not None
            session = msgspec.structs.replace(draft.contents.session, **changes)
            draft.contents = msgspec.structs.replace(draft.contents, session=session)

    async def sign_in_before(self) -> None:
        """As Dana did so long ago that the token is over; the session is not."""
        profile = load(environ={"P0_CONFIG": str(self.path)})
        provider = IdentityProvider(profile, clock=lambda: time.time() - 55)
        with behaving(self.stage, token_seconds=-100):
            async with visiting(as_dana) as show_url:
                session = await sign_in(profile, provider, show_url=show_url, random=os.urandom)
        await keep_session(open_wallet(profile), session)

    async def sessions(self) -> list[StoredSession]:
        kept = (await open_wallet(load(environ={"P0_CONFIG": str(self.path)})).read()).session
        return [] if kept is None else [kept]


async def as_dana(url: str) -> None:
    assert (await follow(changed(url, login_hint=DANA.sub))).status_code == 200


async def ended_past_the_server(machine: Machine, rid: str) -> None:
    """This machine is not told."""
    signed = machine.path.parent / "end.json"
    assert (await machine.p0("revoke", rid, "--to-file", str(signed))).status == 0
    agent = ("--config", str(machine.stage.directory / "agent.toml"))
    submitted = await machine.p0("agent", "submit", str(signed), *agent)
    assert submitted.status == 0, submitted
    shown = await machine.p0("show", rid, "--watch", "--json")
    assert '"state":"ended"' in shown.out.splitlines()[-1], shown


@contextmanager
def behaving(stage: Stage, **changes: Any) -> Iterator[None]:
    """The identity provider, for a while."""
    kept = stage.provider.behaviour
    stage.provider.behaviour = msgspec.structs.replace(kept, **changes)
    try:
        yield
    finally:
        stage.provider.behaviour = kept


@pytest.fixture
def machine(stage: Stage, tmp_path: Path) -> Machine:
    return Machine(stage, tmp_path / "a new place" / "config.toml")


async def test_a_first_sign_in_makes_the_profile_and_trusts_only_who_is_named(machine: Machine) -> None:
    ran = await machine.first_login()
    assert ran.status == 0, ran
    assert ran.out == ""
    assert "WARNING: secrets are kept in" in ran.err
    assert f"does not trust the agent {machine.agent}, which serves {DATABASE}" in ran.err
    assert "signed in as dana@demo.example until" in ran.err
    refused = await machine.p0("psql", *SQL)
    assert (refused.status, refused.out) == (78, "")
    assert f"p0 login --agent {machine.agent}" in refused.err
    trusted = await machine.p0("login", "--agent", machine.agent)
    assert trusted.status == 0, trusted
    assert "does not trust" not in trusted.err
    assert (await machine.p0("psql", *SQL)).out == "United States\n"
    secrets = machine.path.parent / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}


async def test_signing_out_forgets_everything_and_says_what_goes_on(machine: Machine) -> None:
    assert (await machine.first_login("--agent", machine.agent)).status == 0
    assert (await machine.p0("psql", *SQL)).status == 0
    assert (await machine.p0("psql", *SQL[:3], "select min(name) from enterprise.markets", *SQL[4:])).status == 0
    second, first = [each["rid"] for each in json.loads((await machine.p0("requests", "--json")).out)[:2]]
    await ended_past_the_server(machine, second)
    ran = await machine.p0("logout")
    assert (ran.status, ran.out) == (0, "")
    assert "p0: signed out" in ran.err
    (said,) = [line for line in ran.err.splitlines() if "r-" in line]
    assert re.fullmatch(rf"p0: {first} stays active until {CLOCK}; its credential is forgotten here", said), ran
    assert [path.name for path in (machine.path.parent / "secrets").iterdir()] == ["lock"]
    for command in (("whoami",), ("psql", *SQL), ("requests",)):
        after = await machine.p0(*command)
        assert (after.status, after.out) == (78, "")
        assert after.err == "p0: you are not signed in\nhint: Sign in: p0 login\n"
    assert "you were not signed in" in (await machine.p0("logout")).err


async def test_a_sign_in_that_has_expired_says_so(machine: Machine) -> None:
    assert (await machine.first_login("--agent", machine.agent)).status == 0
    await machine.change_session(expires=int(time.time()) - 1, refresh_token=None)
    ran = await machine.p0("psql", *SQL)
    assert (ran.status, ran.out) == (78, "")
    assert ran.err == "p0: your sign-in has expired\nhint: Sign in again: p0 login\n"


@pytest.mark.parametrize("nonce", [True, False], ids=["with a nonce", "without"])
async def test_a_refreshed_token_carries_the_session_on_up_to_the_agent(machine: Machine, *, nonce: bool) -> None:
    """The login's own token is over for everybody, and the nonce is in that one alone where refreshing gives none."""
    assert (await machine.first_login("--agent", machine.agent)).status == 0
    await machine.sign_in_before()
    with behaving(machine.stage, nonce_on_refresh=nonce):
        ran = await machine.p0("psql", *SQL)
        assert (ran.status, ran.out) == (0, "United States\n"), ran
        (session,) = await machine.sessions()
        assert session.fresh is not None
        claims = jwt.decode(session.fresh, options={"verify_signature": False})
        assert ("nonce" in claims) is nonce
        assert (await machine.p0("whoami")).status == 0


async def test_a_provider_that_refreshes_without_an_id_token_asks_for_a_new_sign_in(machine: Machine) -> None:
    assert (await machine.first_login("--agent", machine.agent)).status == 0
    await machine.sign_in_before()
    with behaving(machine.stage, token_on_refresh=False):
        ran = await machine.p0("psql", *SQL)
    assert (ran.status, ran.out) == (78, "")
    said, hint = ran.err.splitlines()
    assert said == "p0: your sign-in has expired, and the identity provider gives no ID token when it is refreshed"
    assert hint.startswith("hint: Sign in again: p0 login")
    assert (await machine.p0("login")).status == 0
    assert (await machine.p0("psql", *SQL)).status == 0
    out = await machine.p0("logout", P0_SERVER="http://127.0.0.1:9")
    assert re.search(rf"p0: r-\w+ may be active until {CLOCK}: the server does not say; its", out.err), out


async def test_a_provider_that_is_gone_is_named(machine: Machine) -> None:
    assert (await machine.first_login("--agent", machine.agent)).status == 0
    await machine.change_session(expires=int(time.time()) - 1)
    machine.path.write_text(machine.path.read_text().replace(machine.issuer, "http://127.0.0.1:9"))
    ran = await machine.p0("psql", *SQL)
    assert (ran.status, ran.out) == (69, "")
    assert ran.err.splitlines()[0] == "p0: the identity provider at http://127.0.0.1:9 does not answer"


async def test_two_profiles_of_one_file_are_two_sign_ins(machine: Machine) -> None:
    assert (await machine.first_login()).status == 0
    place = ("--server", machine.stage.server, "--issuer", machine.issuer, "--client-id", CLIENT_ID)
    second = await machine.p0("login", *place, "--insecure-storage", P0_PROFILE="second")
    assert second.status == 0, second
    assert (await machine.p0("logout", P0_PROFILE="second")).status == 0
    assert (await machine.p0("whoami", P0_PROFILE="second")).status == 78
    assert (await machine.p0("whoami")).status == 0


async def test_without_a_browser_the_url_is_printed_for_the_port_that_is_forwarded(machine: Machine) -> None:
    ran = await machine.first_login("--no-browser", "--timeout", "1s")
    assert (ran.status, ran.out) == (78, "")
    assert "127.0.0.1%3A" in ran.err
    assert "nobody signed in within 1 seconds" in ran.err
    assert not machine.path.exists()


async def test_a_moved_configuration_does_not_find_the_other_ones_secrets(machine: Machine, tmp_path: Path) -> None:
    assert (await machine.first_login()).status == 0
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.copy(machine.path, other / "config.toml")
    ran = await machine.p0("whoami", P0_CONFIG=str(other / "config.toml"))
    assert ran.status == 78, ran


async def test_what_is_pasted_must_be_where_this_sign_in_ended(machine: Machine) -> None:
    same = await machine.first_login("--no-browser", "--paste-client-id", CLIENT_ID)
    assert (same.status, "a client of its own" in same.err) == (64, True), same
    ran = await machine.first_login("--no-browser", "--paste-client-id", "p0-paste")  # nothing is pasted
    assert (ran.status, ran.out) == (78, ""), ran
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2Fcallback" in ran.err
    assert "Never paste an address that somebody sent you." in ran.err
    assert "that is not the URL at which this sign-in ended" in ran.err
    assert not machine.path.exists()


async def test_a_program_signs_in_with_a_token_of_its_platform(machine: Machine) -> None:
    async with served_issuer() as platform:
        url = f"{platform.issuer.url}/workload-token"
        program = Path(__file__).parents[1] / "fix_platform_token.py"
        source = f"command:{shlex.join([sys.executable, str(program), url])} {{audience}} {SECRET}"
        ran = await machine.p0(
            "login", "--server", machine.stage.server, "--issuer", platform.issuer.url, "--agent", machine.agent,
            "--insecure-storage", "--identity-token-from", source,
        )  # fmt: skip
    assert ran.status == 0, ran
    assert "signed in as repo:corp/app" in ran.err
    assert f"the issuer {platform.issuer.url} is not trusted here" in ran.err  # the stage knows people only
    unknown = await machine.first_login("--identity-token-from", "gitlab")
    assert unknown.status == 64, unknown
