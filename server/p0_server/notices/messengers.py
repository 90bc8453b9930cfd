"""Slack, Teams and e-mail, through apprise, which keeps up with what those services want.

Everything goes out as plain text that the service shows as it stands: no mention, link or mark-up in what somebody
wrote comes to life. Redirects are not followed. apprise waits for the network, so it works in a thread.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from p0_access.secret import Secret
from p0_server.errors import ConfigurationError
from p0_server.notices.errors import DeliveryError
from p0_server.notices.notice import Notice
from p0_server.notices.settings import Email, Slack, Teams

if TYPE_CHECKING:
    from apprise import Apprise

TIMEOUT_SECONDS: Final = 10
_PATIENCE: Final = 3 * TIMEOUT_SECONDS

_MODES: Final = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}

_PLUGINS: Final = {Slack: "NotifySlack", Teams: "NotifyWorkflows", Email: "NotifyEmail"}


_SHAPES: Final = {
    Slack: "One line: https://hooks.slack.com/services/T…/B…/…, as the app shows it under Incoming Webhooks.",
    Teams: (
        "One line: https://…/workflows/…/triggers/manual/paths/invoke?…&sig=…, as the workflow for webhook requests "
        "shows it; connectors (webhook.office.com) are no more."
    ),
    Email: "host is a name or an address, such as mail.example.com.",
}

_HTTPS_HOST: Final = re.compile(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?/", re.IGNORECASE)

_NO_BRACKETS: Final = str.maketrans("<>", "\u2039\u203a")
"""Cards know links and mentions in angle brackets, the one mark-up that apprise does not quote: others stand in."""


async def send(target: Slack | Teams | Email, notice: Notice, secret: Secret | None) -> None:
    """`secret` is the URL for Slack and Teams, the password for e-mail. Raises `DeliveryError`."""
    try:
        async with asyncio.timeout(_PATIENCE):
            sent = await asyncio.to_thread(_send, target, notice, secret)
    except TimeoutError as error:
        raise DeliveryError("not reached in time") from error
    if not sent:
        raise DeliveryError("not reached, or not accepted")


def check(target: Slack | Teams | Email, secret: Secret | None) -> None:
    """Raises `ConfigurationError` for a secret that is not what such a target takes."""
    _apprise(target, secret)


def _send(target: Slack | Teams | Email, notice: Notice, secret: Secret | None) -> bool:
    text = "\n".join((notice.headline, *notice.lines))
    if isinstance(target, Teams):
        text = text.translate(_NO_BRACKETS)
    title = f"p0: {notice.headline}" if isinstance(target, Email) else ""
    sent = _apprise(target, secret).notify(title=title, body=text, body_format="text")
    return bool(sent)


def _apprise(target: Slack | Teams | Email, secret: Secret | None) -> Apprise:
    from apprise import Apprise, AppriseAsset

    # nothing of what is sent may be looked at as a path, an escape sequence or an emoji
    made = Apprise(asset=AppriseAsset(interpret_escapes=False, interpret_emojis=False, http_redirects=False))
    if not made.add(_url(target, secret)) or [type(each).__name__ for each in made] != [_PLUGINS[type(target)]]:
        raise ConfigurationError(
            f"notices to {target.name}: {_wrong_with(target, secret)}", code="notice_url", hint=_SHAPES[type(target)]
        )
    return made


def _wrong_with(target: Slack | Teams | Email, secret: Secret | None) -> str:
    """Why apprise has no use for it. Of a URL only the host is told: the rest is the secret."""
    if isinstance(target, Email):
        return f"mail cannot be sent by {target.host}"
    given = "" if secret is None else secret.reveal().strip()
    if not given:
        return f"{target.url_file} is empty"
    if len(given.split()) > 1:
        return f"{target.url_file} holds more than a URL"
    host = _HTTPS_HOST.match(given)
    if host is None:
        return f"{target.url_file} does not hold a URL that starts with https://"
    service = "Slack" if isinstance(target, Slack) else "Teams"
    return f"{target.url_file} holds a URL of {host[1]}, which is not that of an incoming webhook of {service}"


def _url(target: Slack | Teams | Email, secret: Secret | None) -> str:
    timeouts = {"cto": str(TIMEOUT_SECONDS), "rto": str(TIMEOUT_SECONDS)}
    if not isinstance(target, Email):
        given = "" if secret is None else secret.reveal().strip()
        if not given.startswith("https://"):
            return ""
        return given + ("&" if "?" in given else "?") + urlencode(timeouts | {"image": "no", "footer": "no"})
    login = ""
    if target.user is not None and secret is not None:
        login = f"{quote(target.user, safe='')}:{quote(secret.reveal().strip(), safe='')}@"
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port is None else f":{target.port}"
    told = {"from": target.sender, "to": ",".join(target.recipients), "format": "text", "mode": _MODES[target.tls]}
    scheme = "mailto" if target.tls == "none" else "mailtos"
    return f"{scheme}://{login}{host}{port}/?{urlencode(told | timeouts)}"
