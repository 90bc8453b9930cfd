"""Extensions at the agent: the same login lasts longer, counted from its start, under every cap."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_mandates import ORDERS, again, with_rules
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Extension
from p0_access.proof import jws
from p0_agent.core.watch import end_due


@pytest.fixture(autouse=True)
def _rules(bench: Bench) -> None:
    with_rules(bench)


def extending(bench: Bench, by: Person, first: SignedAct, sql: str = MARKETS, **changes: Any) -> SignedAct:
    wanted: dict[str, Any] = {"extends": jws.record_hash(first.record), "ttl": 3600}
    return bench.ask(again(bench, by), sql, **wanted | changes)[0]


async def valid_until(bench: Bench, login: str) -> int:
    async with await bench.managed.superuser() as connection:
        cursor = await connection.execute("SELECT rolvaliduntil FROM pg_roles WHERE rolname = %s", (login,))
        row = await cursor.fetchone()
    assert row is not None
    assert isinstance(row[0], datetime)
    return int(row[0].timestamp())


async def test_the_same_login_lasts_longer_counted_from_its_start(bench: Bench) -> None:
    dana, start = bench.person("dana", "analysts"), int(bench.clock.now)
    first, opening = bench.ask(dana, MARKETS, ttl=600)
    opened = bench.open(await bench.admit(first), opening)
    bench.clock.now += 300
    request = extending(bench, dana, first)
    result = await bench.admit(request)
    assert (result.outcome, result.not_after, result.login) == ("extended", start + 3600, opened.user), result
    record = jws.verify(result.records[-1], Extension, bench.context.key.public).record
    assert (record.extends, record.not_after) == (jws.record_hash(first.record), start + 3600)
    assert await valid_until(bench, opened.user) == start + 3600
    repeated = await bench.admit(request)
    assert (repeated.outcome, repeated.not_after) == ("extended", start + 3600)
    assert await bench.context.cluster.drift() == ()  # the watchdog takes it for what it is
    bench.clock.now = start + 601
    assert await end_due(bench.context) == ()
    async with await bench.connect(opened) as connection:
        await connection.execute("SELECT id FROM enterprise.markets")
    bench.clock.now = start + 3600
    assert [report.rh for report in await end_due(bench.context)] == [jws.record_hash(first.record)]
    assert await bench.roles() == []


async def test_rules_and_ceiling_cap_all_of_it(bench: Bench) -> None:
    dana, start = bench.person("dana", "analysts"), int(bench.clock.now)
    first, _ = bench.ask(dana, MARKETS, ttl=600)
    await bench.admit(first)
    longest = await bench.admit(extending(bench, dana, first, ttl=7 * 86_400))
    assert longest.not_after == start + 2 * 3600  # the rules' default
    assert (await bench.admit(extending(bench, dana, first))).code == "extension_shorter"
    bench.context = replace(bench.context, ceiling=msgspec.structs.replace(bench.context.ceiling, max_ttl=1800))
    assert (await bench.admit(extending(bench, dana, first, ttl=86_400))).code == "extension_shorter"
    await bench.end(first, dana)
    assert (await bench.admit(extending(bench, dana, first, ttl=86_400))).code == "extension_ended"


async def test_people_approve_it_as_they_approved_the_first(bench: Bench) -> None:
    dana, pat, start = bench.person("dana", "analysts"), bench.person("pat", "privacy"), int(bench.clock.now)
    first, _ = bench.ask(dana, EMAILS, ttl=600)
    admitted = await bench.admit(first)
    await bench.approve(first, admitted, pat)
    assert (await bench.collect(first, admitted, dana)).outcome == "active"
    request = extending(bench, dana, first, EMAILS, ttl=1500)
    waits = await bench.admit(request)
    assert waits.outcome == "pending"
    assert (await bench.approve(request, waits, pat, ttl=1200)).outcome == "approved"
    result = await bench.collect(request, waits, dana)
    assert (result.outcome, result.not_after) == ("extended", start + 1200), result
    await bench.end(first, dana)


async def test_only_ones_own_live_access_for_exactly_the_same(bench: Bench) -> None:
    dana, eve = bench.person("dana", "analysts"), bench.person("eve", "analysts")
    first, _ = bench.ask(dana, MARKETS, ttl=600)
    await bench.admit(first)
    assert (await bench.admit(extending(bench, eve, first))).code == "extension_foreign"
    other = "select name from enterprise.markets"
    assert (await bench.admit(extending(bench, dana, first, other))).code == "extension_differs"
    assert (await bench.admit(extending(bench, dana, first, extends="x" * 43))).code == "extension_unknown"
    request, _ = bench.ask(dana, MARKETS, extends=jws.record_hash(first.record), break_glass=True)
    assert (await bench.admit(dana.stepping_up(request))).code == "extension_emergency"
    await bench.end(first, dana)
    once, _ = bench.ask(dana, MARKETS, ttl=600, one_shot=True)
    await bench.admit(once)
    assert (await bench.admit(extending(bench, dana, once))).code == "extension_one_shot"
    await bench.end(once, dana)
    waiting, _ = bench.ask(dana, ORDERS)
    await bench.admit(waiting)
    assert (await bench.admit(extending(bench, dana, waiting, ORDERS))).code == "extension_ended"


async def test_extended_while_it_ends_it_ends(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    for _ in range(3):
        first, _ = bench.ask(dana, MARKETS, ttl=600)
        await bench.admit(first)
        longer, ended = await asyncio.gather(
            bench.admit(extending(bench, dana, first)), bench.end(first, dana, "revoke")
        )
        assert ended.outcome == "ended", ended
        assert longer.outcome == "extended" or longer.code == "extension_ended", longer
        assert await bench.roles() == []
