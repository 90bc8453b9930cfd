"""What happens because time passes: requests lapse or escalate, mandates end, old proofs and notices are forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from p0_access.messages.views import State
from p0_server.deadlines import escalated, mandate_expired
from p0_server.store.protocol import Store
from p0_server.store.records import Change, ChangedError, NewEvent

INTERVAL_SECONDS: Final = 1.0
LAPSED_AT_ONCE: Final = 200

NOTICES_KEPT_SECONDS: Final = 7 * 24 * 3600
"""How long a notice that was sent is kept, to tell a repetition."""

_LOG: Final = logging.getLogger(__name__)


async def keep_up(store: Store, clock: Callable[[], float]) -> None:
    """Runs until it is cancelled, whatever goes wrong meanwhile."""
    while True:
        try:
            await lapse(store, int(clock()))
            await escalate(store, int(clock()))
            await expire(store, int(clock()))
            await store.forget_proofs(int(clock()))
            await store.forget_notices(int(clock()) - NOTICES_KEPT_SECONDS)
        except Exception:  # noqa: BLE001 - the next round may go better, and there must be one
            _LOG.exception("upkeep failed")
        await asyncio.sleep(INTERVAL_SECONDS)


async def lapse(store: Store, now: int) -> None:
    """Ends requests that nobody decided, or collected, before their own end."""
    for request in await store.to_lapse(now, LAPSED_AT_ONCE):
        changed = msgspec.structs.replace(
            request,
            state=State.LAPSED,
            updated=now,
            code="lapsed",
            message=_MESSAGES[request.state],
            hint="Ask again: the same command makes a new request",
        )
        event = NewEvent(at=now, type="lapsed", state=State.LAPSED, data={"was": request.state})
        try:
            await store.change(Change(request=changed, events=(event,)))
        except ChangedError:
            _LOG.debug("decided at the last moment", extra={"rid": request.rid})


async def escalate(store: Store, now: int) -> None:
    """Lets those see a request who may approve it now that nobody has for a while."""
    for request in await store.to_escalate(now, LAPSED_AT_ONCE):
        changed, event, keys = escalated(request, now)
        try:
            await store.change(Change(request=changed, events=(event,), reviewers=keys))
        except ChangedError:
            _LOG.debug("decided at the last moment", extra={"rid": request.rid})


async def expire(store: Store, now: int) -> None:
    """Ends allowances and delegations that have come to their end."""
    for request in await store.to_expire(now, LAPSED_AT_ONCE):
        changed, event = mandate_expired(request, now)
        try:
            await store.change(Change(request=changed, events=(event,)))
        except ChangedError:
            _LOG.debug("withdrawn at the last moment", extra={"rid": request.rid})


_MESSAGES: Final = {
    State.SUBMITTED: "its agent did not answer in time",
    State.PENDING: "nobody decided in time",
    State.APPROVED: "it was approved, but not collected in time",
}
