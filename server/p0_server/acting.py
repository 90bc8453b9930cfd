"""Approving, collecting and ending: an act is verified, taken in once, made a job, and waited for.

The agent's word on the act is its job's outcome. What it refuses is told to whoever sent the act; the request goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Act
from p0_access.messages.views import RequestView
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity
from p0_server.acts import Actor, take_in
from p0_server.auth import Authenticator
from p0_server.errors import ConflictError, UnprocessableError
from p0_server.requests import Requests, as_it_is
from p0_server.signals import Patience, Signal
from p0_server.store.protocol import Store
from p0_server.store.records import ChangedError, NewJob, StoredJob
from p0_server.visibility import is_mine, viewer

ATTEMPTS: Final = 5
"""How often an act is held against the request again because that changed meanwhile."""

ActT = TypeVar("ActT", bound=Act)


class Acting:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        requests: Requests,
        signal: Signal,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._requests = requests
        self._signal = signal
        self._clock = clock
        self._random = random

    async def act(
        self, person: VerifiedIdentity, rid: str, signed: SignedAct, type_: type[ActT], *, wait: int
    ) -> RequestView:
        """The request once the agent has answered to the act, or `wait` seconds have passed. The same act may come
        again: it is taken in once."""
        patience = Patience(self._signal, wait)
        request, _ = await self._requests.visible(person, rid)
        act = await self._authenticator.act(person, signed, type_, agent=request.agent)
        signer = await self._authenticator.identity(signed.identity)
        job = await self._take_in(signer, rid, act, signed)
        if job is not None:
            await self._answered(job, patience)
        return await self._requests.view(person, rid, until=as_it_is, wait=0)

    async def _take_in(
        self, person: VerifiedIdentity, rid: str, act: jws.Verified[ActT], signed: SignedAct
    ) -> str | None:
        """The job of the act; None when there is nothing to do."""
        for _ in range(ATTEMPTS):
            known = await self._store.job_of_act(act.hash)
            if known is not None and known.rid == rid:
                return known.job
            request, keys = await self._requests.visible(person, rid)
            now = int(self._clock())
            who = Actor(person=person, mine=is_mine(viewer(person), request), reviews_by=keys)
            taken = take_in(request, who, act.record, now)
            if taken is None:
                return None
            job = NewJob(
                job=b64u(self._random(16)),
                agent=request.agent,
                kind=taken.kind,
                act_hash=act.hash,
                act=signed,
                actor=person.name,
                created=now,
            )
            try:
                await self._store.change(msgspec.structs.replace(taken.change, job=job))
            except ChangedError:
                continue
            return job.job
        raise ConflictError("the request keeps changing", code="request_changed", hint="Try again.")

    async def _answered(self, name: str, patience: Patience) -> None:
        while True:
            ticket = self._signal.ticket()
            job: StoredJob | None = await self._store.job(name)
            if job is not None and job.outcome == "refused":
                raise UnprocessableError(
                    job.message or "the agent refuses this", code=job.code or "act_refused", hint=job.hint
                )
            if job is None or job.done_at is not None or not await patience.wait(ticket):
                return
