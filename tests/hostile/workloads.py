"""Programs that sign in with a token of their platform, and others that look like them; one human with two accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fix_agent_core import EMAILS, MARKETS
from fix_hostile_server import Hostile, Theme
from fix_people import Issuer, Person
from p0_access.proof import commitment
from p0_access.proof.issuers import TrustedIssuer, Workloads
from p0_agent.core.context import Context

WORKLOADS = Theme("Workloads that look like others")
HUMANS = Theme("One human at two identity providers")


def trusting(h: Hostile) -> Context:
    """The second identity provider as one of workloads, of which only those of one repository count."""
    trusted = TrustedIssuer(
        issuer=h.elsewhere.url, algorithms=("ES256",), workloads=Workloads(claims={"repository_id": ("4711",)})
    )
    return replace(h.bench.context, issuers=dict(h.bench.context.issuers) | {h.elsewhere.url: trusted})


def workload(h: Hostile, **claims: Any) -> Person:
    h.bench.context = trusting(h)
    job = Person(name="repo:corp/app", groups=("analysts", "privacy"), issuer=h.elsewhere, clock=h.bench.clock)
    job.id_token = job.token(**{"aud": commitment.workload_audience(job.bind), "repository_id": "4711"} | claims)
    return job


def look_alike(name: str, step: int, code: str, **claims: Any) -> None:
    @WORKLOADS.attack(name, step, code)
    async def _(h: Hostile) -> object:
        return await h.bench.admit(h.bench.ask(workload(h, **claims), MARKETS)[0])


look_alike("a workload of another repository at the same platform", 3, "workload_claims", repository_id="4712")
look_alike("a workload whose platform does not say which repository", 3, "workload_claims", repository_id=None)
look_alike("a token that a workload got for something else", 3, "token_audience", aud="sts.example")
look_alike(
    "a token for several audiences, one of them right",
    3,
    "token_audience",
    aud=["p0-bind:v1:" + "A" * 43, "sts.example"],
)
look_alike("a workload's token that commits to another key", 4, "audience_mismatch", aud="p0-bind:v1:" + "A" * 43)


@WORKLOADS.attack("a workload's token whose nonce commits to the key, as a person's would", 3, "token_audience")
async def _(h: Hostile) -> object:
    job = workload(h)
    job.id_token = job.token(nonce=commitment.nonce(job.bind), repository_id="4711")
    return await h.bench.admit(h.bench.ask(job, MARKETS)[0])


@WORKLOADS.attack("a person's token whose audience commits to the key, as a workload's would", 3, "token_audience")
async def _(h: Hostile) -> object:
    h.dana.id_token = h.dana.token(aud=commitment.workload_audience(h.dana.bind))
    return await h.bench.admit(h.asked())


@WORKLOADS.attack("a workload that approves", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    job = workload(h)
    request, admitted = await h.admitted(EMAILS)
    return await h.bench.approve(request, admitted, job)


def second_account(h: Hostile, name: str, *groups: str) -> Person:
    """An account at another identity provider, which the agent's configuration joins with dana's."""
    other = Issuer(url=h.elsewhere.url, domain=h.elsewhere.domain, private=h.elsewhere.private)
    person = Person(name=name, groups=groups, issuer=other, clock=h.bench.clock)
    aliases = {
        f"{h.bench.issuer.url}#dana": f"{h.bench.issuer.url}#dana",
        f"{other.url}#{name}": f"{h.bench.issuer.url}#dana",
    }
    h.bench.context = replace(h.bench.context, aliases=aliases)
    return person


@HUMANS.attack("her other account approves, which the configuration says is hers", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    other = second_account(h, "dana-too", "privacy")
    request, admitted = await h.admitted(EMAILS)
    return await h.bench.approve(request, admitted, other)


@HUMANS.attack("the same, where the other account asks", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    other = second_account(h, "dana-too", "analysts")
    request = h.bench.ask(other, EMAILS)[0]
    admitted = await h.bench.admit(request)
    h.dana = h.bench.person("dana", "privacy")
    return await h.bench.approve(request, admitted, h.dana)
