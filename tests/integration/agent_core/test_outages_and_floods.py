"""What is away for a while is waited for, and what comes too often is counted."""

from __future__ import annotations

import dataclasses
import json

import pytest

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_mandates import allowance
from p0_access.errors import ProofError
from p0_access.permissions.permission import column
from p0_access.proof import jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_agent.core import refusals
from p0_agent.core.deadlines import Deadlines
from p0_agent.core.watch import end_due
from p0_agent.errors import IssuerUnavailableError


class Away:
    """A `KeySource` of an issuer that does not answer."""

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        raise ProofError(
            f"{issuer.issuer} gives no keys for {len(unverified_tokens)} tokens", code="issuer_unavailable"
        )


async def test_a_request_waits_for_the_identity_provider_until_it_expires(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    (request, _), (late, _) = bench.ask(dana, MARKETS), bench.ask(dana, MARKETS)
    there = bench.context
    bench.context = dataclasses.replace(there, key_source=Away())
    for _ in range(2):  # as its lease brings it back
        with pytest.raises(IssuerUnavailableError):
            await bench.admit(request)
    bench.context = there
    result = await bench.admit(request)
    assert result.outcome == "active"
    await bench.do("end", request)

    bench.context = dataclasses.replace(there, key_source=Away())
    bench.clock.now += 30 * 24 * 3600
    refused = await bench.admit(late)
    assert (refused.outcome, refused.code) == ("refused", "issuer_unavailable")


async def test_junk_is_refused_each_time_and_fills_the_evidence_only_so_far(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    good, _ = bench.ask(dana, MARKETS)
    junk = [bench.ask(dana, MARKETS, agent="x" * 43)[0] for _ in range(refusals.UNPROVEN + 7)]
    for request in junk:
        assert (await bench.admit(request)).code == "act_audience"
    proven, _ = bench.ask(dana, "select nothing from nowhere")
    assert (await bench.admit(proven)).outcome == "refused"

    async def kinds() -> list[str]:
        return [entry.kind for entry in await bench.managed.cluster.evidence.entries()]

    assert (await kinds()).count("refusal") == refusals.UNPROVEN + 1
    bench.clock.now += refusals.SECONDS
    await end_due(bench.context)
    last = (await bench.managed.cluster.evidence.entries())[-1]
    assert (last.kind, json.loads(last.body)["codes"]) == (refusals.LEFT_OUT, {"act_audience": 7})
    assert (await bench.admit(junk[0])).code == "act_audience"
    assert (await kinds())[-1] == "refusal"
    assert (await bench.admit(good)).outcome == "active"
    await bench.do("end", good)


async def test_refused_approvals_and_allowances_fill_the_evidence_only_so_far(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People who are known may sign as much as they like."""
    monkeypatch.setattr(refusals, "PROVEN", 4)
    dana, eve = bench.person("dana", "analysts"), bench.person("eve")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    before = len(await bench.managed.cluster.evidence.entries())
    for _ in range(6):
        assert (await bench.approve(request, admitted, eve)).code == "not_an_approver"
        email = column("enterprise", "customers", "email", "SELECT")
        refused = await bench.do("mandate", allowance(bench, eve, dana, email))
        assert (refused.outcome, refused.code) == ("refused", "not_an_approver")
    assert len(await bench.managed.cluster.evidence.entries()) == before + 4
    bench.clock.now += refusals.SECONDS
    await end_due(bench.context)
    last = (await bench.managed.cluster.evidence.entries())[-1]
    assert (last.kind, json.loads(last.body)["codes"]) == (refusals.LEFT_OUT, {"not_an_approver": 8})
    assert (await bench.do("end", request)).outcome == "cancelled"


async def test_a_clock_that_is_set_back_makes_no_access_last_longer(bench: Bench) -> None:
    passed = 0.0
    deadlines = Deadlines(steady=lambda: passed)
    dana = bench.person("dana", "analysts")
    request, _ = bench.ask(dana, MARKETS, ttl=60)
    assert (await bench.admit(request)).outcome == "active"
    assert await deadlines.look(bench.context) == ()
    bench.clock.now -= 3600
    passed += 59
    assert await deadlines.look(bench.context) == ()
    assert await end_due(bench.context) == ()
    passed += 1
    (report,) = await deadlines.look(bench.context)
    assert report.rh == jws.record_hash(request.record)
    assert await bench.roles() == []


async def test_a_clock_that_is_set_forward_ends_what_it_says_is_over_and_nothing_that_comes_later(bench: Bench) -> None:
    deadlines = Deadlines(steady=lambda: 0.0)
    dana = bench.person("dana", "analysts")
    early, _ = bench.ask(dana, MARKETS, ttl=60)
    later, _ = bench.ask(dana, MARKETS, ttl=60)
    assert (await bench.admit(early)).outcome == "active"
    bench.clock.now += 3600
    (report,) = await end_due(bench.context)
    assert report.rh == jws.record_hash(early.record)
    bench.clock.now -= 3600
    assert (await bench.admit(later)).outcome == "active"
    assert await deadlines.look(bench.context) == ()
    assert await end_due(bench.context) == ()
    await bench.do("end", later)
