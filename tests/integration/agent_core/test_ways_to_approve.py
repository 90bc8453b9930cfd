"""Alternatives and tickets, by the agent's own count."""

from __future__ import annotations

import dataclasses

from fix_agent_core import Bench
from p0_access.routing.load import load

RULES = b"""
version: 1
rules:
  - name: orders
    resource: {databases: ["*"], relations: ["enterprise.*"]}
    access: {privileges: [SELECT]}
    approval:
      any:
        - {approvers: {groups: [dba]}}
        - {approvers: {groups: [sre]}, count: 2}
      reason: ["OPS-#"]
"""
ORDERS = "select id from enterprise.orders"


async def test_two_of_sre_will_do_where_no_dba_is_there(bench: Bench) -> None:
    bench.context = dataclasses.replace(bench.context, rules=load(RULES, source="rules.yaml"))
    dana = bench.person("dana", "analysts", "sre")
    request, _ = bench.ask(dana, ORDERS, reason="For OPS-7")
    admitted = await bench.admit(request)
    assert (await bench.approve(request, admitted, dana)).code == "own_request"
    assert (await bench.approve(request, admitted, bench.person("eve", "analysts"))).code == "not_an_approver"
    first = await bench.approve(request, admitted, bench.person("sam", "sre"))
    assert (first.outcome, first.progress[0].count, first.progress[0].by) == ("pending", 2, ("sam@corp.example",))
    approved = await bench.approve(request, admitted, bench.person("sue", "sre"))
    assert (approved.outcome, approved.progress[0].count) == ("approved", 2)
    assert approved.progress[0].by == ("sam@corp.example", "sue@corp.example")
    assert (await bench.collect(request, admitted, dana)).outcome == "active"
    await bench.end(request, dana)


async def test_a_request_without_its_ticket_is_refused(bench: Bench) -> None:
    bench.context = dataclasses.replace(bench.context, rules=load(RULES, source="rules.yaml"))
    result = await bench.admit(bench.ask(bench.person("dana", "analysts"), ORDERS, reason="Because")[0])
    assert (result.outcome, result.code) == ("refused", "reason_required")
    assert result.message == "rule orders wants a reason that names OPS-# (# stands for digits)"
