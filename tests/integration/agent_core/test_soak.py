"""Random requests, while agent and PostgreSQL die at random: in the end nothing is left, lost, or there twice.

Ten seconds in the suite; `make soak SECONDS=600` for as long as one likes. A failure names its seed, which repeats the
choices (`P0_SOAK_SEED`), though not the timing.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from fix_agent_core import MARKETS, Bench, Clock, context_of
from fix_people import Issuer
from fix_postgres import AGENT_KEY, THUMBPRINT, Managed, made_roles, postgres_is_back
from p0_access.errors import P0Error
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Job, JobKind, Result
from p0_access.messages.records import Credential, Deletion
from p0_access.proof import jws
from p0_access.proof.evidence import LogEntry, examine
from p0_access.proof.sealing import OpeningKey
from p0_agent.core.context import Context
from p0_agent.core.drift import end_changed
from p0_agent.core.handle import handle
from p0_agent.core.redefined import Redefinitions
from p0_agent.core.watch import end_due
from p0_agent.errors import TransientError
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.errors import PostgresError
from p0_agent.reading.child import ReadingChild

SECONDS = float(os.environ.get("P0_SOAK_SECONDS", "10"))
STUCK_SECONDS = 30.0
"""Once nothing is killed any more, an answer comes at least this often until there is nothing left to answer."""

LATE_SECONDS = 15
"""How much longer than its time an access may last when agent or PostgreSQL are down at its end. This machine may be
busy with other things."""

WORKERS = 4


class ClockOfTheDay(Clock):
    def __call__(self) -> float:
        return time.time()


@dataclass(kw_only=True)
class Queue:
    """The server's: a job comes until it is answered, however often that takes."""

    open: dict[str, Job] = field(default_factory=dict)
    in_hand: set[str] = field(default_factory=set)
    results: dict[str, Result] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def add(self, name: str, kind: JobKind, request: SignedAct) -> None:
        self.open[name] = Job(job=name, lease="l", kind=kind, request=request)

    async def answered(self, job: Job, result: Result) -> None:
        self.results[job.job] = result
        del self.open[job.job]
        async with self.changed:
            self.changed.notify_all()

    def take(self) -> Job | None:
        for name, job in self.open.items():
            if name not in self.in_hand:
                self.in_hand.add(name)
                return job
        return None


