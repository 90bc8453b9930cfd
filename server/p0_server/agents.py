"""What agents do: announce themselves, claim jobs, answer them, publish catalogs, report what they did on their own.

Records are verified before they are kept, so that nobody is shown what an agent did not sign. Handlers are idempotent:
an agent that did not hear the answer calls again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from p0_access.encoding import b64u, sha256_b64u
from p0_access.errors import MalformedError, P0Error
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import AgentReport, Announcement, CatalogUpload, Job, Result
from p0_access.messages.records import CatalogRecord, LogHead
from p0_access.messages.views import State
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.proof import jws
from p0_access.proof.id_token import SKEW
from p0_server.config import AgentSettings
from p0_server.errors import ForbiddenError, NotFoundError, UnprocessableError
from p0_server.heads import Heads
from p0_server.outcomes import AgentRecords, Step, end_of_its_own, extended, settle, used, verified
from p0_server.signals import Patience, Signal
from p0_server.store.protocol import Store
from p0_server.store.records import (
    Change,
    ChangedError,
    ClaimedJob,
    Done,
    Remark,
    StaleLeaseError,
    StoredAgent,
    StoredCatalog,
    StoredRequest,
)

LEASE_SECONDS: Final = 60
"""How long an agent has for a job before it is handed out again."""

JOBS_AT_ONCE: Final = 8

_LOG: Final = logging.getLogger(__name__)


def about_evidence(thumbprint: str) -> str:
    """What the remark is about that tells of an agent's evidence."""
    return f"evidence {thumbprint}"


