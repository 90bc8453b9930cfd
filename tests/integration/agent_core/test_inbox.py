"""What a server holds back has another way: a signed revocation or denial in the agent's inbox."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from fix_agent_core import EMAILS, MARKETS, Bench
from p0_access.encoding import decode, encode
from p0_access.errors import ProofError
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import HandedOver, Result
from p0_access.messages.records import Deletion
from p0_access.proof import jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_agent.core import inbox
from p0_agent.postgres.inbox import AT_ONCE
from p0_agent.verification.acts import KeySource


async def handed_over(bench: Bench, body: str) -> Result:
    """The agent's answer."""
    waiting = bench.context.cluster.inbox
    n = await waiting.put(body)
    assert await waiting.answered(n) is None
    reports = await inbox.empty(bench.context)
    answer = await waiting.answered(n)
    assert answer is not None
    result = decode(answer, Result)
    assert bool(reports) == (result.outcome == "ended")
    assert await inbox.empty(bench.context) == ()
    return result


def ending(bench: Bench, request: SignedAct, act: SignedAct) -> str:
    return encode(HandedOver(kind="end", request=request.record, act=act)).decode()


async def test_a_revocation_ends_the_access(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(request)).outcome == "active"
    act = dana.signer.sign_end(
        agent=bench.context.key.public.thumbprint, rh=jws.record_hash(request.record), act="relinquish", comment=""
    )
    result = await handed_over(bench, ending(bench, request, act))
    assert result.outcome == "ended"
    deletion = jws.verify(result.records[-1], Deletion, bench.context.key.public).record
    assert (deletion.cause, deletion.residue) == ("relinquished", ())
    assert await bench.roles() == []


async def test_what_waits_for_an_issuer_keeps_nothing_else_waiting(bench: Bench) -> None:
    dana, other = bench.person("dana", "analysts"), bench.person("dana", "analysts")
    request, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(request)).outcome == "active"
    stuck, act = (
        each.signer.sign_end(
            agent=bench.context.key.public.thumbprint, rh=jws.record_hash(request.record), act="revoke", comment=""
        )
        for each in (other, dana)
    )
    bench.context = replace(bench.context, key_source=AwayForOne(stuck, bench.context.key_source))
    for _ in range(AT_ONCE + 1):
        await bench.context.cluster.inbox.put(ending(bench, request, stuck))
    n = await bench.context.cluster.inbox.put(ending(bench, request, act))
    await inbox.empty(bench.context)
    assert await bench.context.cluster.inbox.answered(n) is not None
    assert await bench.roles() == []
    assert len(await bench.context.cluster.inbox.waiting()) == AT_ONCE


@dataclass(frozen=True)
class AwayForOne:
    """An issuer that does not answer about the tokens of one act."""

    act: SignedAct
    others: KeySource

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        if self.act.identity.id_token in unverified_tokens:
            raise ProofError(f"{issuer.issuer} does not answer", code="issuer_unavailable")
        return await self.others.keys(issuer, unverified_tokens)


async def test_a_denial_is_final_though_the_server_delivers_an_approval_later(bench: Bench) -> None:
    dana, pat, pia = bench.person("dana", "analysts"), bench.person("pat", "privacy"), bench.person("pia", "privacy")
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    admission = bench.admission(admitted)
    act = pat.signer.sign_approval(
        agent=bench.context.key.public.thumbprint,
        ah=admission.hash,
        decision="deny",
        permissions=admission.record.permissions,
        ttl=60,
        comment="no",
    )
    body = encode(HandedOver(kind="approval", request=request.record, act=act)).decode()
    assert (await handed_over(bench, body)).outcome == "denied"
    assert (await bench.approve(request, admitted, pia)).code == "already_denied"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "malformed_json"),
        ('{"v":1,"v":1}', "duplicate_key"),
        ('{"v":1,"kind":"admit"}', "malformed_record"),
        (
            '{"v":1,"kind":"end","request":"x","act":{"record":"x","identity":{"bind":"","id_token":""}}}',
            "malformed_jws",
        ),
    ],
)
async def test_what_is_no_act_is_answered_and_gone(bench: Bench, body: str, code: str) -> None:
    result = await handed_over(bench, body)
    assert (result.outcome, result.code) == ("refused", code)


async def test_somebody_elses_act_does_no_more_than_by_a_server(bench: Bench) -> None:
    dana, eve = bench.person("dana", "analysts"), bench.person("eve", "analysts")
    request, _ = bench.ask(dana, MARKETS)
    await bench.admit(request)
    act = eve.signer.sign_end(
        agent=bench.context.key.public.thumbprint, rh=jws.record_hash(request.record), act="revoke", comment=""
    )
    assert (await handed_over(bench, ending(bench, request, act))).code == "not_allowed"
    assert await bench.roles() != []
    await bench.end(request, dana)
