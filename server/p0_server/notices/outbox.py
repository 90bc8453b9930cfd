"""Delivers what is in the store's outbox: each target by a loop of its own, so that one that is away holds up no other.

A notice is written with the event that it is about, and settled after it was delivered: it may come twice, and is never
lost. What fails is tried again, ever later, and in the end is dead: kept, and shown by `p0 server notices`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import httpx

from p0_access.errors import P0Error
from p0_access.secret import Secret
from p0_server.config import Settings
from p0_server.errors import ConfigurationError
from p0_server.notices import messengers, webhook
from p0_server.notices.errors import DeliveryError
from p0_server.notices.notice import notice
from p0_server.notices.settings import AnyTarget, Email, Webhook
from p0_server.signals import Signal, wait
from p0_server.store.protocol import Store
from p0_server.store.records import DueNotice, Settled

DELAYS: Final = (5, 30, 120, 600, 3_600, 4 * 3_600, 12 * 3_600)
"""Seconds before the next attempt, after each that failed; after one more failure a notice is dead."""

LOOK_AGAIN_SECONDS: Final = 2.0
AT_ONCE: Final = 20
MAX_SECRET_BYTES: Final = 16 * 1024

_LOG: Final = logging.getLogger(__name__)


class Outbox:
    """`client` must not follow redirects; `clock` gives seconds since the epoch; `signal` tells of commits."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        signal: Signal,
        client: httpx.AsyncClient,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._signal = signal
        self._client = client
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for target in self._settings.notices:
                group.create_task(self._follow(target), name=f"p0-notices-{target.name}")

    async def _follow(self, target: AnyTarget) -> None:
        while not self._signal.closed:
            ticket = self._signal.ticket()
            try:
                await self._deliver_due(target)
            except Exception:  # noqa: BLE001 - the next round may go better, and there must be one
                _LOG.exception("notices cannot be delivered", extra={"target": target.name})
            await wait(ticket, LOOK_AGAIN_SECONDS)

    async def _deliver_due(self, target: AnyTarget) -> None:
        for due in await self._store.due_notices(target.name, now=int(self._clock()), limit=AT_ONCE):
            settled = await self._deliver(target, due)
            await self._store.settle_notice(due.number, settled)

    async def _deliver(self, target: AnyTarget, due: DueNotice) -> Settled:
        at = int(self._clock())
        try:
            await self._send(target, due, at)
        except (DeliveryError, P0Error) as error:
            settled = after_failure(due.attempts, str(error), at)
            told = {"target": target.name, "rid": due.request.rid, "attempt": due.attempts + 1, "problem": str(error)}
            _LOG.log(logging.ERROR if settled.state == "dead" else logging.WARNING, "a notice failed", extra=told)
            return settled
        return Settled(state="sent", due=due.due, settled=at)

    async def _send(self, target: AnyTarget, due: DueNotice, at: int) -> None:
        told = notice(due.request, due.event, target)
        secret = secret_of(self._settings, target)
        if not isinstance(target, Webhook):
            await messengers.send(target, told, secret)
            return
        secrets = webhook.parse_secrets(secret or Secret(""), source=target.secrets_file)
        await webhook.post(self._client, target.url, told, name=due.id, at=at, secrets=secrets)


def after_failure(attempts: int, problem: str, now: int) -> Settled:
    """What becomes of a notice after `attempts` failures and one more."""
    if attempts >= len(DELAYS):
        return Settled(state="dead", due=now, settled=now, problem=problem)
    return Settled(state="waiting", due=now + DELAYS[attempts], settled=None, problem=problem)


def secret_of(settings: Settings, target: AnyTarget) -> Secret | None:
    """What the target's own file holds; None where it has none."""
    file: str | None
    if isinstance(target, Webhook):
        file = target.secrets_file
    else:
        file = target.password_file if isinstance(target, Email) else target.url_file
    if file is None:
        return None
    path = settings.path(file)
    try:
        with path.open("rb") as opened:
            return Secret(opened.read(MAX_SECRET_BYTES).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"notices to {target.name}: cannot read {path.name}", code="notice_secret", hint="Is it there, and UTF-8?"
        ) from error


def check(settings: Settings) -> None:
    """Raises `ConfigurationError` for a target that could never be reached: better at the start than at the first
    notice."""
    for target in settings.notices:
        secret = secret_of(settings, target)
        if isinstance(target, Webhook):
            webhook.parse_secrets(secret or Secret(""), source=target.secrets_file)
        else:
            messengers.check(target, secret)
