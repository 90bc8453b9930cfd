"""In a database where no login may own anything that lasts, who could make something is refused when they ask."""

from __future__ import annotations

import dataclasses

import pytest

from fix_agent_core import MARKETS, Bench
from fix_postgres import BOTH_MODES
from p0_access.messages.records import What
from p0_access.permissions.permission import Kind, Permission

pytestmark = BOTH_MODES


@pytest.fixture
def strict(bench: Bench) -> Bench:
    bench.context = dataclasses.replace(bench.context, nothing_owned=frozenset({bench.managed.database}))
    return bench


@pytest.mark.parametrize("place", ["SCHEMA enterprise", "DATABASE {}"])
async def test_where_everybody_may_make_objects_nobody_gets_in(place: str, strict: Bench) -> None:
    dana = strict.person("dana", "analysts")
    where = place.format(strict.managed.database)
    async with await strict.managed.superuser() as superuser:
        await superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as before PostgreSQL 15
        await superuser.execute(f"GRANT CREATE ON {where} TO PUBLIC".encode())
        request, _ = strict.ask(dana, MARKETS)
        result = await strict.admit(request)
        assert (result.outcome, result.code) == ("refused", "would_own_objects")
        assert where in (result.message or "")
        assert f"REVOKE CREATE ON {where} FROM PUBLIC;" in (result.hint or "")
        await superuser.execute(f"REVOKE CREATE ON {where} FROM PUBLIC".encode())
    request, _ = strict.ask(dana, MARKETS)
    assert (await strict.admit(request)).outcome == "active"
    assert (await strict.end(request, dana)).outcome == "ended"


async def test_what_became_possible_meanwhile_is_not_collected(strict: Bench) -> None:
    dana = strict.person("dana", "analysts")
    async with await strict.managed.superuser() as superuser:
        await superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        request, _ = strict.ask(dana, MARKETS)
        strict.clock.now += 300  # too old to be its own collection
        admitted = await strict.admit(request)
        assert admitted.outcome == "approved"
        await superuser.execute("GRANT CREATE ON SCHEMA ledger TO PUBLIC")
        result = await strict.collect(request, admitted, dana)
    assert (result.outcome, result.code) == ("refused", "would_own_objects")


async def test_a_permission_to_make_objects_is_refused(strict: Bench) -> None:
    create = Permission(Kind.SCHEMA, None, "enterprise", None, "CREATE")
    async with await strict.managed.superuser() as superuser:
        await superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    request, _ = strict.ask(strict.person("dana", "analysts"), what=What(grant=(create,)))
    result = await strict.admit(request)
    assert (result.outcome, result.code) == ("refused", "would_own_objects")


async def test_elsewhere_nobody_is_asked(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    async with await bench.managed.superuser() as superuser:
        await superuser.execute("GRANT CREATE ON SCHEMA enterprise TO PUBLIC")
    request, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(request)).outcome == "active"
    assert (await bench.end(request, dana)).outcome == "ended"
