"""Notices arrive: signed, in each service's own format, again after a failure, and with nothing live in them."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fix_plane import CUSTOMERS, Plane
from fix_receivers import Received, Receiver
from fix_scripted_agent import by
from p0_access.messages.views import RequestView
from p0_server.config import Settings
from p0_server.notices.settings import AnyTarget, Email, Slack, Teams, Webhook
from p0_server.store.sqlite import SqliteStore

# apprise loads all its services, and one of them looks for a module that Python 3.13 no longer has
through_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NASTY = (
    "<!channel> <@U6TTX1F9R> <https://evil.example|fine> *b* _i_ `c` <at>all</at> [x](https://x.example) \u202e & so"
)
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = (
    "https://prod-1.westeurope.logic.azure.com:443/workflows/abc123/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig=sIgNaTuRe"
)


class Notified(Plane):
    """A control plane with `targets` for notices."""

    targets: tuple[AnyTarget, ...] = ()

    @property
    def settings(self) -> Settings:
        return msgspec.structs.replace(super().settings, notices=self.targets)

    @asynccontextmanager
    async def up(self, *targets: AnyTarget) -> AsyncIterator[None]:
        self.targets = targets
        async with self.running():
            await self.agent.announce()
            await self.agent.publish()
            yield

    async def pending(self, **changes: Any) -> RequestView:
        view = await self.ada.submit(CUSTOMERS, **changes)
        await self.agent.admit(await self.agent.the_job("admit"), by("privacy"))
        return view


def secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_by(received: Received, key: str) -> bool:
    """As a receiver checks it, by the specification."""
    head = received.headers
    text = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + received.body
    mac = hmac.new(base64.b64decode(key.removeprefix("whsec_")), text, "sha256").digest()
    return f"v1,{base64.b64encode(mac).decode()}" in head["webhook-signature"].split(" ")


@pytest.fixture
def notified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notified:
    monkeypatch.setattr("p0_server.notices.outbox.LOOK_AGAIN_SECONDS", 0.05)
    return Notified(directory=tmp_path)


def hook(receiver: Receiver, directory: Path, *keys: str, **more: Any) -> Webhook:
    (directory / "secrets").write_text("# newest first\n" + "\n".join(keys) + "\n")
    return Webhook(name="hook", url=receiver.url + "/in", secrets_file="secrets", **more)


async def test_a_signed_webhook_with_the_command_to_review(notified: Notified, receiver: Receiver) -> None:
    old, new = secret(), secret()
    async with notified.up(hook(receiver, notified.directory, new, old)):
        view = await notified.pending()
        await receiver.until(lambda: len(receiver.received) == 1)
    (got,) = receiver.received
    assert got.path == "/in"
    assert signed_by(got, new)
    assert signed_by(got, old)
    assert not signed_by(got, secret())
    sent = json.loads(got.body)
    assert sent["type"] == "request.waiting"
    assert sent["data"] == {
        "kind": "waiting",
        "at": sent["data"]["at"],
        "rid": view.rid,
        "database": "mydatabase",
        "state": "pending",
        "requestor": "ada@corp.example",
        "review": f"p0 show {view.rid}",
    }
    assert b"http" not in got.body  # nothing to click on
    assert b"customers" not in got.body  # no SQL
    assert b"Generating" not in got.body  # no reason, as long as it is not asked for


async def test_what_to_tell_and_of_what_is_configured(notified: Notified, receiver: Receiver) -> None:
    target = hook(
        receiver, notified.directory, secret(), events=("denied", "lapsed"), include=("reason", "summary", "comment")
    )
    async with notified.up(target):
        view = await notified.pending()
        denial = notified.pat.approval(await notified.pat.view(view.rid), "deny", comment="not now")
        await notified.pat.post(f"/v1/requests/{view.rid}/approvals", denial)
        await notified.agent.answer(await notified.agent.the_job("approval"), "denied")
        await receiver.until(lambda: len(receiver.received) == 1)
    told = json.loads(receiver.received[0].body)["data"]
    assert (told["kind"], told["actor"], told["reason"]) == ("denied", "pat@corp.example", "Generating reports")
    assert told["summary"] == CUSTOMERS


async def test_other_databases_are_none_of_a_targets_business(notified: Notified, receiver: Receiver) -> None:
    target = hook(receiver, notified.directory, secret(), databases=("prod-*",), events=("submitted", "waiting"))
    async with notified.up(target):
        await notified.pending()
    async with _store(notified) as store:
        assert await store.due_notices("hook", now=2**40, limit=9) == ()


async def test_a_failure_is_tried_again_with_the_same_id(notified: Notified, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 200]
    async with notified.up(hook(receiver, notified.directory, secret())):
        await notified.pending()
        for attempt in range(1, 4):
            await receiver.until(partial(_has, receiver, attempt))
            notified.clock.ahead += 60
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert {each.path for each in receiver.received} == {"/in"}  # a redirect is a failure
    assert len({each.headers["webhook-timestamp"] for each in receiver.received}) == 3


async def test_secrets_are_changed_while_the_server_runs(notified: Notified, receiver: Receiver) -> None:
    old, new = secret(), secret()
    async with notified.up(hook(receiver, notified.directory, old)):
        await notified.pending()
        await receiver.until(lambda: len(receiver.received) == 1)
        (notified.directory / "secrets").write_text(new)
        await notified.pending()
        await receiver.until(lambda: len(receiver.received) == 2)
    assert [signed_by(each, new) for each in receiver.received] == [False, True]


async def test_a_notice_outlives_a_server_that_stops_before_it_is_delivered(
    notified: Notified, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    target = hook(receiver, notified.directory, secret())
    async with notified.up(target):
        await notified.pending()
        await receiver.until(lambda: len(receiver.received) == 1)
    notified.clock.ahead += 60
    async with notified.up(target):
        await receiver.until(lambda: len(receiver.received) == 2)


@through_apprise
async def test_slack_shows_it_and_runs_nothing(
    notified: Notified, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url)
    (notified.directory / "slack").write_text(SLACK + "\n")
    async with notified.up(Slack(name="channel", url_file="slack", include=("reason",))):
        view = await notified.pending(reason=NASTY)
        await receiver.until(lambda: bool(receiver.received))
    sent = json.loads(receiver.received[0].body)
    assert receiver.received[0].path == SLACK.removeprefix("https://hooks.slack.com/services")
    text = sent["attachments"][0]["text"]
    assert sent["mrkdwn"] is False
    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt;" in text
    assert "\u202e" not in text
    assert f"p0 show {view.rid}" in text


@through_apprise
async def test_teams_shows_it_and_runs_nothing(notified: Notified, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any]] = []
    delivered = Receiver()

    class Answer:
        status_code = 202
        content = b""

    def post(url: str, **given: Any) -> Answer:
        assert given["allow_redirects"] is False
        sent.append((url, json.loads(given["data"])))
        delivered.nudge()
        return Answer()

    monkeypatch.setattr("apprise.plugins.workflows.requests.post", post)
    (notified.directory / "teams").write_text(TEAMS + "\n")
    async with notified.up(Teams(name="channel", url_file="teams", include=("reason",))):
        view = await notified.pending(reason=NASTY)
        await delivered.until(lambda: bool(sent))
    ((url, card),) = sent
    assert url.startswith("https://prod-1.westeurope.logic.azure.com:443/workflows/abc123/")
    content = card["attachments"][0]["content"]
    assert "entities" not in content["msteams"]
    (text,) = [each["text"] for each in content["body"]]
    assert not re.search(r"(?<!\\)[*_`\[\]]", text)  # all of them with a backslash before, as Markdown quotes them
    assert not re.search("[<>]", text)
    assert f"p0 show {view.rid}" in text.replace("\\", "")


@through_apprise
async def test_an_email(notified: Notified, mailbox: Receiver) -> None:
    target = Email(
        name="dba",
        host="127.0.0.1",
        port=mailbox.port,
        tls="none",
        sender="p0@corp.example",
        recipients=("dba@corp.example", "oncall@corp.example"),
        include=("reason",),
    )
    async with notified.up(target):
        view = await notified.pending(reason="Bcc: eve@evil.example <b>&amp;</b>")
        await mailbox.until(lambda: len(mailbox.mails) == 2)
    assert sorted(str(each["To"]) for each in mailbox.mails) == ["dba@corp.example", "oncall@corp.example"]
    mail = mailbox.mails[0]
    assert str(mail["Subject"]) == "p0: ada@corp.example asks for access to mydatabase"
    assert mail["Bcc"] is None
    text = mail.get_content()
    assert mail.get_content_type() == "text/plain"
    assert "reason: Bcc: eve@evil.example <b>&amp;</b>" in text
    assert f"p0 show {view.rid}" in text


def _has(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) == count


@asynccontextmanager
async def _store(notified: Notified) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(notified.directory / "p0.db")
    try:
        yield store
    finally:
        await store.close()
