"""Where notices go, as `[[notices]]` of the server's configuration has it. Whatever is secret stands in a file of its
own, which is read at each attempt: it can be changed while the server runs.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from p0_access.messages.records import Name
from p0_access.messages.views import EventType
from p0_access.routing.patterns import Pattern, PatternError, parse_pattern

NoticeKind = Literal[EventType, "waiting"]
"""A row of the log by its type; `waiting`: people are asked to decide."""

Included = Literal["reason", "summary", "comment"]

_HTTPS_OR_LOOPBACK: Final = re.compile(
    r"https://[^/?#@\s]+(/\S*)?\Z|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/\S*)?\Z"
)


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all have. `events` are told of requests for `databases` (patterns). A notice names request, database and
    people; `include` adds the reason, the start of the SQL, or what a decision's author wrote."""

    name: Name
    events: Annotated[tuple[NoticeKind, ...], Meta(min_length=1)] = ("waiting",)
    databases: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)
    include: tuple[Included, ...] = ()

    def __post_init__(self) -> None:
        self.patterns()

    def patterns(self) -> tuple[Pattern, ...]:
        try:
            return tuple(parse_pattern(each, "database") for each in self.databases)
        except PatternError as error:
            raise ValueError(f"notices to {self.name}: {error}") from error


class Webhook(Target, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook", tag_field="to"):
    """A program of yours. `secrets_file` has the secrets that sign, one a line; all of them do, so that a receiver can
    change from one to the next."""

    url: str
    secrets_file: str

    def __post_init__(self) -> None:
        self.patterns()
        if not _HTTPS_OR_LOOPBACK.match(self.url):
            raise ValueError(f"notices to {self.name}: the url is https://…, without a name or password in it")


class Slack(Target, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="slack", tag_field="to"):
    """A channel, by its incoming webhook, whose URL is a secret."""

    url_file: str


class Teams(Target, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="teams", tag_field="to"):
    """A channel, by the URL of its workflow for incoming webhooks, which is a secret."""

    url_file: str


class Email(Target, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="email", tag_field="to"):
    """People, by SMTP. With `tls = "none"` the server is on this machine."""

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: str | None = None
    sender: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    recipients: Annotated[tuple[Annotated[str, Meta(pattern=r"^[^@\s,]+@[^@\s,]+$")], ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        self.patterns()
        if (self.user is None) != (self.password_file is None):
            raise ValueError(f"notices to {self.name}: user and password_file go together")
        if self.tls == "none" and self.host not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError(f'notices to {self.name}: tls = "none" is for a mail server on this machine')


AnyTarget = Webhook | Slack | Teams | Email
