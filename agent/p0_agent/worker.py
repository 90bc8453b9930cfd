"""The pull worker: claims jobs from the server, keeps time, and reports. It accepts no connections.

Loops that fail alone: announcing, claiming, ending what is due, undoing what ended, watching for drift and one-shot
accesses, following the rules, publishing catalogs, looking into the inbox.
None of them believes the server: a job is only as good as the signatures in it, and the end of an access needs no job.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

from p0_access.errors import P0Error
from p0_access.messages.job import AgentReport, Announcement, CatalogUpload, Job
from p0_access.messages.records import LogHead
from p0_access.proof.jws import record_hash
from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_agent.catalogs import Catalogs
from p0_agent.core import inbox
from p0_agent.core.context import Context
from p0_agent.core.deadlines import Deadlines
from p0_agent.core.drift import end_changed
from p0_agent.core.handle import handle
from p0_agent.core.lapse import close_lapsed
from p0_agent.core.redefined import Redefinitions
from p0_agent.core.watch import OneShotWatch, end_due
from p0_agent.errors import ServerUnavailableError, TransientError
from p0_agent.link import ServerLink
from p0_agent.loops import repeat
from p0_agent.postgres.errors import EvidenceError
from p0_agent.postgres.evidence import REWOUND_CODE
from p0_agent.recovery import Recovery

log = logging.getLogger("p0.agent")

ANNOUNCE_SECONDS: Final = 10.0
TICK_SECONDS: Final = 0.5
"""How late an end may be noticed."""

SWEEP_SECONDS: Final = 30.0
DRIFT_SECONDS: Final = 30.0
LAPSE_SECONDS: Final = 30.0
INBOX_SECONDS: Final = 2.0

CATALOG_SECONDS: Final = 5.0
RULES_SECONDS: Final = 2.0
"""How late changed rules may be noticed without a signal."""

REPORT_LOOKBACK: Final = 24 * 3600
"""Seconds: ends that a restarted agent tells the server again, in case it never heard."""

MAX_JOBS: Final = 16
"""Jobs handled at once; more wait at the server."""

TRY_AGAIN_SECONDS: Final = (0.5, 2.0, 5.0)
"""Pauses before a job that met something transient is tried again; after that its lease brings it back."""


class Worker:
    """`run` until cancelled. `context.rules` are those of `rules` at first. `remember` keeps the head of the evidence
    after each thing done; `recover` puts in order what a database was restored to, and returns the new `not_before`;
    `software` is how it announces itself."""

    def __init__(
        self,
        context: Context,
        link: ServerLink,
        catalogs: Catalogs,
        rules: CurrentRules,
        directory: CurrentDirectory,
        *,
        remember: Callable[[LogHead], None],
        recover: Callable[[], Awaitable[int]],
        software: str,
    ) -> None:
        self._context = context
        self._link = link
        self._catalogs = catalogs
        self._rules = rules
        self._directory = directory
        self._look_now = asyncio.Event()
        self._announced: str | None = None
        self._other_rules: str | None = None
        self._remember = remember
        self._recovery = Recovery(context.cluster, recover)
        self._software = software
        self._reports: asyncio.Queue[AgentReport] = asyncio.Queue()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._places = asyncio.Semaphore(MAX_JOBS)
        self._watch = OneShotWatch()
        self._redefinitions = Redefinitions()
        self._deadlines = Deadlines()
        self._swept_at = 0.0

    async def run(self) -> None:
        """Ends what is due first, so that nothing outlives its time because a server is away; then works."""
        await self._end_due()
        await self._report_again()
        loops = {
            "announce": (self._announce, ANNOUNCE_SECONDS),
            "end": (self._shut_due, TICK_SECONDS),
            "sweep": (self._end_due, TICK_SECONDS),
            "lapse": (lambda: close_lapsed(self._context), LAPSE_SECONDS),
            "drift": (self._end_changed, DRIFT_SECONDS),
            "watch": (self._end_used, TICK_SECONDS),
            "rules": (self._follow_rules, 0.0),
            "catalog": (self._publish, CATALOG_SECONDS),
            "report": (self._report, 0.0),
            "inbox": (self._empty_inbox, INBOX_SECONDS),
        }
        async with asyncio.TaskGroup() as group:
            group.create_task(repeat("claim", lambda: self._claim(group), 0.0, recovered=self._recovered))
            for name, (step, pause) in loops.items():
                group.create_task(repeat(name, step, pause, recovered=self._recovered))

    def renew_rules(self) -> None:
        """Looks at the file of rules now, not only when it is time to."""
        self._look_now.set()

    async def _announce(self) -> None:
        public = self._context.key.public
        announcement = Announcement(
            thumbprint=public.thumbprint,
            jwk={"crv": public.crv, "kty": public.kty, "x": public.x},
            databases=tuple(sorted(self._context.cluster.databases)),
            rules_sha256=self._context.rules.sha256,
            software=self._software,
        )
        try:
            theirs = await self._link.announce(announcement)
            self._announced = announcement.rules_sha256
            self._compare(theirs)
        except ServerUnavailableError:
            self._catalogs.forget_published()  # it may come back with another store
            raise

    async def _follow_rules(self) -> None:
        """Good rules, and a good directory, that have changed are used from the next job on; rules are announced at
        once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._look_now.wait(), RULES_SECONDS)
        self._look_now.clear()
        match await asyncio.to_thread(self._rules.refresh):
            case "replaced":
                self._context = dataclasses.replace(self._context, rules=self._rules.rules)
                log.info("rules: replaced, SHA-256 %s", self._rules.rules.sha256)
            case "kept":
                log.error("rules: not usable, the old ones stay: %s", self._rules.problem)
            case "same":
                pass
        match await asyncio.to_thread(self._directory.refresh):
            case "replaced":
                self._context = dataclasses.replace(self._context, directory=self._directory.value)
                log.info("directory: replaced, SHA-256 %s", self._directory.value.sha256)
            case "kept":
                log.error("directory: not usable, the old one stays: %s", self._directory.problem)
            case "same":
                pass
        if self._announced not in {None, self._context.rules.sha256}:
            await self._announce()

    def _compare(self, theirs: str) -> None:
        """Says so once when the server goes by other rules: people are then told one thing, and get another."""
        ours = self._context.rules.sha256
        if theirs not in {ours, self._other_rules}:
            log.warning("the server goes by other rules, with SHA-256 %s; these here have %s", theirs, ours)
        self._other_rules = None if theirs == ours else theirs

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        for job in await self._link.claim():
            await self._places.acquire()
            group.create_task(self._work(job)).add_done_callback(lambda _: self._places.release())

    async def _work(self, job: Job) -> None:
        """One job, one at a time for each request. However hostile it is, it never takes the worker down."""
        turn = self._turns.setdefault(record_hash(job.request.record), asyncio.Lock())
        try:
            async with turn:
                await self._answer(job)
        except P0Error as error:
            log.warning("%s left undone: %s", job.kind, error, extra={"job": job.job, "code": error.code})
        except Exception:
            log.exception("%s left undone by a defect", job.kind, extra={"job": job.job})

    async def _answer(self, job: Job) -> None:
        for pause in (*TRY_AGAIN_SECONDS, None):
            try:
                result = await handle(job, self._context)
                self._note(result.head)
                await self._link.result(result)
            except EvidenceError as error:
                if pause is None or error.code != REWOUND_CODE or not await self._recovered():
                    raise
            except TransientError as error:
                if pause is None or error.code == "stale_lease":
                    raise
                await asyncio.sleep(pause)
            else:
                log.info("%s: %s", job.kind, result.code or result.outcome, extra={"job": job.job})
                return

    async def _recovered(self) -> bool:
        if not await self._recovery.attempt():
            return False
        if self._recovery.not_before is not None:
            self._context = dataclasses.replace(self._context, not_before=self._recovery.not_before)
        self._swept_at = 0.0
        return True

    async def _empty_inbox(self) -> None:
        for report in await inbox.empty(self._context):
            self._note(report.head)
            self._reports.put_nowait(report)

    async def _shut_due(self) -> None:
        """Apart from the sweep, which may be busy with what came before."""
        await self._context.cluster.shut_due(self._context.now())

    async def _end_due(self) -> None:
        """Cheap when nothing is due; the whole sweep every `SWEEP_SECONDS` all the same, for what nobody expected."""
        now = self._context.clock()
        if 0 <= now - self._swept_at < SWEEP_SECONDS and not await self._context.cluster.ledger.due(int(now)):
            return
        for report in await end_due(self._context):
            self._note(report.head)
            self._reports.put_nowait(report)
        await self._context.cluster.evidence.head()  # a database that was restored is noticed here, if by nothing else
        self._swept_at = now

    async def _end_changed(self) -> None:
        for report in await end_changed(self._context, self._redefinitions):
            self._note(report.head)
            self._reports.put_nowait(report)

    async def _end_used(self) -> None:
        for report in (*await self._deadlines.look(self._context), *await self._watch.look(self._context)):
            self._note(report.head)
            self._reports.put_nowait(report)

    def _note(self, head: LogHead | None) -> None:
        if head is not None:
            self._remember(head)

    async def _report(self) -> None:
        report = await self._reports.get()
        try:
            await self._link.report(report)
        except ServerUnavailableError:
            self._reports.put_nowait(report)
            raise

    async def _report_again(self) -> None:
        for entry in await self._context.cluster.ledger.ended_since(self._context.now() - REPORT_LOOKBACK):
            if entry.deletion is not None:
                self._reports.put_nowait(AgentReport(rh=entry.rh, records=(entry.deletion,)))

    async def _publish(self) -> None:
        for database in sorted(self._context.cluster.databases):
            upload: CatalogUpload | None = await self._catalogs.changed(database)
            if upload is not None:
                await self._link.publish(database, upload)
                self._catalogs.published(database, upload)
