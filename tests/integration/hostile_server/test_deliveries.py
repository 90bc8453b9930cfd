"""A server that delivers jobs twice, late, at once, and in any order: it gains nothing by it."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import msgspec
import pytest

from fix_agent_core import EMAILS, Bench
from fix_hostile_server import Hostile
from hostile.approvals import approval
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import JobKind
from p0_agent.core.watch import end_due
from p0_agent.errors import TransientError

ACTS: tuple[JobKind, ...] = ("approval", "collect", "end")


@pytest.fixture
def hostile(bench: Bench) -> Hostile:
    return Hostile(bench=bench)


async def test_whatever_the_order_there_is_one_login_and_one_credential(hostile: Hostile) -> None:
    h, bench = hostile, hostile.bench
    for order in itertools.permutations(("admit", "approval", "collect")):
        request, opening = bench.ask(h.dana, EMAILS)
        admitted = await bench.admit(request)
        admission = bench.admission(admitted)
        approval = h.pat.signer.sign_approval(
            agent=h.agent, ah=admission.hash, decision="approve", permissions=admission.record.permissions, ttl=600,
            comment="",
        )  # fmt: skip
        collect = h.dana.signer.sign_collect(agent=h.agent, rh=admission.record.rh, ah=admission.hash)
        acts = {"admit": None, "approval": approval, "collect": collect}
        results = [await bench.do(kind, request, acts[kind]) for kind in order * 2]  # type: ignore[arg-type]  # its keys
        active = [result for result in results if result.outcome == "active"]
        assert active
        assert {result.records for result in active} == {active[0].records}
        assert {result.login for result in active} == {active[0].login}
        assert len(await bench.roles()) == 2
        assert bench.open(active[0], opening).user == active[0].login
        await bench.do("end", request)


async def test_the_same_job_many_times_at_once_makes_one_login(hostile: Hostile) -> None:
    request, opening = hostile.bench.ask(hostile.dana, "select id from enterprise.markets")
    results = await asyncio.gather(*(hostile.bench.admit(request) for _ in range(4)), return_exceptions=True)
    assert all(not isinstance(result, BaseException) or isinstance(result, TransientError) for result in results)
    again = await hostile.bench.admit(request)
    assert again.outcome == "active"
    assert hostile.bench.open(again, opening).user == again.login
    assert len(await hostile.bench.roles()) == 2
    await hostile.stop()


async def test_a_hoarded_automatic_request_opens_nothing_without_its_requestor(hostile: Hostile) -> None:
    request = hostile.asked()
    hostile.later(121)
    held_back = await hostile.bench.admit(request)
    assert (held_back.outcome, held_back.login) == ("approved", None)
    assert await hostile.bench.roles() == []
    assert (await hostile.bench.collect(request, held_back, hostile.dana)).outcome == "active"
    await hostile.stop()


async def test_a_copy_with_another_signature_or_identity_changes_nothing(hostile: Hostile) -> None:
    h, bench = hostile, hostile.bench
    request, admitted = await h.admitted()
    head, _, signature = request.record.rpartition(".")
    garbled = SignedAct(record=f"{head}.{signature[::-1]}", identity=request.identity)
    for copy in (garbled, h.beside(request, bind=h.eve.bind, id_token=h.eve.id_token)):
        assert (await bench.admit(copy)).records == admitted.records
    assert (await bench.approve(request, admitted, h.pat)).outcome == "approved"
    assert (await bench.collect(garbled, admitted, h.dana)).outcome == "active"
    await h.stop()


async def test_an_approval_counts_once_however_often_it_comes_and_whoever_signs_in(hostile: Hostile) -> None:
    h, bench = hostile, hostile.bench
    request, admitted = await h.admitted("delete from enterprise.orders where id = 1")
    ann = bench.person("ann", "dba")
    admission = bench.admission(admitted)
    wanted = {"agent": h.agent, "ah": admission.hash, "decision": "approve", "comment": "", "ttl": 60}
    act = ann.signer.sign_approval(**wanted, permissions=admission.record.permissions)  # type: ignore[arg-type]  # mixed
    for _ in range(3):
        assert (await bench.do("approval", request, ann.stepping_up(act))).outcome == "pending"
    for twin in (bench.person("ann", "dba"), replace(ann, groups=("dba", "privacy"))):
        result = await bench.approve(request, admitted, twin)
        assert (result.outcome, [item.by for item in result.progress]) == ("pending", [("ann@corp.example",)])
    kinds = [entry.kind for entry in await bench.context.cluster.evidence.entries()]
    assert kinds.count("approval") == 3


async def test_a_denial_that_is_held_back_is_missing_no_longer_than_the_access_lasts(hostile: Hostile) -> None:
    """What a server can do, and no more: until the time is up, or the denier's revocation comes past it."""
    h, bench = hostile, hostile.bench
    request, admitted = await h.admitted()
    denial = approval(h, admitted, bench.person("pim", "privacy"), decision="deny", comment="No.")
    assert (await bench.approve(request, admitted, h.pat)).outcome == "approved"
    active = await bench.collect(request, admitted, h.dana)
    assert active.not_after == bench.context.now() + 600
    assert (await bench.do("approval", request, denial)).code == "already_sealed"
    h.later(600)
    await end_due(bench.context)
    assert await bench.roles() == []


async def test_the_servers_own_end_is_obeyed_and_written_down_once(hostile: Hostile) -> None:
    h, bench = hostile, hostile.bench
    request, _, _ = await h.active()
    for _ in range(3):
        assert (await bench.do("end", request)).outcome == "ended"
    kinds = [entry.kind for entry in await bench.context.cluster.evidence.entries()]
    assert kinds[-2:] == ["server-end", "deletion"]
    assert await bench.roles() == []


async def test_a_job_never_raises_for_what_is_in_it(hostile: Hostile) -> None:
    h, bench = hostile, hostile.bench
    request, _ = await h.admitted()
    junk = [
        "",
        ".",
        "..",
        "é.é.é",
        "\x00.\x00.\x00",
        "\ud800",
        "e30.e30.e30",
        h.asked().record[:-1],
        request.record + ".",
    ]
    tokens = ["", "..", "e30.e30.e30", "\ud800.e30.e30", "bnVsbA.bnVsbA.bnVsbA", "W10.W10.W10", h.dana.id_token[:-1]]
    broken = [SignedAct(record=text, identity=request.identity) for text in junk]
    broken += [h.beside(request, id_token=text) for text in tokens] + [h.beside(request, bind=text) for text in junk]
    broken += [h.beside(request, fresh=text) for text in tokens]
    for act in broken:
        unseen = act if act.record != request.record else SignedAct(record=h.asked().record, identity=act.identity)
        assert (await bench.admit(unseen)).outcome == "refused", act.record
        for kind in ACTS:
            result = await bench.do(kind, request, act)
            assert result.outcome == "refused", (kind, act.record)
    assert await bench.roles() == []
    assert msgspec.json.encode(await bench.do("approval", request, broken[5]))
