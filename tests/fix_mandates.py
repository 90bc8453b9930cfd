"""What people sign in advance, and what follows an access, as jobs for an agent's core."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from fix_agent_core import Bench
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.messages.mandates import Named
from p0_access.permissions.permission import Permission, column, connect, relation, usage
from p0_access.proof import jws
from p0_access.routing.load import load

MANDATE_RULES = """
version: 1
defaults: {max_ttl: 2h, require_reason: true, pending_for: 1h, step_up_for_writes: false}
tags:
  pii: ["enterprise.customers.email"]
rules:
  - name: pii
    requestor: {groups: [analysts, oncall]}
    resource: {databases: ["*"], tags: [pii]}
    approval:
      approvers: {groups: [privacy]}
      max_ttl: 30m
      escalate: {after: 15m, to: {groups: [dba]}}
  - name: reads
    requestor: {groups: [analysts, privacy]}
    resource: {databases: ["*"], schemas: [enterprise]}
    access: {privileges: [SELECT]}
    approval: {auto: true}
  - name: two-of-dba
    requestor: {groups: [analysts, dba]}
    resource: {databases: ["*"], relations: ["enterprise.orders"]}
    access: {privileges: [DELETE]}
    approval: {approvers: {groups: [dba]}, count: 2}
  - name: glass
    requestor: {groups: [oncall]}
    resource: {databases: ["*"], relations: ["enterprise.*"]}
    approval: {break_glass: {max_ttl: 15m, notify: [security], review_within: 24h}}
"""
ORDERS = "delete from enterprise.orders where id = 1"
DELETES = (
    relation("enterprise", "orders", "DELETE"),
    column("enterprise", "orders", "id", "SELECT"),
)

_numbers = itertools.count(1)


def with_rules(bench: Bench, text: str = MANDATE_RULES) -> None:
    bench.context = replace(bench.context, rules=load(text.encode(), source="rules.yaml"))


def named(person: Person) -> Named:
    return Named(iss=person.issuer.url, sub=person.name, email=None)


def allowance(
    bench: Bench, by: Person, subject: Person, *permissions: Permission, lifetime: int = 3600, **changes: Any
) -> SignedAct:
    """An allowance of `by` for `subject`, of one use unless it says otherwise."""
    wanted: dict[str, Any] = {
        "agent": bench.context.key.public.thumbprint,
        "rid": f"m-{next(_numbers):08d}",
        "subject": named(subject),
        "database": bench.managed.database,
        "permissions": (connect(bench.managed.database), usage("enterprise"), *permissions),
        "kinds": ("statement",),
        "uses": 1,
        "ttl": 600,
        "lifetime": lifetime,
        "comment": "the night shift",
    }
    return by.signer.sign_allow(**wanted | changes)


def delegation(
    bench: Bench, by: Person, to: Person, *, groups: tuple[str, ...] | None = None, lifetime: int = 3600
) -> SignedAct:
    return by.signer.sign_delegation(
        agent=bench.context.key.public.thumbprint,
        rid=f"m-{next(_numbers):08d}",
        to=named(to),
        groups=groups,
        lifetime=lifetime,
        comment="away",
    )


async def stands(bench: Bench, mandate: SignedAct) -> SignedAct:
    """Handed to the agent, which takes it."""
    result = await bench.do("mandate", mandate)
    assert result.outcome == "active", result
    return mandate


async def withdrawn(bench: Bench, mandate: SignedAct, by: Person) -> Result:
    end = by.signer.sign_end(
        agent=bench.context.key.public.thumbprint, rh=jws.record_hash(mandate.record), act="revoke", comment=""
    )
    return await bench.do("withdraw", mandate, end)


def again(bench: Bench, person: Person) -> Person:
    """The same person with tokens of now."""
    return bench.person(person.name, *person.groups)
