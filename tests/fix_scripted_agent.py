"""An agent that says what a test tells it to, and signs it with its own key."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from p0_access.encoding import b64u, decode, encode, sha256_b64u
from p0_access.messages.job import AgentReport, Announcement, CatalogUpload, Job, Outcome, Progress, Result
from p0_access.messages.records import (
    Admission,
    AdmissionRules,
    CatalogRecord,
    Cause,
    Credential,
    Deletion,
    DroppedSet,
    LogHead,
    Record,
    Refusal,
    Request,
    Subject,
)
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.permission import canonical, column, connect, usage
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_access.routing.decision import Approvers, Automatic, Decision, Denied, NeedsApproval, Requirement
from p0_server.config import AgentSettings

PERMISSIONS = canonical(
    (connect("mydatabase"), usage("enterprise"), column("enterprise", "markets", "id", "SELECT"))
)  # fmt: skip
AUTOMATIC = Automatic(ttl=1800, trace=())
DENIED = Denied(reasons=("Use a migration.",), trace=())
HEAD = LogHead(n=1, h="h" * 43)


def by(*groups: str) -> NeedsApproval:
    needed = Requirement(rule="pii", approvers=Approvers(groups=groups), count=1, permissions=PERMISSIONS)
    return NeedsApproval(ttl=1800, requirements=(needed,), trace=())


CATALOG = Catalog(
    database="mydatabase",
    version="v1",
    server_version=18,
    schemas=("enterprise", "ledger"),
    relations=(
        Relation(
            schema="enterprise",
            name="markets",
            kind="table",
            columns=(Column(name="id", type="bigint"), Column(name="name", type="text")),
        ),
        Relation(
            schema="enterprise",
            name="customers",
            kind="table",
            columns=(Column(name="id", type="bigint"), Column(name="email", type="text", comment="p0:pii")),
        ),
        Relation(schema="ledger", name="entries", kind="table", columns=(Column(name="id", type="bigint"),)),
    ),
)


class ScriptedAgent:
    """`clock` gives seconds since the epoch. `url` is the server's, set once that runs."""

    def __init__(self, clock: Callable[[], float], *, databases: tuple[str, ...] = ("mydatabase",)) -> None:
        self.key = SigningKey.generate(secrets.token_bytes)
        self.databases = databases
        self.url = ""
        self._clock = clock

    @property
    def settings(self) -> AgentSettings:
        return AgentSettings(
            name="agent", thumbprint=self.key.public.thumbprint, jwk=self.key.public, databases=self.databases
        )

    # calls

    def headers(self, called: str, path: str) -> dict[str, str]:
        """For calling `path` with the method `called`."""
        credential = self.key.public.thumbprint
        proof = prove(
            self.key,
            method=called,
            url=self.url + path,
            credential=credential,
            now=int(self._clock()),
            jti=b64u(secrets.token_bytes(16)),
        )
        return {"Authorization": f"P0-Agent {credential}", "DPoP": proof}

    async def call(self, method: str, path: str, body: Any) -> httpx.Response:
        async with httpx.AsyncClient(timeout=40, trust_env=False, verify=False) as client:  # no CAs are loaded: 20 ms
            return await client.request(
                method, self.url + path, content=encode(body), headers=self.headers(method, path)
            )

    async def announce(self, *, rules_sha256: str = "r" * 43, **changes: Any) -> httpx.Response:
        said = Announcement(
            thumbprint=self.key.public.thumbprint,
            jwk=msgspec.to_builtins(self.key.public),
            databases=self.databases,
            rules_sha256=rules_sha256,
            software="scripted",
        )
        return await self.call("POST", "/v1/agent/announce", msgspec.structs.replace(said, **changes))

    async def claim(self, wait: int = 0) -> list[Job]:
        answer = await self.call("POST", "/v1/agent/claim", {"wait": wait})
        assert answer.status_code == 200, answer.text
        return [decode(encode(each), Job) for each in answer.json()["jobs"]]

    async def the_job(self, kind: str, wait: int = 10) -> Job:
        (job,) = await self.claim(wait)
        assert job.kind == kind
        return job

    async def answer(self, job: Job, outcome: Outcome, *records: str, **more: Any) -> httpx.Response:
        result = Result(job=job.job, lease=job.lease, outcome=outcome, records=records, head=HEAD, **more)
        return await self.call("POST", "/v1/agent/results", result)

    async def publish(self, catalog: Catalog = CATALOG, *, at: int | None = None) -> httpx.Response:
        text = encode(catalog).decode()
        record = CatalogRecord(
            database=catalog.database,
            version=catalog.version,
            at=int(self._clock()) if at is None else at,
            sha256=sha256_b64u(text.encode()),
        )
        upload = CatalogUpload(record=self.sign(record), catalog=text)
        return await self.call("PUT", f"/v1/agent/catalogs/{catalog.database}", upload)

    async def report(self, rh: str, *records: str) -> httpx.Response:
        return await self.call("POST", "/v1/agent/reports", AgentReport(rh=rh, records=records, head=HEAD))

    # records

    def sign(self, record: Record) -> str:
        return jws.sign(record, self.key)

    def admission(self, job: Job, decision: Decision) -> str:
        request = jws.unverified_record(job.request.record, Request)
        return self.sign(
            Admission(
                rh=jws.record_hash(job.request.record),
                subject=Subject(iss="https://id.example", sub="ada", email=None),
                groups=(),
                permissions=PERMISSIONS,
                reached=(),
                objects=(),
                rules=AdmissionRules(sha256="r" * 43, decision=decision),
                warnings=(),
                iat=int(self._clock()),
                exp=request.exp,
            )
        )

    def refusal(self, job: Job, code: str = "unknown_table") -> str:
        rh = jws.record_hash(job.request.record)
        return self.sign(Refusal(rh=rh, at=int(self._clock()), step=7, code=code, message="no such table"))

    def credential(self, job: Job) -> str:
        request = jws.unverified_record(job.request.record, Request)
        return self.sign(
            Credential(
                rid=request.rid,
                rh=jws.record_hash(job.request.record),
                iat=int(self._clock()),
                exp=int(self._clock()) + 1800,
                suite="X25519-HKDF-SHA256-CHACHA20POLY1305",
                ct="sealed",
                log=HEAD,
            )
        )

    def deletion(self, rh: str, cause: Cause) -> str:
        return self.sign(
            Deletion(
                rh=rh,
                login="p0_l_1",
                set=DroppedSet(name="p0_s_1", dropped=True),
                at=int(self._clock()),
                cause=cause,
                residue=(),
            )
        )

    # whole answers

    async def admit(self, job: Job, decision: Decision) -> httpx.Response:
        """To people: pending. Automatic: approved, but not provided. Denied: denied."""
        outcome: Outcome = "pending" if isinstance(decision, NeedsApproval) else "approved"
        if isinstance(decision, Denied):
            outcome = "denied"
        return await self.answer(job, outcome, self.admission(job, decision))

    async def provide(self, job: Job) -> httpx.Response:
        """The credential, after the admission when the job was to admit."""
        records = [self.admission(job, AUTOMATIC)] if job.kind == "admit" else []
        return await self.answer(
            job,
            "active",
            *records,
            self.credential(job),
            login="p0_l_1",
            not_after=int(self._clock()) + 1800,
        )

    async def end(self, job: Job, cause: Cause) -> httpx.Response:
        rh = jws.record_hash(job.request.record)
        return await self.answer(job, "ended", self.deletion(rh, cause), login="p0_l_1")


def progress(count: int, *names: str) -> tuple[Progress, ...]:
    return (Progress(rule="pii", count=count, by=names),)
