"""What a `Workflow` tells while it waits."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from p0_access.messages.views import RequestView
from p0_launcher.access import Access
from p0_launcher.errors import UnavailableError


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """An access that is still active serves; nothing was asked for."""

    access: Access


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The request is with the server; whether its agent is there is the server's word."""

    view: RequestView
    agent_online: bool


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """The request has moved on."""

    view: RequestView


class Retrying(msgspec.Struct, frozen=True, kw_only=True):
    """The server does not answer; the wait goes on."""

    error: UnavailableError


Progress = Reused | Submitted | Changed | Retrying
OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """For callers with nobody to tell."""
