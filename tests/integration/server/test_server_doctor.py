"""`p0 server doctor` and `p0 server notices`: what is wrong is named, beside a running server and without one."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fix_plane import CUSTOMERS, RULES, Plane
from fix_receivers import Receiver
from fix_scripted_agent import AUTOMATIC, by
from p0_access.encoding import sha256_b64u
from p0_access.findings import Finding, text
from p0_server.config import Settings, Tls
from p0_server.doctor import examine
from p0_server.notices.outbox import DELAYS
from p0_server.notices.settings import Slack, Teams, Webhook
from p0_server.store.sqlite import SqliteStore

CONFIG = """
listen = "127.0.0.1:0"
[[issuers]]
issuer = "https://id.example"
client_ids = ["p0"]
[[notices]]
to = "webhook"
name = "hook"
url = "{url}"
secrets_file = "secrets"
"""
SECRET = "whsec_" + "c2VjcmV0" * 6
HOOKS = "https://hooks.slack.com/services/T1/B1"


async def examined(plane: Plane, **changes: Any) -> list[Finding]:
    settings = msgspec.structs.replace(plane.settings, **changes)
    return list(await examine(settings, plane.clock, transport=plane.issuer.transport))


def about(findings: list[Finding], place: str) -> list[tuple[str, str]]:
    return [(each.level, each.what) for each in findings if each.place == place]


async def p0_server(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "p0_launcher", "server", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_server_that_runs_as_it_should(plane: Plane) -> None:
    await plane.agent.announce(rules_sha256=sha256_b64u(RULES.encode()))
    view = await plane.ada.submit()
    await plane.agent.admit(await plane.agent.the_job("admit"), AUTOMATIC)
    found = await examined(plane)
    assert {each.level for each in found} == {"fact"}, text(tuple(found))
    (agent,) = [what for _, what in about(found, "agent agent")]
    assert agent.startswith("scripted, heard of ")
    assert "head 1 " + "h" * 43 in agent
    assert view.rid not in text(tuple(found))
    assert text(tuple(found)).endswith("0 errors, 0 gaps\n")


async def test_rules_that_differ_and_an_agent_that_is_away(plane: Plane) -> None:
    plane.clock.ahead = 200
    found = await examined(plane)
    told = about(found, "agent agent")
    assert ("gap", "away, heard of 3 min ago") in told
    assert any(level == "gap" and what.startswith("goes by other rules") for level, what in told)


async def test_a_bad_file_of_rules_is_told_with_what_the_server_does(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    await plane.agent.announce(rules_sha256=sha256_b64u(RULES.encode()))
    (plane.directory / "rules.yaml").write_text("version: 1\nrules: nonsense\n")
    async with asyncio.timeout(60):
        while True:
            if "the old ones stay" in caplog.text:
                break
            await asyncio.sleep(0.02)
    found = await examined(plane)
    ((level, what),) = about(found, "rules")
    assert (level, "rules.yaml:2:8" in what) == ("error", True)
    kept, in_use = about(found, "server")
    assert kept[0] == "error"
    assert "it kept its old ones: " in kept[1]
    assert sha256_b64u(RULES.encode()) in in_use[1]
    assert "goes by other rules" not in text(tuple(found))  # than those that the server keeps


async def test_before_anything_ever_ran(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    found = await examined(plane)
    assert about(found, "store") == [("gap", f"{tmp_path / 'p0.db'} is not there yet")]
    assert not (tmp_path / "p0.db").exists()
    (tmp_path / "p0.db").write_bytes(b"this is no database, and was none at any time in the past")
    ((level, what),) = about(await examined(plane), "store")
    assert (level, "not a database" in what) == ("error", True)


async def test_a_store_of_another_version(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    path = tmp_path / "p0.db"
    await (await SqliteStore.open(path)).close()
    older, newer = "DELETE FROM schema_version WHERE version > 4", "INSERT INTO schema_version VALUES (999)"
    for change, expected in ((older, "gap"), (newer, "error")):
        with closing(sqlite3.connect(path)) as store, store:
            store.execute(change)
        ((level, what),) = about(await examined(plane), "store")
        assert (level, "has schema version" in what) == (expected, True)


async def test_an_identity_provider_that_is_away(plane: Plane) -> None:
    nobody = httpx.MockTransport(lambda _: httpx.Response(503))
    found = await examine(plane.settings, plane.clock, transport=nobody)
    assert [each.level for each in found if each.place.startswith("issuer")] == ["gap"]


async def test_groups_that_the_directory_does_not_have(plane: Plane) -> None:
    path = plane.directory / "groups.toml"
    path.write_text("[groups]\nanalysts = []\n")
    os.utime(path, (plane.clock() - 7_200, plane.clock() - 7_200))
    found = await examined(plane, groups="groups.toml")
    ((level, what),) = about(found, "groups")
    assert (level, "0 groups, written 2 h ago; each agent's must be the same" in what) == ("fact", True)
    said = 'line 7: rule "pii" names the group "privacy", which nobody is in by groups.toml (it has nobody in any)'
    assert ("gap", said) in about(found, "rules")
    (plane.directory / "groups.toml").write_text("[groups]\nanalysts = 1\n")
    assert about(await examined(plane, groups="groups.toml"), "groups")[0][0] == "error"


@pytest.mark.parametrize(("days", "level"), [(-1, "error"), (5, "gap"), (90, "fact")])
async def test_certificates(plane: Plane, days: int, level: str) -> None:
    tls = certificate(plane.directory, days)
    found = await examined(plane, tls=tls, listen="0.0.0.0:8400", url="https://p0.example")
    assert [each for each, _ in about(found, "tls")] == [level]
    assert about(found, "listen") == []


async def test_what_could_not_be_started_is_an_error(plane: Plane) -> None:
    hook = Webhook(name="hook", url="https://hooks.example", secrets_file="absent")
    found = await examined(plane, listen="0.0.0.0:8400", notices=(hook,))
    assert [each for each, _ in about(found, "listen")] == ["error"]
    assert about(found, "notices to hook") == [("error", "notices to hook: cannot read absent")]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise, as in test_notices.py
@pytest.mark.parametrize(
    ("to", "held", "said", "hint"),
    [
        (Slack, "", "channel.url is empty", "https://hooks.slack.com/services/"),
        (Slack, "T1/s3cr3t", "channel.url does not hold a URL that starts with https://", "/services/"),
        (Slack, f"{HOOKS}/s3cr3t\n{HOOKS}/s3cr3t", "channel.url holds more than a URL", "One line"),
        (
            Slack,
            "https://discord.com/api/webhooks/4/s3cr3t",
            "channel.url holds a URL of discord.com, which is not that of an incoming webhook of Slack",
            "Incoming Webhooks",
        ),
        (
            Teams,
            "https://corp.webhook.office.com/webhookb2/0a@0b/IncomingWebhook/0c/s3cr3t",
            "channel.url holds a URL of corp.webhook.office.com, which is not that of an incoming webhook of Teams",
            "connectors (webhook.office.com) are no more",
        ),
    ],
)
async def test_a_channel_s_url_of_the_wrong_shape(
    plane: Plane, to: type[Slack | Teams], held: str, said: str, hint: str
) -> None:
    (plane.directory / "channel.url").write_text(held)
    found = await examined(plane, notices=(to(name="channel", url_file="channel.url"),))
    (finding,) = [each for each in found if each.place == "notices to channel"]
    assert (finding.level, finding.what) == ("error", f"notices to channel: {said}")
    assert hint in (finding.fix or "")
    assert "s3cr3t" not in str(found)


async def test_dead_notices_are_shown_and_tried_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the command line, beside the running server."""
    monkeypatch.setattr("p0_server.notices.outbox.LOOK_AGAIN_SECONDS", 0.05)
    (tmp_path / "secrets").write_text(SECRET)
    (tmp_path / "server.toml").write_text(CONFIG.format(url=receiver.url))
    config = ("--config", str(tmp_path / "server.toml"))

    class Notified(Plane):
        @property
        def settings(self) -> Settings:
            hook = Webhook(name="hook", url=receiver.url, secrets_file="secrets")
            return msgspec.structs.replace(super().settings, notices=(hook,))

    plane = Notified(directory=tmp_path)
    receiver.statuses = [500] * (len(DELAYS) + 1)
    async with plane.running():
        await plane.agent.announce()
        await plane.agent.publish()
        view = await plane.ada.submit(CUSTOMERS)
        await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
        for attempt in range(1, len(DELAYS) + 2):
            await receiver.until(_count(receiver, attempt))
            plane.clock.ahead += max(DELAYS)
        found: list[Finding] = []
        async with asyncio.timeout(60):
            while ("gap", "1 could not be delivered") not in about(found, "notices to hook"):
                found = await examined(plane)
        status, out, _ = await p0_server("notices", *config)
        assert (status, out) == (0, f"{view.rid} admitted to hook: given up after 8 attempts: answered 500\n")
        status, out, _ = await p0_server("notices", *config, "--retry", "--json")
        assert (status, json.loads(out)[0]["problem"]) == (0, "answered 500")
        await receiver.until(_count(receiver, len(DELAYS) + 2))
    status, out, err = await p0_server("doctor", *config)
    assert "gap   issuer https://id.example" in out, err
    assert status == 1


async def test_a_bad_configuration_is_78(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text("listn = 1")
    status, out, err = await p0_server("doctor", "--config", str(tmp_path / "server.toml"))
    assert (status, out) == (78, "")
    assert "server.toml" in err
    status, _, err = await p0_server("notices", "--config", str(tmp_path / "server.toml"))
    assert status == 78


def _count(receiver: Receiver, count: int) -> Any:
    return lambda: len(receiver.received) >= count


def certificate(directory: Path, days: int) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "p0.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Tls(certificate="cert.pem", key="key.pem")
