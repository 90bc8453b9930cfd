"""A ledger that is lost, or restored from a backup: the agent's own start record tells."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fix_agent_core import EMAILS, NOW, Bench
from fix_hostile_server import Hostile, Scene, Theme, refused
from fix_mandates import allowance, delegation, stands, with_rules, withdrawn
from fix_postgres import Managed
from hostile.approvals import approval
from hostile.order import RESTORED, RESTORED_MANDATES, Restored, RestoredMandates
from p0_access.permissions.permission import column
from p0_agent.core.watch import end_due
from p0_agent.postgres.cluster import Cluster, Started
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.errors import EvidenceError
from p0_agent.start_record import StartRecord, reconcile, recover

TABLES = ("p0.request", "p0.approval", "p0.mandate", "p0.mandate_use", "p0_evidence.log")


@pytest.fixture
def hostile(bench: Bench) -> Hostile:
    return Hostile(bench=bench)


async def run(managed: Managed, statements: list[str]) -> None:
    """As whoever restores a backup: no trigger stands in the way."""
    async with await managed.superuser() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("ALTER TABLE p0_evidence.log DISABLE TRIGGER ALL")
        for statement in statements:
            await connection.execute(statement.encode())
        await connection.execute("ALTER TABLE p0_evidence.log ENABLE ALWAYS TRIGGER append_only")


async def back_up(managed: Managed) -> None:
    await run(managed, [f"CREATE TABLE public.kept_{n} AS TABLE {name}" for n, name in enumerate(TABLES)])


async def restore(managed: Managed) -> None:
    await run(managed, [f"DELETE FROM {name}" for name in reversed(TABLES)])
    await run(managed, [f"INSERT INTO {name} OVERRIDING SYSTEM VALUE TABLE public.kept_{n}"
                        for n, name in enumerate(TABLES)])  # fmt: skip


@asynccontextmanager
async def again(managed: Managed) -> AsyncIterator[Cluster]:
    """The same database, to an agent that has just been started."""
    connections = Connections(agent=managed.agent, reader=managed.reader, home=managed.database)
    cluster = Cluster(connections, managed.cluster.databases, random=os.urandom, iterations=1)
    try:
        yield cluster
    finally:
        await cluster.close()


async def restarted(h: Hostile, cluster: Cluster, record: StartRecord) -> None:
    """The agent starts again on `cluster`, at the time of the bench."""
    now = h.bench.context.now()
    started: Started = await cluster.start(h.agent, now)
    not_before = await reconcile(cluster, record, started, now)
    h.bench.context = replace(h.bench.context, cluster=cluster, not_before=not_before)


async def each_is_refused(theme: Theme, scene: Scene) -> None:
    found = {attack.name: await refused(attack, scene) for attack in theme.attacks}
    assert found == {attack.name: (attack.step, attack.code) for attack in theme.attacks}


@pytest.fixture
def record(hostile: Hostile, tmp_path: Path) -> StartRecord:
    return StartRecord(tmp_path / "agent.state", hostile.agent)


async def test_a_restart_alone_changes_nothing(hostile: Hostile, record: StartRecord) -> None:
    h = hostile
    request, admitted = await h.admitted()
    for _ in range(2):
        h.later(1)
        async with again(h.bench.managed) as cluster:
            await restarted(h, cluster, record)
            assert h.bench.context.not_before < NOW
    h.bench.context = replace(h.bench.context, cluster=h.bench.managed.cluster)
    assert (await h.bench.approve(request, admitted, h.pat)).outcome == "approved"


async def test_what_a_backup_brings_back_is_closed_and_what_it_forgot_is_not_believed(
    hostile: Hostile, record: StartRecord
) -> None:
    h, managed = hostile, hostile.bench.managed
    await restarted(h, managed.cluster, record)
    live, _, _ = await h.active()
    waiting, admitted = await h.admitted()
    approved, admission = await h.approved()
    await back_up(managed)
    assert (await h.bench.approve(waiting, admitted, h.pat, decision="deny")).outcome == "denied"
    replayed, result, _ = await h.active()
    word = approval(h, admitted, h.bench.person("pim", "privacy"))
    record.keep(result.head)  # type: ignore[arg-type]  # as the worker does, which knows that there is one
    await h.bench.do("end", replayed)
    await restore(managed)

    with pytest.raises(EvidenceError) as caught:
        await h.bench.admit(h.asked())
    assert caught.value.code == "evidence_rewound"

    async with again(managed) as cluster:
        await restarted(h, cluster, record)
        h.later(62)
        scene = Restored(h=h, waited=(waiting, admitted), approved=(approved, admission), replayed=replayed, word=word)
        await each_is_refused(RESTORED, scene)
        await end_due(h.bench.context)
        assert (await h.bench.admit(live)).outcome == "ended"
        assert await h.bench.roles() == []
        assert (await h.bench.admit(h.asked())).outcome == "active"
        kinds = [entry.kind for entry in await cluster.evidence.entries()]
        assert "rewound" in kinds
        await h.stop()


async def test_a_running_agent_closes_what_a_restore_brings_back_and_goes_on(
    hostile: Hostile, record: StartRecord
) -> None:
    h, managed = hostile, hostile.bench.managed
    await restarted(h, managed.cluster, record)
    live, _, _ = await h.active()
    waiting, admitted = await h.admitted()
    await back_up(managed)
    revoked, result, _ = await h.active()
    record.keep(result.head)  # type: ignore[arg-type]  # as above
    await h.bench.do("end", revoked)
    await restore(managed)

    not_before = await recover(managed.cluster, record, h.agent, h.bench.context.now())
    with pytest.raises(EvidenceError):
        await h.bench.admit(h.asked())
    managed.cluster.evidence.forget()
    h.bench.context = replace(h.bench.context, not_before=not_before)
    h.later(62)
    assert (await h.bench.approve(waiting, admitted, h.pat)).code == "already_lapsed"
    assert (await h.bench.admit(revoked)).code == "before_ledger"
    await end_due(h.bench.context)
    assert (await h.bench.admit(live)).outcome == "ended"
    assert await h.bench.roles() == []
    assert (await h.bench.admit(h.asked())).outcome == "active"
    await h.stop()


async def test_what_was_signed_in_advance_does_not_come_back_with_a_backup(
    hostile: Hostile, record: StartRecord
) -> None:
    """Uses that were spent, and what was withdrawn, are not in it."""
    h, managed = hostile, hostile.bench.managed
    with_rules(h.bench)
    await restarted(h, managed.cluster, record)
    dana, pat, sam = (h.bench.person(*each) for each in (("dana", "analysts"), ("pat", "privacy"), ("sam",)))
    spent = await stands(h.bench, allowance(h.bench, pat, dana, column("enterprise", "customers", "email", "SELECT")))
    stood_in = await stands(h.bench, delegation(h.bench, pat, sam))
    await back_up(managed)
    request, _ = h.bench.ask(dana, EMAILS)
    assert (await h.bench.admit(request)).outcome == "approved"
    assert (await withdrawn(h.bench, stood_in, pat)).outcome == "ended"
    record.keep(await managed.cluster.evidence.head())
    await restore(managed)

    async with again(managed) as cluster:
        await restarted(h, cluster, record)
        h.later(62)
        await each_is_refused(RESTORED_MANDATES, RestoredMandates(h=h, dana=dana, sam=sam))
        for each in (spent, stood_in):
            assert (await h.bench.do("mandate", each)).outcome == "ended"


async def test_a_ledger_that_is_gone_counts_as_one_that_has_seen_everything(
    hostile: Hostile, record: StartRecord
) -> None:
    h, managed = hostile, hostile.bench.managed
    await restarted(h, managed.cluster, record)
    request, _, _ = await h.active()
    record.keep(await managed.cluster.evidence.head())
    await h.stop()
    async with await managed.superuser() as connection:
        await connection.execute("DROP TABLE p0.mandate_use, p0.mandate, p0.review, p0.inbox")
        await connection.execute("DROP TABLE p0.approval, p0.request, p0.migration, p0.chain")
        await connection.execute("DROP FUNCTION p0.refuse")
    await run(managed, ["DELETE FROM p0_evidence.log"])
    async with again(managed) as cluster:
        h.later(5)
        await restarted(h, cluster, record)
        assert (await h.bench.admit(request)).code == "before_ledger"
        assert await h.bench.roles() == []
