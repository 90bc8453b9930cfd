"""`handle(job, context)` against a real PostgreSQL: the whole life of requests, without a server in between."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fix_agent_core import EMAILS, MARKETS, NOW, RULES, Bench
from fix_people import Issuer, Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Deletion, Refusal
from p0_access.proof import jws
from p0_access.routing.load import load
from p0_agent.config import Ceiling
from p0_agent.core.watch import OneShotWatch, end_due


async def test_an_automatic_request_is_one_round_trip_to_a_login_with_just_those_columns(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS)
    result = await bench.admit(request)
    assert result.outcome == "active", result
    opened = bench.open(result, opening)
    assert opened.not_after == result.not_after == NOW + 3600
    async with await bench.connect(opened) as connection:
        rows = await (await connection.execute(MARKETS.encode())).fetchall()
        assert len(rows) == 12
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("select region from enterprise.markets")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("select email from enterprise.customers")
    assert (await bench.end(request, dana)).outcome == "ended"
    assert await bench.roles() == []


async def test_the_same_job_twice_gives_the_same_credential_and_one_login(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS)
    first = await bench.admit(request)
    bench.clock.now += 1000  # its tokens have expired meanwhile
    again = await bench.admit(request)
    assert again.outcome == "active"
    assert again.records == first.records
    assert len(await bench.roles()) == 2
    assert bench.open(again, opening) == bench.open(first, opening)
    await bench.do("end", request)
    assert await bench.roles() == []


async def test_people_decide_and_then_the_requestor_collects(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, opening = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (admitted.outcome, len(admitted.records)) == ("pending", 1)
    assert [(item.rule, item.count, item.by) for item in admitted.progress] == [("pii", 1, ())]
    assert (await bench.collect(request, admitted, dana)).code == "already_admitted"
    approved = await bench.approve(request, admitted, pat)
    assert approved.outcome == "approved", approved
    assert approved.progress[0].by == ("pat@corp.example",)
    for person, code in ((pat, "not_the_requestor"), (bench.person("eve", "analysts"), "not_the_requestor")):
        assert (await bench.collect(request, admitted, person)).code == code
    active = await bench.collect(request, admitted, dana)
    assert active.outcome == "active", active
    assert active.not_after == NOW + 600
    async with await bench.connect(bench.open(active, opening)) as connection:
        await connection.execute("select email from enterprise.customers")
    assert (await bench.end(request, pat, "revoke")).outcome == "ended"
    assert await bench.roles() == []


async def test_what_an_approver_may_not_do(bench: Bench) -> None:
    dana = bench.person("dana", "analysts", "privacy")
    pat = bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    more = (*bench.admission(admitted).record.permissions, bench.admission(admitted).record.permissions[0])
    widened = tuple(item for item in more if item.column is None)
    wider = (*widened, type(more[0])(more[0].kind, "enterprise", "customers", "phone", "SELECT"))
    attempts = [
        (await bench.approve(request, admitted, dana), "own_request"),
        (await bench.approve(request, admitted, bench.person("eve", "analysts")), "not_an_approver"),
        (await bench.approve(request, admitted, pat, ah="x" * 43), "approval_mismatch"),
        (await bench.approve(request, admitted, pat, permissions=wider), "approval_wider"),
        (await bench.approve(request, admitted, pat, ttl=1801), "approval_longer"),
    ]
    for result, code in attempts:
        assert (result.outcome, result.code) == ("refused", code)
        refusal = jws.verify(result.records[0], Refusal, bench.context.key.public).record
        assert (refusal.step, refusal.code) == (9, code)
    assert (await bench.collect(request, admitted, dana)).code == "already_admitted"
    assert (await bench.approve(request, admitted, pat)).outcome == "approved"


async def test_two_are_two_different_people(bench: Bench) -> None:
    dana, ann, bob = bench.person("dana", "analysts"), bench.person("ann", "dba"), bench.person("bob", "dba")
    request, _ = bench.ask(dana, "delete from enterprise.orders where id = 1")
    admitted = await bench.admit(request)
    assert admitted.outcome == "pending", admitted
    assert (await bench.approve(request, admitted, ann)).outcome == "pending"
    assert (await bench.approve(request, admitted, ann, comment="again")).outcome == "pending"
    assert (await bench.approve(request, admitted, bob)).outcome == "approved"


async def test_a_denial_is_final(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    denied = await bench.approve(request, admitted, pat, decision="deny", comment="ask for a count instead")
    assert (denied.outcome, denied.message) == ("denied", "pat@corp.example denied it: ask for a count instead")
    assert (await bench.approve(request, admitted, bench.person("pim", "privacy"))).code == "already_denied"
    assert (await bench.collect(request, admitted, dana)).outcome == "refused"
    assert await bench.roles() == []


async def test_striking_what_the_sql_needs_sends_it_back(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, "select id, email from enterprise.customers")
    admitted = await bench.admit(request)
    kept = tuple(item for item in bench.admission(admitted).record.permissions if item.column != "id")
    result = await bench.approve(request, admitted, pat, permissions=kept)
    assert result.outcome == "needs_changes"
    assert "SELECT (id) on enterprise.customers" in (result.message or "")


@pytest.mark.parametrize(
    ("sql", "changes", "step", "code"),
    [
        ("select * from enterprise.market", {}, 7, "unknown_table"),
        ("selec 1", {}, 7, "syntax_error"),
        ("drop table enterprise.markets", {}, 7, "unsupported_statement"),
        (MARKETS, {"reason": " "}, 8, "reason_required"),
        (MARKETS, {"database": "elsewhere"}, 6, "unknown_database"),
        (MARKETS, {"agent": "b" * 43}, 2, "act_audience"),
    ],
)
async def test_bad_input_is_refused_at_its_step_and_signed(
    bench: Bench, sql: str, changes: dict[str, Any], step: int, code: str
) -> None:
    request, _ = bench.ask(bench.person("dana", "analysts"), sql, **changes)
    result = await bench.admit(request)
    refusal = jws.verify(result.records[0], Refusal, bench.context.key.public).record
    assert (result.outcome, refusal.step, refusal.code) == ("refused", step, code), result
    assert await bench.roles() == []


async def test_what_the_rules_deny_or_do_not_cover_is_denied_with_its_trace(bench: Bench) -> None:
    for person, sql, because in (
        (bench.person("dana", "analysts"), "select memo from ledger.entries", "Use a migration."),
        (bench.person("dana", "analysts"), "delete from enterprise.markets", "no rule"),
    ):
        request, _ = bench.ask(person, sql)
        result = await bench.admit(request)
        decision = bench.admission(result).record.rules.decision
        assert result.outcome == "denied"
        assert because in " ".join(getattr(decision, "reasons", ()))


async def test_an_identity_that_does_not_hold_is_refused_before_anything_is_claimed(bench: Bench) -> None:
    dana, eve = bench.person("dana", "analysts"), bench.person("eve", "analysts")
    request, _ = bench.ask(dana, MARKETS)
    swapped = SignedAct(record=request.record, identity=eve.identity)
    assert (await bench.admit(swapped)).code == "record_key"
    bench.clock.now += 1000
    assert (await bench.admit(request)).code == "token_expired"
    stranger = Person(name="dana", groups=("analysts",), issuer=Issuer(url="https://evil.example"), clock=bench.clock)
    assert (await bench.admit(bench.ask(stranger, MARKETS)[0])).code == "issuer_unknown"
    assert await bench.context.cluster.ledger.open() == ()
    assert await bench.roles() == []


async def test_the_ceiling_holds_whatever_rules_and_people_say(bench: Bench) -> None:
    bench.context = type(bench.context)(
        **{name: getattr(bench.context, name) for name in bench.context.__slots__} | {"ceiling": Ceiling(max_ttl=60)}
    )
    dana = bench.person("dana", "analysts")
    request, _ = bench.ask(dana, MARKETS, ttl=3000)
    result = await bench.admit(request)
    assert (result.outcome, result.not_after) == ("active", NOW + 60)
    await bench.end(request, dana)
    bench.context = type(bench.context)(
        **{name: getattr(bench.context, name) for name in bench.context.__slots__}
        | {"ceiling": Ceiling(privileges=("CONNECT", "USAGE"))}
    )
    for sql in (MARKETS, "select email from enterprise.customers"):
        request, _ = bench.ask(dana, sql)
        result = await bench.admit(request)
        assert (result.outcome, result.code) == ("refused", "above_ceiling"), "nobody is asked to approve it"
    assert await bench.roles() == []


async def test_at_its_time_an_access_ends_with_its_sessions_and_a_receipt(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS, ttl=300)
    result = await bench.admit(request)
    connection = await bench.connect(bench.open(result, opening))
    bench.clock.now = NOW + 299
    assert await end_due(bench.context) == ()
    bench.clock.now = NOW + 300
    (report,) = await end_due(bench.context)
    deletion = jws.verify(report.records[0], Deletion, bench.context.key.public).record
    assert (deletion.cause, deletion.residue, deletion.login) == ("expired", (), result.login)
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("select 1")
    await connection.close()
    assert await bench.roles() == []
    assert (await bench.admit(request)).outcome == "ended"


async def test_a_one_shot_access_ends_when_its_session_has_gone(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS, one_shot=True)
    result = await bench.admit(request)
    watch = OneShotWatch()
    assert await watch.look(bench.context) == ()
    async with await bench.connect(bench.open(result, opening)):
        assert await watch.look(bench.context) == ()
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            await bench.connect(bench.open(result, opening))
    while not (reports := await watch.look(bench.context)):
        pass  # the server takes a moment to notice that its client has gone
    assert jws.verify(reports[0].records[0], Deletion, bench.context.key.public).record.cause == "one_shot"
    assert await bench.roles() == []


async def test_a_one_shot_access_that_nobody_uses_ends_after_a_minute(bench: Bench) -> None:
    request, _ = bench.ask(bench.person("dana", "analysts"), MARKETS, one_shot=True)
    await bench.admit(request)
    watch = OneShotWatch()
    assert await watch.look(bench.context) == ()
    bench.clock.now += 59
    assert await watch.look(bench.context) == ()
    bench.clock.now += 1
    assert len(await watch.look(bench.context)) == 1
    assert await bench.roles() == []


async def test_a_cancelled_request_stays_cancelled_even_if_it_arrives_afterwards(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    assert (await bench.end(request, pat, "cancel")).outcome == "refused"
    assert (await bench.end(request, dana, "cancel")).outcome == "cancelled"
    assert (await bench.admit(request)).outcome == "cancelled"


async def test_nothing_is_approved_or_opened_once_the_hours_of_its_rule_are_over(bench: Bench) -> None:
    hours = '"*"], tags: [pii]}\n    when: {hours: "00:00-17:50", timezone: UTC}'  # it is 17:46:40
    rules = load(RULES.replace('"*"], tags: [pii]}', hours).encode(), source="rules.yaml")
    bench.context = dataclasses.replace(bench.context, rules=rules)
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    early, late = bench.ask(dana, EMAILS)[0], bench.ask(dana, EMAILS)[0]
    admitted, unapproved = await bench.admit(early), await bench.admit(late)
    assert (await bench.approve(early, admitted, pat, ttl=200)).outcome == "approved"
    bench.clock.now += 199
    active = await bench.collect(early, admitted, dana)
    assert (active.outcome, active.not_after) == ("active", NOW + 200)
    assert (await bench.end(early, dana)).outcome == "ended"
    bench.clock.now += 1
    too_late = await bench.approve(late, unapproved, pat, ttl=200)
    assert (too_late.outcome, too_late.code, too_late.closed) == ("refused", "window_closed", True)
    assert (await bench.approve(late, unapproved, bench.person("pim", "privacy"), ttl=200)).code == "already_refused"


async def test_what_was_approved_in_time_is_not_opened_after_the_hours_of_its_rule(bench: Bench) -> None:
    hours = '"*"], tags: [pii]}\n    when: {hours: "00:00-17:50", timezone: UTC}'
    rules = load(RULES.replace('"*"], tags: [pii]}', hours).encode(), source="rules.yaml")
    bench.context = dataclasses.replace(bench.context, rules=rules)
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, pat, ttl=200)).outcome == "approved"
    bench.clock.now = NOW + 200
    result = await bench.collect(request, admitted, dana)
    refusal = jws.verify(result.records[0], Refusal, bench.context.key.public).record
    assert (result.outcome, refusal.step, refusal.code) == ("refused", 10, "window_closed")
    assert await bench.roles() == []


@pytest.mark.parametrize(
    ("before", "stricter"),
    [
        ("", 'when: {hours: "00:00-17:50", timezone: UTC}'),
        ('when: {hours: "00:00-17:50", timezone: UTC}', 'when: {hours: "00:00-17:48", timezone: UTC}'),
        ("", "session: {log_statement: all}"),
    ],
)
async def test_hours_and_sessions_that_became_stricter_hold(before: str, stricter: str, bench: Bench) -> None:
    def follow(more: str) -> None:
        text = RULES.replace('"*"], tags: [pii]}', f'"*"], tags: [pii]}}\n    {more}')
        bench.context = dataclasses.replace(bench.context, rules=load(text.encode(), source="rules.yaml"))

    follow(before)
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS, ttl=60)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, pat, ttl=60)).outcome == "approved"
    follow(stricter)
    assert (await bench.collect(request, admitted, dana)).code == "changed"


async def test_what_changes_between_admission_and_collection_goes_back_to_review(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, "select * from enterprise.customers")
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, pat)).outcome == "approved"
    async with await bench.managed.superuser() as connection:
        await connection.execute("ALTER TABLE enterprise.customers ADD COLUMN tax_number text")
    result = await bench.collect(request, admitted, dana)
    assert (result.outcome, result.code) == ("refused", "changed")
    assert await bench.roles() == []


async def test_the_evidence_tells_the_whole_story_in_order(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    await bench.approve(request, admitted, pat)
    await bench.collect(request, admitted, dana)
    await bench.end(request, dana)
    kinds = [entry.kind for entry in await bench.context.cluster.evidence.entries()]
    assert kinds == ["genesis", "request", "admission", "approval", "collect", "credential", "end", "deletion"]


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
