"""A whole control plane for a test: the real application over real HTTP, people who signed in, an agent on a script."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from fix_identity import PublishedIssuer
from fix_people import Issuer, Person
from fix_scripted_agent import ScriptedAgent
from p0_access.encoding import b64u, decode, encode
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import What
from p0_access.messages.views import RequestView
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.proof.possession import prove
from p0_access.proof.sealing import OpeningKey
from p0_server.config import Settings
from p0_server.serving import Running, serve

RULES = """\
version: 1
defaults: {max_ttl: 1h, require_reason: true}
rules:
  - name: ledger
    resource: {databases: ["mydatabase"], relations: ["ledger.*"]}
    approval: {deny: "Use a migration."}
  - name: pii
    resource: {databases: ["mydatabase"], relations: ["enterprise.customers"]}
    approval: {approvers: {groups: [privacy]}, count: 1}
  - name: markets
    requestor: {groups: [analysts]}
    resource: {databases: ["mydatabase"], relations: ["enterprise.markets"]}
    approval: {auto: true}
  - name: silent
    requestor: {groups: [analysts]}
    resource: {databases: ["silent"]}
    approval: {auto: true}
"""

MARKETS = "select id from enterprise.markets"
CUSTOMERS = "select email from enterprise.customers"


class Clock:
    """The real time, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Caller:
    """A person at the server's door; every call proves the session key anew."""

    def __init__(self, person: Person, url: str, thumbprint: str) -> None:
        self.person = person
        self.url = url
        self.agent = thumbprint

    def headers(self, called: str, path: str, **changes: Any) -> dict[str, str]:
        """For calling `path` with the method `called`; `changes` are for what is proven instead."""
        credential = b64u(encode(self.person.identity))
        proof: dict[str, Any] = {
            "key": self.person.key,
            "method": called,
            "url": self.url + path,
            "credential": credential,
            "now": int(self.person.clock()),
            "jti": b64u(secrets.token_bytes(16)),
        }
        return {"Authorization": f"P0 {credential}", "DPoP": prove(**proof | changes)}

    async def call(
        self, method: str, path: str, body: Any = None, *, params: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        sent = self.headers(method, path) | {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else body if isinstance(body, bytes) else encode(body)
        async with httpx.AsyncClient(timeout=40, trust_env=False, verify=False) as client:  # no CAs are loaded: 20 ms
            return await client.request(method, self.url + path, params=params, content=content, headers=sent)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params)

    async def view(self, rid: str, **params: Any) -> RequestView:
        return read(await self.get(f"/v1/requests/{rid}", **params))

    def request(self, sql: str = MARKETS, **changes: Any) -> SignedAct:
        given: dict[str, Any] = {
            "agent": self.agent,
            "rid": new_rid(),
            "database": "mydatabase",
            "what": What(statement=(sql,)),
            "reason": "Generating reports",
            "ttl": 600,
            "one_shot": False,
            "enc": OpeningKey.generate(secrets.token_bytes).public,
        }
        return self.person.signer.sign_request(**given | changes)

    async def post(self, path: str, act: SignedAct, *, wait: int = 0) -> httpx.Response:
        return await self.call("POST", path, act, params={"wait": wait} if wait else None)

    async def submit(self, sql: str = MARKETS, *, wait: int = 0, **changes: Any) -> RequestView:
        return read(await self.post("/v1/requests", self.request(sql, **changes), wait=wait))

    def approval(
        self,
        view: RequestView,
        decision: Literal["approve", "deny"] = "approve",
        *,
        permissions: tuple[Permission, ...] = (),
        comment: str = "fine",
    ) -> SignedAct:
        assert view.admission is not None
        return self.person.signer.sign_approval(
            agent=self.agent,
            ah=jws.record_hash(view.admission),
            decision=decision,
            permissions=permissions,
            ttl=600,
            comment=comment,
        )

    def collection(self, view: RequestView) -> SignedAct:
        assert view.admission is not None
        rh, ah = jws.record_hash(view.request), jws.record_hash(view.admission)
        return self.person.signer.sign_collect(agent=self.agent, rh=rh, ah=ah)

    def ending(self, view: RequestView, act: Literal["cancel", "relinquish", "revoke"]) -> SignedAct:
        rh = jws.record_hash(view.request)
        return self.person.signer.sign_end(agent=self.agent, rh=rh, act=act, comment="")


@dataclass(kw_only=True)
class Plane:
    """`ada` asks, `pat` and `quinn` may approve (privacy), `eve` is nobody here."""

    directory: Path
    clock: Clock = field(default_factory=Clock)
    issuer: PublishedIssuer = field(default_factory=lambda: PublishedIssuer(Issuer()))
    url: str = ""

    def __post_init__(self) -> None:
        self.agent = ScriptedAgent(self.clock, databases=("mydatabase", "silent"))
        (self.directory / "rules.yaml").write_text(RULES)

    @property
    def settings(self) -> Settings:
        return Settings(
            listen="127.0.0.1:0",
            issuers=(self.issuer.issuer.trusted,),
            agents=(self.agent.settings,),
            directory=self.directory,
        )

    def caller(self, name: str, *groups: str) -> Caller:
        person = Person(name=name, groups=groups, issuer=self.issuer.issuer, clock=self.clock)
        return Caller(person, self.url, self.agent.key.public.thumbprint)

    def reached_at(self, url: str) -> None:
        self.url = self.agent.url = url
        self.ada = self.caller("ada", "analysts")
        self.pat = self.caller("pat", "privacy")
        self.quinn = self.caller("quinn", "privacy")
        self.eve = self.caller("eve")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        async with serve(self.settings, clock=self.clock, transport=self.issuer.transport) as running:
            self.reached_at(running.url)
            yield running


def new_rid() -> str:
    return "r-" + secrets.token_hex(5)


def read(answer: httpx.Response) -> RequestView:
    assert answer.is_success, answer.text
    return decode(answer.content, RequestView)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code."""
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    """A running server whose agent has announced itself and published its catalog."""
    found = Plane(directory=tmp_path)
    async with found.running():
        assert (await found.agent.announce()).status_code == 200
        assert (await found.agent.publish()).status_code == 200
        yield found