class Agents:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes."""

    def __init__(
        self, store: Store, signal: Signal, *, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._signal = signal
        self._clock = clock
        self._random = random
        self._heads: Heads | None = None

    async def announce(self, agent: AgentSettings, said: Announcement) -> None:
        if said.thumbprint != agent.thumbprint or said.jwk != msgspec.to_builtins(agent.jwk):
            raise ForbiddenError("this is another agent's announcement", code="agent_mismatch")
        unknown = sorted(set(said.databases) - set(agent.databases))
        if unknown:
            raise ForbiddenError(
                f"{agent.name} is not configured to serve {', '.join(unknown)}",
                code="database_not_configured",
                hint="Add it to the agent's databases in the server's configuration.",
            )
        await self._heard(agent, rules_sha256=said.rules_sha256, software=said.software)

    async def claim(
        self, agent: AgentSettings, wait: int, *, first: bool, gone: Callable[[], Awaitable[bool]]
    ) -> tuple[Job, ...]:
        """Jobs under a new lease, as soon as there are any; none after `wait` seconds, or when the agent is `gone`.
        `first`: it has just started, and what it had in hand before is handed out again."""
        await self._heard(agent)
        if first:
            await self._store.release(agent.thumbprint, self._now())
        patience = Patience(self._signal, wait)
        while True:
            ticket = self._signal.ticket()
            if await gone():  # a job handed to nobody would be lost until its lease ends
                return ()
            if await self._store.claimable(agent.thumbprint, self._now()):
                claimed = await self._claim(agent)
                if claimed:
                    return claimed
            if not await patience.wait(ticket):
                await self._heard(agent)
                return ()

    async def result(self, agent: AgentSettings, result: Result) -> None:
        """Keeps the agent's word. Raises `StaleLeaseError` when the job has been handed out anew meanwhile."""
        await self._heard(agent, head=result.head)
        while True:
            job = await self._store.job(result.job)
            if job is None or job.agent != agent.thumbprint:
                raise NotFoundError("there is no such job", code="unknown_job")
            if job.lease == result.lease and job.done_at is not None and job.outcome == result.outcome:
                return  # the answer to the first call was lost
            request = await self._store.request(job.rid)
            if job.lease != result.lease or job.done_at is not None or request is None:
                raise StaleLeaseError("this lease has been given to another, or the job is done", code="stale_lease")
            records = verified(result.records, agent.jwk, request.rh)
            step = settle(request, job, result, records, self._now())
            done = Done(
                job=job.job,
                lease=result.lease,
                outcome=result.outcome,
                code=result.code,
                message=result.message,
                hint=result.hint,
            )
            try:
                await self._store.change(
                    Change(request=step.request, events=step.events, reviewers=step.reviewers, done=done)
                )
            except ChangedError:
                continue
            await self._follow_up(agent, request, result, records)
            return

    async def report(self, agent: AgentSettings, report: AgentReport) -> None:
        """An end that the agent came to by itself, of a request in whatever state the server believes it in."""
        await self._heard(agent, head=report.head)
        deletion = verified(report.records, agent.jwk, report.rh).deletion
        if deletion is None:
            raise UnprocessableError("the report tells of no end", code="agent_record")
        while True:
            request = await self._store.request_by_hash(report.rh)
            if request is None or request.agent != agent.thumbprint:
                raise NotFoundError("there is no such request", code="unknown_request")
            if request.state.final:
                if request.state is not State.ENDED:
                    _LOG.warning("an agent ended an access of a request that is over", extra={"rid": request.rid})
                return
            step = end_of_its_own(request, deletion, self._now())
            try:
                await self._store.change(Change(request=step.request, events=step.events))
            except ChangedError:
                continue
            return

    async def publish(self, agent: AgentSettings, database: str, upload: CatalogUpload) -> None:
        """Keeps a catalog that its agent signed and that can be read."""
        await self._heard(agent)
        if database not in agent.databases:
            raise ForbiddenError(f"{agent.name} does not serve {database}", code="database_not_configured")
        try:
            record = jws.verify(upload.record, CatalogRecord, agent.jwk).record
        except P0Error as error:
            raise UnprocessableError(f"the catalog's record: {error}", code="agent_record") from error
        if record.at > self._now() + SKEW:  # none that comes later would replace it before that time
            raise UnprocessableError(
                "the catalog is of a time to come", code="catalog_early", hint="Set the clocks of agent and server."
            )
        try:
            catalog = await asyncio.to_thread(decode_catalog, upload.catalog, by_hand=False)
        except MalformedError as error:
            raise UnprocessableError(f"the catalog: {error}", code="catalog_malformed") from error
        if (
            record.database != database
            or (catalog.database, catalog.version) != (database, record.version)
            or record.sha256 != sha256_b64u(upload.catalog.encode())
        ):
            raise UnprocessableError("the record is of another catalog", code="catalog_mismatch")
        stored = StoredCatalog(
            database=database,
            agent=agent.thumbprint,
            version=record.version,
            at=record.at,
            record=upload.record,
            catalog=upload.catalog,
        )
        await self._store.put_catalog(stored)

    async def _follow_up(
        self, agent: AgentSettings, request: StoredRequest, result: Result, records: AgentRecords
    ) -> None:
        """What a result says about other requests: an access that was extended, allowances that were used. It is for
        people to see; a server that stops in between shows it later or never."""
        if records.extension is not None:
            extension = records.extension
            first = await self._store.request_by_hash(extension.record.extends)
            await self._also(agent, first, lambda found: extended(found, extension, request, self._now()))
        for rid in result.in_advance:
            mandate = await self._store.request(rid)
            if mandate is not None and mandate.kind == "allow":
                await self._also(agent, mandate, lambda found: used(found, request, self._now()))

    async def _also(
        self, agent: AgentSettings, found: StoredRequest | None, step: Callable[[StoredRequest], Step]
    ) -> None:
        while found is not None and found.agent == agent.thumbprint and not found.state.final:
            taken = step(found)
            try:
                await self._store.change(Change(request=taken.request, events=taken.events))
            except ChangedError:
                found = await self._store.request(found.rid)
                continue
            return

    async def _claim(self, agent: AgentSettings) -> tuple[Job, ...]:
        now = self._now()
        leases = tuple(b64u(self._random(16)) for _ in range(JOBS_AT_ONCE))
        claimed = await self._store.claim(agent.thumbprint, now=now, until=now + LEASE_SECONDS, leases=leases)
        return tuple(job for each in claimed if (job := _job(each)) is not None)

    async def _heard(
        self,
        agent: AgentSettings,
        *,
        rules_sha256: str | None = None,
        software: str | None = None,
        head: LogHead | None = None,
    ) -> None:
        said = StoredAgent(
            thumbprint=agent.thumbprint, seen=self._now(), rules_sha256=rules_sha256, software=software, head=head
        )
        if head is not None:
            await self._follow(agent, head)
        await self._store.heard(said)

    async def _follow(self, agent: AgentSettings, head: LogHead) -> None:
        """Before it is kept, so that what was kept is the head before."""
        if self._heads is None:
            known = {each.thumbprint: each.head for each in await self._store.agents() if each.head is not None}
            self._heads = Heads(known, self._now())
        problem = self._heads.heard(agent.thumbprint, head, self._now())
        if problem is not None:
            _LOG.warning("the evidence of an agent %s", problem, extra={"agent": agent.name})
            said = {"problem": problem, "n": head.n, "h": head.h}
            await self._store.remark(Remark(about=about_evidence(agent.thumbprint), at=self._now(), said=said))

    def _now(self) -> int:
        return int(self._clock())


def _job(claimed: ClaimedJob) -> Job | None:
    """The job as it travels; None for one whose request is final by now. Reviews and withdrawals are of what
    the agent knows and has verified, whose tokens are no longer kept."""
    job, request = claimed.job, claimed.request
    identity = _FORGOTTEN if job.kind in {"review", "withdraw"} else request.identity
    if identity is None or job.lease is None:
        return None
    return Job(
        job=job.job,
        lease=job.lease,
        kind=job.kind,
        request=SignedAct(record=request.record, identity=identity),
        act=job.act,
        admission=request.admission,
    )


_FORGOTTEN: Final = Identity(bind="", id_token="")
"""Stands for tokens that are no longer kept."""
