"""Breaking the glass at the agent: told by its own channel before anything is made, and reviewed by somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fix_agent_core import EMAILS, Bench
from fix_mandates import MANDATE_RULES, again, with_rules
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.messages.mandates import Notice
from p0_access.proof import jws
from p0_agent.config import NoticeSettings
from p0_agent.core.admission import COLLECTS_ITSELF
from p0_agent.notice import NoticeChannel
from p0_agent.postgres.evidence import MAX_PAGE

Told = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def told(bench: Bench, tmp_path: Path) -> Told:
    """The notices so far: a command writes them to a file, one a line."""
    with_rules(bench)
    path = tmp_path / "told"
    path.touch()
    channel(bench, NoticeSettings(command=("/bin/sh", "-c", f"cat >> '{path}'; echo >> '{path}'")))
    return lambda: path.read_text().splitlines()


def channel(bench: Bench, settings: NoticeSettings) -> None:
    bench.context = replace(bench.context, notices=NoticeChannel(settings))


def broken(bench: Bench, by: Person, sql: str = EMAILS, **changes: Any) -> SignedAct:
    """An emergency, signed with a sign-in of its own."""
    return by.stepping_up(bench.ask(by, sql, break_glass=True, **changes)[0])


async def reviewed(bench: Bench, request: SignedAct, admitted: Result, by: Person) -> Result:
    admission = bench.admission(admitted)
    act = by.signer.sign_review(
        agent=bench.context.key.public.thumbprint, rh=admission.record.rh, ah=admission.hash, comment="justified"
    )
    return await bench.do("review", request, act)


async def test_it_is_told_then_given_then_reviewed_by_somebody_else(bench: Bench, told: Told) -> None:
    olga, sam = bench.person("olga", "oncall", "security"), bench.person("sam", "security")
    request = broken(bench, olga, ttl=3600)
    result = await bench.admit(request)
    assert result.outcome == "active", result
    assert result.not_after == int(bench.clock.now) + 900
    (text,) = told()
    said = json.loads(text)
    notice = jws.verify(said["record"], Notice, bench.context.key.public).record
    assert (notice.requestor, notice.reason, notice.notify) == ("olga@corp.example", "a test", ("security",))
    assert "olga@corp.example" in said["text"]
    assert "select" not in text
    assert (await bench.admit(request)).outcome == "active"  # delivered again: told once
    assert told() == [text]

    assert (await reviewed(bench, request, result, olga)).code == "not_a_reviewer"  # security, too, but it is her own
    assert (await reviewed(bench, request, result, bench.person("ann", "dba"))).code == "not_a_reviewer"
    await bench.end(request, olga)
    closed = await reviewed(bench, request, result, sam)  # it stays open beyond the end of the access
    assert closed.outcome == "ended", closed
    assert (await reviewed(bench, request, result, bench.person("kim", "security"))).code == "already_reviewed"
    kinds = [entry.kind for entry in await bench.context.cluster.evidence.entries(limit=MAX_PAGE)]
    assert kinds.index("notice") < kinds.index("credential") < kinds.index("review")


async def test_who_is_told_may_end_it(bench: Bench) -> None:
    olga = bench.person("olga", "oncall")
    request = broken(bench, olga)
    result = await bench.admit(request)
    assert result.outcome == "active", result
    assert (await bench.end(request, bench.person("ann", "dba"), "revoke")).code == "not_allowed"
    ended = await bench.end(request, bench.person("sam", "security"), "revoke")
    assert (ended.outcome, await bench.roles()) == ("ended", []), ended
    assert (await reviewed(bench, request, result, bench.person("sam", "security"))).outcome == "ended"  # still open


async def test_not_asked_for_it_is_not_there(bench: Bench, told: Told) -> None:
    olga = bench.person("olga", "oncall")
    assert (await bench.admit(bench.ask(olga, EMAILS)[0])).outcome == "pending"
    assert told() == []


async def test_what_could_not_be_told_is_not_given(bench: Bench) -> None:
    olga = bench.person("olga", "oncall")
    for settings, code in (
        (NoticeSettings(), "notice_unconfigured"),
        (NoticeSettings(command=("/bin/false",)), "notice_failed"),
        (NoticeSettings(command=("/not/there",)), "notice_failed"),
        (NoticeSettings(url="http://127.0.0.1:9/hook"), "notice_failed"),
    ):
        channel(bench, settings)
        result = await bench.admit(broken(bench, olga))
        assert (result.outcome, result.code) == ("refused", code)
        assert await bench.roles() == []
    channel(bench, NoticeSettings(required=False))
    request = broken(bench, olga)
    assert (await bench.admit(request)).outcome == "active"
    await bench.end(request, olga)


async def test_an_explicit_denial_wins_and_a_reason_and_a_sign_in_are_needed(bench: Bench, told: Told) -> None:
    denied = """
  - name: never
    resource: {databases: ["*"], columns: ["enterprise.customers.email"]}
    approval: {deny: "Not even now."}
"""
    olga = bench.person("olga", "oncall")
    assert (await bench.admit(broken(bench, olga, reason=" "))).code == "reason_required"
    assert (await bench.admit(bench.ask(olga, EMAILS, break_glass=True)[0])).code == "step_up_required"
    assert (await bench.admit(broken(bench, bench.person("dana", "analysts")))).outcome == "pending"
    with_rules(bench, MANDATE_RULES + denied)
    assert (await bench.admit(broken(bench, olga))).outcome == "denied"
    assert told() == []


async def test_who_is_told_is_who_the_rules_of_now_say(bench: Bench, told: Told) -> None:
    """An emergency that was admitted, and is collected under rules that want others told of it."""
    olga = bench.person("olga", "oncall")
    request = broken(bench, olga)
    bench.clock.now += COLLECTS_ITSELF
    admitted = await bench.admit(request)
    assert admitted.outcome == "approved", admitted
    with_rules(bench, MANDATE_RULES.replace("notify: [security]", "notify: [board]"))
    assert (await bench.collect(request, admitted, again(bench, olga))).code == "changed"
    assert told() == []


async def test_nobody_reviews_what_was_no_emergency(bench: Bench) -> None:
    dana, sam = bench.person("dana", "analysts"), bench.person("sam", "security")
    request, _ = bench.ask(dana, EMAILS)
    assert (await reviewed(bench, request, await bench.admit(request), sam)).code == "no_review"
