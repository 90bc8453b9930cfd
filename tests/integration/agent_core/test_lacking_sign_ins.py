"""Which sign-ins an act lacks, the agent says in its signed refusal: by its own rules, whatever the server's are."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import UNSET

from fix_agent_core import RULES, Bench
from p0_access.messages.records import Refusal
from p0_access.proof import jws
from p0_access.routing.decision import StepUp
from p0_access.routing.load import load

SQL = "select id from enterprise.markets where id < 3"
DEMAND = "{of: [requestor], acr: [phr], amr: [hwk]}"


def stepping_up(bench: Bench, demand: str) -> None:
    reads = "privileges: [SELECT]}\n    approval: {auto: true"
    rules = RULES.replace(reads, f"{reads}, step_up: {demand}")
    assert rules != RULES
    bench.context = dataclasses.replace(bench.context, rules=load(rules.encode(), source="rules.yaml"))


async def refusal(bench: Bench, acr: str | None) -> Refusal:
    dana = bench.person("dana", "analysts")
    request, _ = bench.ask(dana, SQL)
    if acr is not None:
        request = dana.stepping_up(request, acr=acr)
    result = await bench.admit(request)
    assert result.outcome == "refused", result
    return jws.verify(result.records[0], Refusal, bench.context.key.public).record


@pytest.mark.parametrize(("acr", "code"), [(None, "step_up_required"), ("pwd", "step_up_acr")])
async def test_a_refusal_says_how_strong_the_sign_in_must_be(bench: Bench, acr: str | None, code: str) -> None:
    stepping_up(bench, DEMAND)
    said = await refusal(bench, acr)
    assert (said.v, said.code, said.step_up) == (2, code, (StepUp(acr=("phr",), amr=("hwk",)),))
    assert "phr" in said.message


async def test_where_any_will_do_the_code_says_enough(bench: Bench) -> None:
    """So launchers that know the first version alone can read it."""
    stepping_up(bench, "{of: [requestor]}")
    said = await refusal(bench, None)
    assert (said.v, said.code, said.step_up) == (1, "step_up_required", UNSET)
