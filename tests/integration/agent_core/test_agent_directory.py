"""The agent's own directory decides who is in which group, for who asks and for who approves."""

from __future__ import annotations

import dataclasses

from fix_agent_core import EMAILS, Bench
from p0_access.routing.directory import Directory, load_directory


def directory(bench: Bench, text: str) -> Directory:
    return load_directory(f"issuer = {bench.issuer.url!r}\n[groups]\n{text}".encode(), source="groups.toml")


async def test_groups_of_the_directory_count_at_the_agent(bench: Bench) -> None:
    dana, pat = bench.person("dana"), bench.person("pat")
    request, _ = bench.ask(dana, EMAILS)
    assert (await bench.admit(request)).code == "not_covered"  # neither has a group in their token
    listed = directory(bench, 'analysts = ["dana@corp.example"]\nprivacy = ["pat@corp.example"]\n')
    bench.context = dataclasses.replace(bench.context, directory=listed)
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert admitted.outcome == "pending"
    assert bench.admission(admitted).record.groups == ("analysts",)
    approved = await bench.approve(request, admitted, pat)
    assert (approved.outcome, approved.progress[0].by) == ("approved", ("pat@corp.example",))


async def test_groups_that_are_gone_when_it_is_collected_count_no_more(bench: Bench) -> None:
    dana, pat = bench.person("dana"), bench.person("pat", "privacy")
    listed = directory(bench, 'analysts = ["dana@corp.example"]\n')
    bench.context = dataclasses.replace(bench.context, directory=listed)
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, pat)).outcome == "approved"
    bench.context = dataclasses.replace(bench.context, directory=Directory())
    assert (await bench.collect(request, admitted, dana)).outcome == "refused"


async def test_nobody_approves_their_own_through_the_directory(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    listed = directory(bench, 'privacy = ["dana@corp.example"]\n')
    bench.context = dataclasses.replace(bench.context, directory=listed)
    request, _ = bench.ask(dana, EMAILS)
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, dana)).code == "own_request"
