"""A new request on its way to the server: previewed, signed, its opening key kept, handed in.

What becomes of it is `p0_launcher.workflow`'s to follow.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import UNSET

from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.views import DatabaseView, RequestView
from p0_access.nearest import nearest
from p0_access.permissions.reading import needed
from p0_access.proof import jws
from p0_access.proof.sealing import OpeningKey
from p0_access.routing.decision import StepUp
from p0_launcher.access import reuse_key, unpinned
from p0_launcher.acts import REQUEST_LIFETIME, new_rid
from p0_launcher.api import MAX_WAIT, Api
from p0_launcher.errors import LauncherError, UnavailableError, UnverifiedError, UsageError
from p0_launcher.intent import Intent
from p0_launcher.progress import OnProgress, Retrying, Submitted
from p0_launcher.session import Session
from p0_launcher.stepping_up import handed_in
from p0_launcher.wallet import Awaited, Wallet

AGENT_SECONDS: Final = 5
"""How long the agent is given for its own answer, even by who does not want to wait for people."""

RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 5.0)
"""Pauses between attempts while the server does not answer; the last one repeats."""


class Submission:
    """As the `Workflow` that it is made for, with what that has."""

    def __init__(
        self,
        api: Api,
        session: Session,
        wallet: Wallet,
        *,
        pins: Collection[str],
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._api = api
        self._session = session
        self._wallet = wallet
        self._pins = pins
        self._clock = clock
        self._random = random

    async def database(self, name: str) -> DatabaseView:
        """The database `name`, whose agent the profile trusts."""
        databases = {view.name: view for view in await self._api.databases()}
        found = databases.get(name)
        if found is None:
            near = nearest(name, databases)
            hint = f"Did you mean {near[0]!r}?" if near else "p0 ls lists the databases"
            raise UsageError(f"there is no database {name!r}", code="unknown_database", hint=hint)
        if found.agent not in self._pins:
            raise unpinned(found.agent)
        return found

    async def submit(
        self, intent: Intent, *, patience: float, on_progress: OnProgress, demands: Sequence[StepUp] = ()
    ) -> RequestView:
        """Signs and hands in a new request, and keeps the key that will open its credential. With `demands`, a sign-in
        made for it goes with it. A server that goes away meanwhile is given `patience` seconds to come back: the same
        request may be handed in twice."""
        database = await self.database(intent.database)
        await self._preview(intent)  # what is not understood is said before anything is signed
        opening = OpeningKey.generate(self._random)
        rid = new_rid(self._random)
        signer = await self._session.signer()
        act = signer.sign_request(
            agent=database.agent,
            rid=rid,
            database=intent.database,
            what=intent.what,
            reason=intent.reason,
            ttl=intent.ttl,
            one_shot=intent.one_shot,
            enc=opening.public,
            break_glass=intent.break_glass,
            extends=intent.extends,
        )
        if demands:
            act = await self._session.step_up(act, demands)
        awaited = Awaited(
            rid=rid,
            rh=jws.record_hash(act.record),
            key=reuse_key(intent.database, intent.what),
            agent=database.agent,
            database=intent.database,
            one_shot=intent.one_shot,
            files=intent.files,
            opening=b64u(opening.secret()),
            until=int(self._clock()) + REQUEST_LIFETIME,
        )
        async with self._wallet.changing() as draft:
            draft.contents = draft.contents.with_awaited(awaited)
        hold = min(MAX_WAIT, max(AGENT_SECONDS, math.ceil(patience))) if database.online else 0
        view = await self._hand_in(act, awaited, hold, patience, on_progress)
        if (view.rid, jws.record_hash(view.request)) != (rid, awaited.rh):
            raise UnverifiedError("the server shows another request than was handed in", code="request_mismatch")
        on_progress(Submitted(view=view, agent_online=database.online))
        return view

    async def _hand_in(
        self, act: SignedAct, awaited: Awaited, hold: int, patience: float, on_progress: OnProgress
    ) -> RequestView:
        deadline = time.monotonic() + patience

        async def sign_in_for(signed: SignedAct, demands: Sequence[StepUp], /) -> SignedAct:
            nonlocal act  # a server that goes away after it, or says so, is given the same sign-in again
            act = await self._session.step_up(signed, demands)
            return act

        for pause in pauses():
            try:
                return await handed_in(partial(self._api.submit, wait=hold), act, sign_in_for)
            except UnavailableError as error:  # it may have arrived all the same, so its key is kept
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        str(error), code=error.code, hint=f"It may have arrived: p0 show {awaited.rid}"
                    ) from error
                on_progress(Retrying(error=error))
                await asyncio.sleep(pause)
            except LauncherError:
                await self._wallet.forget(awaited.rid)
                raise
        raise AssertionError("the pauses do not end")

    async def _preview(self, intent: Intent) -> None:
        """Raises `ReadingError` where the server does not understand the SQL that is asked for. The agent decides."""
        statements = intent.what.statement
        if statements is not UNSET:
            path = None if intent.what.search_path is UNSET else intent.what.search_path
            explained = await self._api.explain(intent.database, statements, search_path=path, reason=intent.reason)
            needed(explained.statements)


def pauses() -> Iterator[float]:
    """Between attempts, longer and longer."""
    return itertools.chain(RETRY_SECONDS, itertools.repeat(RETRY_SECONDS[-1]))
