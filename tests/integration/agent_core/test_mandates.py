"""Allowances and delegations at the agent: what they count for, how often, and for whom they never do."""

from __future__ import annotations

import asyncio

import pytest

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_mandates import DELETES, MANDATE_RULES, ORDERS, again, allowance, delegation, stands, with_rules, withdrawn
from p0_access.messages.records import What
from p0_access.permissions.permission import canonical, column, connect, relation, usage
from p0_access.proof import commitment
from p0_access.routing.decision import NeedsApproval
from p0_agent.core.lapse import close_lapsed

EMAIL = column("enterprise", "customers", "email", "SELECT")


@pytest.fixture(autouse=True)
def _rules(bench: Bench) -> None:
    with_rules(bench)


async def test_an_allowance_counts_as_an_approval_as_often_as_it_says(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    mandate = await stands(bench, allowance(bench, pat, dana, EMAIL, uses=2))
    assert (await bench.do("mandate", mandate)).outcome == "active"  # it came twice, and is one
    for _ in range(2):
        request, opening = bench.ask(dana, EMAILS)
        admitted = await bench.admit(request)
        assert (admitted.outcome, len(admitted.in_advance)) == ("approved", 1), admitted
        assert [each.by for each in admitted.progress] == [("pat@corp.example",)]
        assert (await bench.admit(request)).outcome == "approved"  # delivered again, it spends no further use
        collected = await bench.collect(request, admitted, dana)
        assert collected.outcome == "active", collected
        opened = bench.open(collected, opening)
        assert opened.not_after == int(bench.clock.now) + 600  # the allowance's own cap
        await bench.end(request, dana)
    request, _ = bench.ask(dana, EMAILS)
    assert (await bench.admit(request)).outcome == "pending"


async def test_two_requests_at_once_get_one_use_between_them(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    await stands(bench, allowance(bench, pat, dana, EMAIL))
    requests = [bench.ask(dana, EMAILS)[0] for _ in range(4)]
    outcomes = [result.outcome for result in await asyncio.gather(*(bench.admit(each) for each in requests))]
    assert sorted(outcomes) == ["approved", "pending", "pending", "pending"]


async def test_it_is_for_its_person_permissions_kind_and_time(bench: Bench) -> None:
    dana, eve, pat = bench.person("dana", "analysts"), bench.person("eve", "analysts"), bench.person("pat", "privacy")
    await stands(bench, allowance(bench, pat, dana, EMAIL, uses=50, lifetime=600))
    assert (await bench.admit(bench.ask(eve, EMAILS)[0])).outcome == "pending"
    phones = "select email, name from enterprise.customers"
    assert (await bench.admit(bench.ask(dana, phones)[0])).outcome == "approved"  # the rest is automatic
    as_grant = bench.ask(dana, EMAILS, what=granting(bench))[0]
    assert (await bench.admit(as_grant)).outcome == "pending"
    bench.clock.now += 601
    assert (await bench.admit(bench.ask(again(bench, dana), EMAILS)[0])).outcome == "pending"


async def test_nothing_that_is_all_automatic_spends_a_use(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    await stands(bench, allowance(bench, pat, dana, EMAIL, relation("enterprise", "markets", "SELECT")))
    markets, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(markets)).outcome == "active"
    await bench.end(markets, dana)
    assert (await bench.admit(bench.ask(dana, EMAILS)[0])).outcome == "approved"


async def test_it_is_one_of_two_where_two_are_asked(bench: Bench) -> None:
    dana, ann, bob = bench.person("dana", "analysts"), bench.person("ann", "dba"), bench.person("bob", "dba")
    await stands(bench, allowance(bench, ann, dana, *DELETES))
    request, _ = bench.ask(dana, ORDERS)
    admitted = await bench.admit(request)
    assert admitted.outcome == "pending"
    assert (await bench.approve(request, admitted, ann)).outcome == "pending"  # the same person, who counts once
    assert (await bench.approve(request, admitted, bob)).outcome == "approved"


async def test_withdrawn_it_counts_no_more_and_only_its_signer_withdraws_it(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    mandate = await stands(bench, allowance(bench, pat, dana, EMAIL, uses=5))
    assert (await withdrawn(bench, mandate, dana)).code == "not_allowed"
    assert (await withdrawn(bench, mandate, pat)).outcome == "ended"
    assert (await bench.do("mandate", mandate)).outcome == "ended"
    assert (await bench.admit(bench.ask(dana, EMAILS)[0])).outcome == "pending"


async def test_the_servers_own_withdrawal_is_obeyed(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    mandate = await stands(bench, allowance(bench, pat, dana, EMAIL))
    assert (await bench.do("withdraw", mandate)).outcome == "ended"
    assert (await bench.admit(bench.ask(dana, EMAILS)[0])).outcome == "pending"


async def test_what_was_allowed_is_not_what_a_view_became(bench: Bench) -> None:
    """An allowance names what is asked for. What that reaches is not in it, unless it is named as well."""
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    view = relation("enterprise", "directory", "SELECT")
    async with await bench.managed.superuser() as connection:
        await connection.execute("SET ROLE mydatabase_owner")
        await connection.execute("CREATE VIEW enterprise.directory AS SELECT name FROM enterprise.customers")
    await stands(bench, allowance(bench, pat, dana, view, EMAIL))
    await stands(bench, allowance(bench, pat, dana, view))
    async with await bench.managed.superuser() as connection:
        await connection.execute("SET ROLE mydatabase_owner")
        await connection.execute(
            "CREATE OR REPLACE VIEW enterprise.directory AS SELECT email AS name FROM enterprise.customers"
        )
    outcomes = [
        (await bench.admit(bench.ask(dana, "select name from enterprise.directory")[0])).outcome for _ in range(2)
    ]
    assert outcomes == ["approved", "pending"]


async def test_it_does_not_bring_back_what_has_waited_too_long(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    assert (await bench.admit(request)).outcome == "pending"
    bench.clock.now += 3600
    await stands(bench, allowance(bench, again(bench, pat), dana, EMAIL))
    assert (await bench.admit(request)).outcome == "pending"
    await close_lapsed(bench.context)
    assert (await bench.admit(request)).outcome == "lapsed"


async def test_what_is_withdrawn_or_ended_already_is_not_noted_again(bench: Bench) -> None:
    """Who delivers the same job again and again fills no evidence."""
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    mandate = await stands(bench, allowance(bench, pat, dana, EMAIL))
    markets, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(markets)).outcome == "active"
    await bench.end(markets, dana)
    assert (await withdrawn(bench, mandate, pat)).outcome == "ended"
    head = await bench.managed.cluster.evidence.head()
    for _ in range(2):
        assert (await withdrawn(bench, mandate, pat)).outcome == "ended"
        assert (await bench.do("withdraw", mandate)).outcome == "ended"
        await bench.end(markets, dana)
    assert await bench.managed.cluster.evidence.head() == head


async def test_who_may_approve_nothing_allows_nothing_and_nobody_for_themselves(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    assert (await bench.do("mandate", allowance(bench, dana, pat, EMAIL))).code == "not_an_approver"
    assert (await bench.do("mandate", allowance(bench, pat, pat, EMAIL))).code == "own_request"
    assert (await bench.do("mandate", allowance(bench, pat, dana, EMAIL, database="elsewhere"))).code == (
        "unknown_database"
    )
    assert (await bench.do("mandate", delegation(bench, dana, pat))).code == "not_an_approver"


async def test_who_may_know_nothing_of_a_database_is_told_that_it_is_not_there(bench: Bench) -> None:
    with_rules(bench, MANDATE_RULES.replace('databases: ["*"]', 'databases: ["others"]'))
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    answers = [
        await bench.do("mandate", allowance(bench, pat, dana, EMAIL, database=name))
        for name in (bench.managed.database, "elsewhere")
    ]
    assert [each.code for each in answers] == ["unknown_database"] * 2
    assert (answers[0].message or "").replace(bench.managed.database, "elsewhere") == answers[1].message


async def test_a_second_name_of_the_signer_gets_nothing(bench: Bench) -> None:
    """The same verified address under another subject: the tally tells, whatever the record says."""
    pat = bench.person("pat", "privacy")
    other = bench.person("pat2", "analysts")
    other.id_token = other.token(nonce=commitment.nonce(other.bind), email="pat@corp.example")
    await stands(bench, allowance(bench, pat, other, EMAIL))
    assert (await bench.admit(bench.ask(other, EMAILS)[0])).outcome == "pending"


async def test_somebody_approves_in_anothers_place_until_that_ends(bench: Bench) -> None:
    dana, pat, sam = bench.person("dana", "analysts"), bench.person("pat", "privacy"), bench.person("sam")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, sam)).code == "not_an_approver"
    mandate = await stands(bench, delegation(bench, pat, sam, lifetime=300))
    approved = await bench.approve(request, admitted, sam)
    assert (approved.outcome, approved.in_place_of) == ("approved", ("pat@corp.example",))
    second, _ = bench.ask(dana, EMAILS)
    waits = await bench.admit(second)
    assert (await withdrawn(bench, mandate, pat)).outcome == "ended"
    assert (await bench.approve(second, waits, sam)).code == "not_an_approver"


async def test_a_delegation_lets_nobody_approve_their_own_nor_two_be_one(bench: Bench) -> None:
    dana, ann, sam = bench.person("dana", "analysts"), bench.person("ann", "dba", "analysts"), bench.person("sam")
    await stands(bench, delegation(bench, ann, dana))
    await stands(bench, delegation(bench, ann, sam, groups=("dba",)))
    request, _ = bench.ask(dana, ORDERS)
    admitted = await bench.admit(request)
    assert isinstance(bench.admission(admitted).record.rules.decision, NeedsApproval)
    assert (await bench.approve(request, admitted, dana)).code == "own_request"
    assert (await bench.approve(request, admitted, sam)).outcome == "pending"
    assert (await bench.approve(request, admitted, ann)).outcome == "pending"  # whom sam has stood in for
    approved = await bench.approve(request, admitted, bench.person("bob", "dba"))
    assert (approved.outcome, approved.in_place_of) == ("approved", ())
    own, _ = bench.ask(ann, ORDERS)
    anns = await bench.admit(own)
    assert (await bench.approve(own, anns, sam)).code == "not_an_approver"  # in place of who asks


async def test_only_as_one_of_the_groups(bench: Bench) -> None:
    dana, sam = bench.person("dana", "analysts"), bench.person("sam")
    both = bench.person("kim", "dba", "privacy")
    await stands(bench, delegation(bench, both, sam, groups=("dba",)))
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, sam)).code == "not_an_approver"


def granting(bench: Bench) -> What:
    return What(grant=canonical([connect(bench.managed.database), usage("enterprise"), EMAIL]))