@dataclass(kw_only=True)
class Soak:
    mortal: Managed
    issuer: Issuer
    child: ReadingChild
    choose: random.Random
    queue: Queue = field(default_factory=Queue)
    clock: Clock = field(default_factory=ClockOfTheDay)
    asked: dict[str, tuple[SignedAct, OpeningKey]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)

    def context(self, cluster: Cluster) -> Context:
        return context_of(
            cluster, self.child, server=self.mortal.server, issuer=self.issuer, clock=self.clock, not_before=0
        )

    async def agent(self) -> None:
        """One process of the agent, from its start until it is killed: it knows what is in the database, no more."""
        home = self.mortal.cluster.connections.home
        connections = Connections(agent=self.mortal.agent, reader=self.mortal.reader, home=home)
        cluster = Cluster(
            connections, self.mortal.cluster.databases, random=os.urandom, iterations=1, broker_on_old_versions=True
        )
        self.queue.in_hand.clear()
        try:
            while True:
                with suppress(PostgresError):
                    await cluster.start(THUMBPRINT, int(time.time()))
                    break
                await asyncio.sleep(0.05)
            context = self.context(cluster)
            async with asyncio.TaskGroup() as group:
                group.create_task(self.end(context))
                for _ in range(WORKERS):
                    group.create_task(self.work(context))
        finally:
            await cluster.close()

    async def work(self, context: Context) -> None:
        while True:
            job = self.queue.take()
            if job is None:
                await asyncio.sleep(0.02)
                continue
            try:
                await self.queue.answered(job, await handle(job, context))
            except TransientError:
                await asyncio.sleep(0.05)
            self.queue.in_hand.discard(job.job)

    async def end(self, context: Context) -> None:
        looks = Redefinitions()
        while True:
            with suppress(P0Error):
                await end_due(context)
                await end_changed(context, looks)
            await asyncio.sleep(0.2)

    async def people(self) -> None:
        """They ask, some use what they get, and some give it back."""
        bench = Bench(
            managed=self.mortal, context=self.context(self.mortal.cluster), clock=self.clock, issuer=self.issuer
        )
        dana = bench.person("dana", "analysts")
        async with asyncio.TaskGroup() as group:
            while True:
                request, opening = bench.ask(dana, MARKETS, ttl=self.choose.choice((1, 2, 60)))
                name = jws.record_hash(request.record)
                self.asked[name] = request, opening
                self.queue.add(name, "admit", request)
                group.create_task(self.use(bench, name))
                await asyncio.sleep(self.choose.uniform(0.02, 0.3))

    async def use(self, bench: Bench, name: str) -> None:
        request, opening = self.asked[name]
        async with self.queue.changed:
            await self.queue.changed.wait_for(lambda: name in self.queue.results)
        result = self.queue.results[name]
        if result.outcome == "active" and self.choose.random() < 0.7:
            with suppress(psycopg.Error):
                async with await bench.connect(bench.open(result, opening)) as connection:
                    await connection.execute("SELECT pg_sleep(0.5)")
        if self.choose.random() < 0.6:
            self.queue.add(f"end {name}", "end", request)

    async def at_rest(self, agent: asyncio.Task[None]) -> None:
        while still_open := len(self.queue.open):
            progress = asyncio.create_task(self.fewer_than(still_open))
            await asyncio.wait({agent, progress}, timeout=STUCK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if agent.done():
                agent.result()  # it never ends by itself but by a defect
            await stopped(progress)
            assert len(self.queue.open) < still_open, self.queue.open

    async def fewer_than(self, number: int) -> None:
        async with self.queue.changed:
            await self.queue.changed.wait_for(lambda: len(self.queue.open) < number)

    async def strike(self) -> None:
        """Kills the agent, all of PostgreSQL, or neither, and sees to it that both are there again."""
        agent = asyncio.create_task(self.agent())
        try:
            while True:
                await asyncio.sleep(self.choose.uniform(0.05, 1.0))
                if agent.done():
                    agent.result()  # it never ends by itself but by a defect
                what = self.choose.choice(("agent", "postgres", "nothing"))
                self.struck[what] += 1
                if what == "agent":
                    await stopped(agent)
                    agent = asyncio.create_task(self.agent())
                elif what == "postgres":
                    async with await self.mortal.superuser() as canary:
                        os.kill(canary.info.backend_pid, signal.SIGKILL)
                        await (await postgres_is_back(self.mortal.server, canary)).close()
        finally:
            await stopped(agent)


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_nothing_is_left_or_lost_whatever_dies(mortal: Managed) -> None:
    seed = int(os.environ.get("P0_SOAK_SEED") or secrets.randbelow(2**32))
    sys.stdout.write(f"P0_SOAK_SEED={seed}\n")
    child = ReadingChild(deadline=20)
    soak = Soak(mortal=mortal, issuer=Issuer(), child=child, choose=random.Random(seed))
    try:
        tasks = [asyncio.create_task(soak.people()), asyncio.create_task(soak.strike())]
        await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            await stopped(task)
        agent = asyncio.create_task(soak.agent())
        for name, (request, _) in soak.asked.items():  # whatever is still live is given back
            soak.queue.add(f"last {name}", "end", request)
        try:
            await soak.at_rest(agent)
        finally:
            await stopped(agent)
        sys.stdout.write(f"{len(soak.asked)} requests, {dict(soak.struck)}\n")
        await assert_at_rest(soak)
    finally:
        await child.close()


async def assert_at_rest(soak: Soak) -> None:
    """The ledger, the catalogs, the evidence and what people were told agree: every request came to its end, once."""
    async with await soak.mortal.superuser() as superuser:
        assert await made_roles(superuser) == []
        cursor = await superuser.execute("SELECT rh, stage FROM p0.request")
        stages = {str(rh): str(stage) for rh, stage in await cursor.fetchall()}
        cursor = await superuser.execute("SELECT n, at, kind, body, h FROM p0_evidence.log ORDER BY n")
        entries = [LogEntry(n=n, at=at, kind=kind, body=body, h=h) for n, at, kind, body, h in await cursor.fetchall()]
    assert set(stages) == set(soak.asked)
    assert set(stages.values()) <= {"ended", "cancelled"}, Counter(stages.values())
    assert {soak.queue.results[name].outcome for name in soak.asked} <= {"active", "ended", "cancelled"}
    assert examine(entries, key=AGENT_KEY.public) == ()
    opened = [
        jws.verify(each.body, Credential, AGENT_KEY.public).record for each in entries if each.kind == "credential"
    ]
    ended = [jws.verify(each.body, Deletion, AGENT_KEY.public).record for each in entries if each.kind == "deletion"]
    assert max(Counter(each.rh for each in opened).values()) == 1
    assert max(Counter(each.rh for each in ended).values()) == 1
    assert (
        {each.rh for each in opened}
        <= {each.rh for each in ended}
        == {rh for rh, stage in stages.items() if stage == "ended"}
    )
    until = {each.rh: each.exp for each in opened}
    assert all(each.at <= until[each.rh] + LATE_SECONDS for each in ended if each.rh in until)
