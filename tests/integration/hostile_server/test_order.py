"""The order of verification: where everything is wrong, what is named is the first thing; mended, the next."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from fix_agent_core import EMAILS, Bench
from fix_hostile_server import Hostile
from hostile.approvals import approval, collection
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import Result
from p0_access.messages.records import Refusal, What
from p0_access.proof import commitment, jws
from p0_agent.config import Ceiling
from p0_agent.errors import Step


def request(h: Hostile, since: Step) -> SignedAct:
    """Dana's, which every step from `since` on has to refuse."""

    def wrong(step: Step) -> bool:
        return step >= since

    now = h.bench.context.now()
    token = h.dana.token(nonce=commitment.nonce(h.dana.bind), iat=now - 900, exp=now - 600)
    identity = Identity(
        bind=h.own_bind() if wrong(Step.COMMITMENT) else h.dana.bind,
        id_token=token if wrong(Step.TOKEN) else h.dana.id_token,
    )
    what = What(statement=("select nothing from no.where" if wrong(Step.READING) else EMAILS,))
    if wrong(Step.SHAPE):
        what = msgspec.structs.replace(what, settings={"row_security": "off"})
    changes: dict[str, object] = {"what": what, "reason": "" if wrong(Step.RULES) else "a test"}
    if wrong(Step.AUDIENCE):
        changes["agent"] = "b" * 43
    if wrong(Step.CLAIM):
        changes["database"] = "elsewhere"
    signed = h.bench.ask(h.dana, beside=identity, **changes)[0]
    return h.signed_by(h.eve, signed) if wrong(Step.SIGNATURE) else signed


def refusal(h: Hostile, result: Result) -> tuple[int, str]:
    assert result.outcome == "refused", result
    found = jws.verify(result.records[0], Refusal, h.bench.context.key.public).record
    return found.step, found.code


@pytest.fixture
def hostile(bench: Bench) -> Hostile:
    return Hostile(bench=bench)


async def test_a_request_is_refused_for_the_first_thing_that_is_wrong_with_it(hostile: Hostile) -> None:
    told = [refusal(hostile, await hostile.bench.admit(request(hostile, Step(n)))) for n in range(1, 9)]
    assert told == [
        (Step.SHAPE, "settings_unsupported"),
        (Step.AUDIENCE, "act_audience"),
        (Step.TOKEN, "token_expired"),
        (Step.COMMITMENT, "nonce_mismatch"),
        (Step.SIGNATURE, "record_key"),
        (Step.CLAIM, "unknown_database"),
        (Step.READING, "unknown_table"),
        (Step.RULES, "reason_required"),
    ]


async def test_so_is_what_follows_it(hostile: Hostile) -> None:
    h = hostile
    narrow = Ceiling(privileges=("CONNECT", "USAGE"))
    async with await h.bench.managed.superuser() as connection:
        await connection.execute("REVOKE ALL ON enterprise.customers FROM p0_broker, p0_agent")
    asked, admitted = await h.admitted()
    h.bench.context = replace(h.bench.context, ceiling=narrow)
    do = h.bench.do
    told = [refusal(h, await do("approval", asked, approval(h, admitted, h.eve)))]
    assert (await do("approval", asked, approval(h, admitted, h.pat))).outcome == "approved"
    told.append(refusal(h, await do("collect", asked, collection(h, admitted, h.eve))))
    told.append(refusal(h, await do("collect", asked, collection(h, admitted, h.dana))))
    h.reset()
    asked, admitted = await h.approved()
    told.append(refusal(h, await do("collect", asked, collection(h, admitted, h.dana))))
    assert told == [
        (Step.APPROVALS, "not_an_approver"),
        (Step.COLLECT, "not_the_requestor"),
        (Step.CEILING, "above_ceiling"),
        (Step.PROVISION, "agent_lacks_privilege"),
    ]
    assert await h.bench.roles() == []
