"""The agent's core on a real PostgreSQL, without a server in between: what jobs are made of, and what comes back."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from fix_people import Issuer, Person
from fix_postgres import AGENT_KEY, Managed
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import Job, JobKind, Result
from p0_access.messages.records import Admission, Credential, CredentialPlaintext, What
from p0_access.proof import jws
from p0_access.proof.sealing import OpeningKey
from p0_access.routing.decision import NeedsApproval
from p0_access.routing.load import load
from p0_agent.catalogs import Catalogs
from p0_agent.config import Advertised, Ceiling
from p0_agent.core.context import Context
from p0_agent.core.handle import handle
from p0_agent.postgres.cluster import Cluster
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.combined import CombinedReader
from p0_demo.postgres import EmbeddedPostgres

NOW = 1_900_000_000
RULES = """
version: 1
defaults: {max_ttl: 1h, require_reason: true}
tags:
  pii: ["enterprise.customers.email"]
rules:
  - name: ledger
    resource: {databases: ["*"], relations: ["ledger.*"]}
    approval: {deny: "Use a migration."}
  - name: pii
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], tags: [pii]}
    approval: {approvers: {groups: [privacy]}, count: 1, max_ttl: 30m}
  - name: reads
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], schemas: [enterprise]}
    access: {privileges: [SELECT]}
    approval: {auto: true}
  - name: two-of-dba
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], relations: ["enterprise.orders"]}
    access: {privileges: [DELETE]}
    approval: {approvers: {groups: [dba]}, count: 2}
"""
MARKETS = "select id, name from enterprise.markets order by id"
EMAILS = "select email from enterprise.customers"


@dataclass(kw_only=True)
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class Bench:
    """An agent's core on a managed database, and people who want something from it."""

    managed: Managed
    context: Context
    clock: Clock
    issuer: Issuer
    jobs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def person(self, name: str, *groups: str) -> Person:
        return Person(name=name, groups=groups, issuer=self.issuer, clock=self.clock)

    def ask(
        self, person: Person, *sql: str, beside: Identity | None = None, **changes: Any
    ) -> tuple[SignedAct, OpeningKey]:
        """A request of the person's, and the key that its credential opens with; `beside` other tokens than theirs."""
        opening = OpeningKey.generate(secrets.token_bytes)
        wanted: dict[str, Any] = {
            "agent": self.context.key.public.thumbprint,
            "rid": f"r-{next(self.jobs):08d}",
            "database": self.managed.database,
            "what": What(statement=sql, search_path=("public",)) if sql else changes.pop("what"),
            "reason": "a test",
            "ttl": None,
            "one_shot": False,
            "enc": opening.public,
        }
        return person.signing(beside).sign_request(**wanted | changes), opening

    async def do(self, kind: JobKind, request: SignedAct, act: SignedAct | None = None) -> Result:
        return await handle(
            Job(job=f"j{next(self.jobs)}", lease="l", kind=kind, request=request, act=act), self.context
        )

    async def admit(self, request: SignedAct) -> Result:
        return await self.do("admit", request)

    def admission(self, result: Result) -> jws.Verified[Admission]:
        return jws.verify(result.records[0], Admission, self.context.key.public)

    async def approve(self, request: SignedAct, admitted: Result, person: Person, **changes: Any) -> Result:
        admission = self.admission(admitted)
        wanted: dict[str, Any] = {
            "agent": self.context.key.public.thumbprint,
            "ah": admission.hash,
            "decision": "approve",
            "permissions": admission.record.permissions,
            "ttl": 600,
            "comment": "fine",
        }
        signed = person.signer.sign_approval(**wanted | changes)
        decision = admission.record.rules.decision
        if isinstance(decision, NeedsApproval) and any(each.step_up is not None for each in decision.requirements):
            signed = person.stepping_up(signed)  # as the launcher does
        return await self.do("approval", request, signed)

    async def collect(self, request: SignedAct, admitted: Result, person: Person) -> Result:
        admission = self.admission(admitted)
        act = person.signer.sign_collect(
            agent=self.context.key.public.thumbprint, rh=admission.record.rh, ah=admission.hash
        )
        return await self.do("collect", request, act)

    async def end(self, request: SignedAct, person: Person, act: Any = "relinquish") -> Result:
        signed = person.signer.sign_end(
            agent=self.context.key.public.thumbprint, rh=jws.record_hash(request.record), act=act, comment=""
        )
        return await self.do("end", request, signed)

    def open(self, result: Result, opening: OpeningKey) -> CredentialPlaintext:
        credential = jws.verify(result.records[-1], Credential, self.context.key.public).record
        return opening.open(credential.ct, rh=credential.rh, aud=self.context.audience)

    async def connect(self, opened: CredentialPlaintext) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            host=opened.host,
            port=opened.port,
            user=opened.user,
            password=opened.password,
            dbname=opened.dbname,
            autocommit=True,
        )

    async def roles(self) -> list[str]:
        async with await self.managed.superuser() as connection:
            cursor = await connection.execute(
                "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^p0_(set_)?[a-z0-9]+_?[a-z2-7]{16,}$' ORDER BY 1"
            )
            return [str(name) for (name,) in await cursor.fetchall()]


def context_of(
    cluster: Cluster, child: ReadingChild, *, server: EmbeddedPostgres, issuer: Issuer, clock: Clock, not_before: int
) -> Context:
    """All that an agent acts with, on a cluster that was started."""
    return Context(
        key=AGENT_KEY,
        rules=load(RULES.encode(), source="rules.yaml"),
        ceiling=Ceiling(privileges=("CONNECT", "USAGE", "SELECT", "DELETE")),
        issuers={issuer.url: issuer.trusted},
        key_source=issuer,
        reader=CombinedReader(Catalogs(cluster, AGENT_KEY, clock=clock), child, cluster.connections),
        cluster=cluster,
        advertised=Advertised(host=server.host, port=server.port, sslmode="disable"),
        sslrootcert=None,
        not_before=not_before,
        clock=clock,
        random=secrets.token_bytes,
    )


@pytest.fixture
async def bench(managed: Managed) -> AsyncIterator[Bench]:
    clock, issuer = Clock(), Issuer()
    child = ReadingChild(deadline=20)  # what is tested here is not how busy this machine is
    context = context_of(
        managed.cluster, child, server=managed.server, issuer=issuer, clock=clock, not_before=NOW - 1000
    )
    yield Bench(managed=managed, context=context, clock=clock, issuer=issuer)
    await child.close()
