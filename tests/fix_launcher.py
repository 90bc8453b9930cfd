"""A control plane and an agent in memory, for the launcher's tests: signatures are real, and everything can be a lie.

What arrives is verified as the server would (identity, proof of possession, no proof twice); what leaves is signed as
the agent would. `Peer.lies` changes a view on its way out, `Peer.down` breaks the connection.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import UNSET

from fix_people import CLIENT, Issuer, Person
from p0_access.encoding import b64u, b64u_decode, decode, encode, sha256_b64u
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import (
    Act,
    Admission,
    AdmissionRules,
    Approval,
    CatalogRecord,
    Collect,
    Credential,
    CredentialPlaintext,
    End,
    LogHead,
    Refusal,
    Request,
    Subject,
)
from p0_access.messages.views import (
    AgentView,
    CatalogView,
    DatabaseView,
    Event,
    Explained,
    Me,
    RequestSummary,
    RequestView,
    State,
)
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.permission import canonical, column, connect, usage
from p0_access.permissions.reading import Refused, StatementReading
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity, verify_act, verify_identity
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import verify_possession
from p0_access.proof.sealing import SUITE_NAME, seal
from p0_access.routing.decision import Approvers, Automatic, Decision, Denied, NeedsApproval, Requirement, StepUp
from p0_launcher.api import Api
from p0_launcher.errors import NotSignedInError
from p0_launcher.session import Refreshed, Session, open_session
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import StoredSession, Wallet
from p0_launcher.workflow import Workflow

SERVER = "http://127.0.0.1:8400"
DATABASE = "mydatabase"
PASSWORD = "the-password-of-the-login"
PERMISSIONS = canonical(
    (connect(DATABASE), usage("enterprise"), column("enterprise", "markets", "id", "SELECT"))
)  # fmt: skip
WRITING = column("enterprise", "markets", "id", "UPDATE")
AUTOMATIC = Automatic(ttl=1800, trace=())
BY_PRIVACY = NeedsApproval(
    ttl=1800,
    requirements=(Requirement(rule="pii", approvers=Approvers(groups=("privacy",)), count=1, permissions=PERMISSIONS),),
    trace=(),
)
DENIED = Denied(reasons=("Use a migration.",), trace=())
NO_SIGN_IN = (8, "step_up_required", "this needs a sign-in made for it")
CATALOG = Catalog(
    database=DATABASE,
    version="v1",
    server_version=18,
    schemas=("enterprise",),
    relations=(
        Relation(
            schema="enterprise",
            name="markets",
            kind="table",
            columns=(
                Column(name="id", type="bigint", nullable=False),
                Column(name="name", type="text", comment="as traded"),
            ),
        ),
        Relation(schema="enterprise", name="customers", kind="table", comment="\x1b]0;retitled\x07"),
    ),
)


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


class Peer:
    """`decision` is the agent's verdict, `refusal` makes it refuse instead; `written` that the
    agent finds that the SQL writes, of which the server says nothing; `demanding` that the agent, and it alone, takes
    requests and approvals only with a sign-in of their own; `deaf` that
    it answers to no decision. Its catalog is `published`; the server shows it `retouched`."""

    def __init__(self, clock: Clock, issuer: Issuer) -> None:
        self.clock = clock
        self.issuer = issuer
        self.agent = SigningKey(b"\x01" * 32)
        self.decision: Decision = AUTOMATIC
        self.refusal: tuple[int, str, str] | None = None
        self.refused_sql: Refused | None = None
        self.written = False
        self.demanding = False
        self.lists = True
        self.no_sign_in = NO_SIGN_IN
        self.demands: tuple[StepUp, ...] = ()
        self.deaf = False
        self.published = True
        self.retouched = ("", "")
        self.online = True
        self.down = False
        self.lost_answers = 0
        self.not_after: int | None = None
        self.lies: Callable[[RequestView], RequestView] = lambda view: view
        self.while_waiting: Callable[[], None] = lambda: None
        self.views: dict[str, RequestView] = {}
        self.calls: list[str] = []
        self.acts: list[Act] = []
        self.plaintext = CredentialPlaintext(
            host="127.0.0.1",
            port=5432,
            dbname=DATABASE,
            user="p0_dana_1",
            password=PASSWORD,
            sslmode="disable",
            channel_binding="disable",
            sslrootcert=None,
            not_after=int(clock()) + 1800,
        )
        self._proofs: set[str] = set()
        self._refused_acts: set[str] = set()

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        person = self._person(request)
        return self._route(request, person)

    def _person(self, request: httpx.Request) -> VerifiedIdentity:
        scheme, _, credential = request.headers["authorization"].partition(" ")
        assert scheme == "P0"
        person = self.verified(decode(b64u_decode(credential), Identity))
        proof = verify_possession(
            request.headers["dpop"],
            person.key,
            method=request.method,
            url=str(request.url.copy_with(query=None)),
            credential=credential,
            now=int(self.clock()),
        )
        assert proof.jti not in self._proofs
        self._proofs.add(proof.jti)
        return person

    def verified(self, identity: Identity) -> VerifiedIdentity:
        return verify_identity(
            identity,
            issuers={self.issuer.url: self.issuer.trusted},
            keys={self.issuer.url: self.issuer.key_set()},
            now=int(self.clock()),
        )

    def _route(self, request: httpx.Request, person: VerifiedIdentity) -> httpx.Response:
        match request.method, request.url.path.removeprefix("/v1").strip("/").split("/"):
            case "GET", ["me"]:
                return _json(Me(subject=person.subject, groups=person.groups, exp=person.current_until))
            case "GET", ["databases"] if not self.lists:
                return _error(503, "busy", "not now")
            case "GET", ["databases"]:
                return _json({"databases": [self._database()]})
            case "GET", ["databases", "mydatabase", "catalog"]:
                return self._catalog(request)
            case "POST", ["explain"]:
                return _json(self._explained(json.loads(request.content)["statements"]))
            case "POST", ["requests"]:
                return self._submitted(request, person)
            case "GET", ["requests"]:
                found = [msgspec.convert(msgspec.to_builtins(view), RequestSummary) for view in self.views.values()]
                return _json({"requests": found})
            case method, ["requests", rid, *rest] if rid in self.views:
                return self._on_request(method, rid, rest, request, person)
            case _:
                return _error(404, "not_found", "there is no such request")

    def _on_request(
        self, method: str, rid: str, rest: list[str], request: httpx.Request, person: VerifiedIdentity
    ) -> httpx.Response:
        match method, rest:
            case "GET", []:
                if "after" in request.url.params:
                    self.while_waiting()
            case "GET", ["events"]:
                return _json({"events": self.views[rid].events})
            case "POST", ["approvals"]:
                approval = self._act(request, person, Approval)
                assert approval.ah == jws.record_hash(self.views[rid].admission or "")
                if self._lacks_sign_in(request):
                    return _error(422, "step_up_required", "this needs a sign-in made for it")
                if self.deaf:
                    return _json(self.views[rid])
                self.move(
                    rid, State.APPROVED if approval.decision == "approve" else State.DENIED, message=approval.comment
                )
            case "POST", ["collect"]:
                collect = self._act(request, person, Collect)
                assert collect.rh == jws.record_hash(self.views[rid].request)
                assert collect.ah == jws.record_hash(self.views[rid].admission or "")
                self.activate(rid)
            case "POST", ["end"]:
                end = self._act(request, person, End)
                assert end.rh == jws.record_hash(self.views[rid].request)
                cause = {"relinquish": "relinquished", "revoke": "revoked"}.get(end.act)
                self.move(rid, State.ENDED if cause else State.CANCELLED, end_cause=cause)
            case _:
                return _error(404, "not_found", "there is no such thing")
        return _json(self.lies(self.views[rid]))

    def _act(self, request: httpx.Request, person: VerifiedIdentity, type_: Any) -> Any:
        signed = decode(request.content, SignedAct)
        self.acts.append(verify_act(signed, type_, person, audience=self.audience, now=int(self.clock())).record)
        return self.acts[-1]

    def _lacks_sign_in(self, request: httpx.Request) -> bool:
        """By the agent's word. It stands for the same act, however often that comes."""
        signed = decode(request.content, SignedAct)
        if self.demanding and signed.identity.step_up is None:
            self._refused_acts.add(jws.record_hash(signed.record))
        return jws.record_hash(signed.record) in self._refused_acts

    @property
    def audience(self) -> str:
        return f"p0-agent:{self.agent.public.thumbprint}"

    def _database(self) -> DatabaseView:
        return DatabaseView(
            name=DATABASE,
            agent=self.agent.public.thumbprint,
            online=self.online,
            catalog_version="v1",
            rules_match=True,
            seen=None,
        )

    def _catalog(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("if-none-match") == '"v1"':
            return httpx.Response(304)
        if not self.published:
            return _error(503, "catalog_missing", "there is no catalog to see")
        text = encode(CATALOG).decode()
        record = CatalogRecord(database=DATABASE, version="v1", at=int(self.clock()), sha256=sha256_b64u(text.encode()))
        text = text.replace(*self.retouched)
        return _json(CatalogView(record=jws.sign(record, self.agent), catalog=text, agent=self.agent_view))

    def _explained(self, statements: list[str]) -> Explained:
        read = tuple(
            StatementReading(index=index, text=text, command="SELECT", writes=False, needs=())
            for index, text in enumerate(statements)
        )
        return Explained(
            statements=read if self.refused_sql is None else (self.refused_sql,),
            decision=self.decision,
            catalog_version="v1",
            rules_sha256="s" * 43,
        )

    @property
    def agent_view(self) -> AgentView:
        return AgentView(thumbprint=self.agent.public.thumbprint, jwk=self.agent.public)

    def _submitted(self, request: httpx.Request, person: VerifiedIdentity) -> httpx.Response:
        signed = decode(request.content, SignedAct)
        asked: Request = self._act(request, person, Request)
        if asked.rid in self.views:
            assert self.views[asked.rid].request == signed.record
            return self._answer_to(request, asked.rid, 200)
        now = int(self.clock())
        self.views[asked.rid] = RequestView(
            rid=asked.rid,
            database=asked.database,
            state=State.SUBMITTED,
            end_cause=None,
            requestor=person.subject,
            reason=asked.reason,
            summary="select …",
            created=now,
            updated=now,
            ttl=asked.ttl,
            not_after=None,
            login=None,
            progress=(),
            code=None,
            message=None,
            hint=None,
            mine=True,
            reviewable=False,
            request=signed.record,
            admission=None,
            refusal=None,
            approvals=(),
            credential=None,
            deletion=None,
            decision=None,
            agent=self.agent_view,
            events=(),
        )
        self.move(asked.rid, State.SUBMITTED)
        refusal = self.no_sign_in if self._lacks_sign_in(request) else None
        if self.online:
            self.admit(asked.rid, person.subject, refusal=refusal)
        return self._answer_to(request, asked.rid, 201)

    def _answer_to(self, request: httpx.Request, rid: str, status: int) -> httpx.Response:
        """The request has arrived; its answer may get lost."""
        if self.lost_answers:
            self.lost_answers -= 1
            raise httpx.ReadError("gone", request=request)
        return _json(self.lies(self.views[rid]), status)

    def admit(
        self,
        rid: str,
        subject: Subject,
        groups: tuple[str, ...] = ("analysts",),
        *,
        refusal: tuple[int, str, str] | None = None,
    ) -> None:
        """What the agent does with a request that reaches it."""
        view, now = self.views[rid], int(self.clock())
        rh = jws.record_hash(view.request)
        if (refused := refusal or self.refusal) is not None:
            step, code, message = refused
            demands = self.demands or UNSET
            said = Refusal(
                v=2 if self.demands else 1, rh=rh, at=now, step=step, code=code, message=message, step_up=demands
            )
            self.move(rid, State.REFUSED, refusal=jws.sign(said, self.agent), code=code, message=message)
            return
        admission = Admission(
            rh=rh,
            subject=subject,
            groups=groups,
            permissions=(*PERMISSIONS, WRITING) if self.written else PERMISSIONS,
            reached=(),
            objects=(),
            rules=AdmissionRules(sha256="s" * 43, decision=self.decision),
            warnings=(),
            iat=now,
            exp=now + 86_400,
        )
        changes = {"admission": jws.sign(admission, self.agent)}
        if isinstance(self.decision, Automatic):
            self.views[rid] = msgspec.structs.replace(view, **changes)
            self.activate(rid)
        elif isinstance(self.decision, Denied):
            self.move(rid, State.DENIED, message=self.decision.reasons[0], code="denied", **changes)
        else:
            self.move(rid, State.PENDING, **changes)

    def activate(self, rid: str) -> None:
        view, now = self.views[rid], int(self.clock())
        asked, rh = jws.unverified_record(view.request, Request), jws.record_hash(view.request)
        credential = Credential(
            rid=rid,
            rh=rh,
            iat=now,
            exp=self.plaintext.not_after,
            suite=SUITE_NAME,
            ct=seal(self.plaintext, asked.enc, rh=rh, aud=self.audience),
            log=LogHead(n=1, h="h" * 43),
        )
        self.move(
            rid,
            State.ACTIVE,
            credential=jws.sign(credential, self.agent),
            not_after=self.plaintext.not_after,
            login=self.plaintext.user,
        )

    def move(self, rid: str, state: State, **changes: Any) -> None:
        view = self.views[rid]
        types = {State.CANCELLED: "cancelled", State.PENDING: "admitted"}
        event = msgspec.convert(
            {
                "seq": len(view.events) + 1,
                "rid": rid,
                "at": int(self.clock()),
                "type": types.get(state, state.value),
                "state": state.value,
            },
            Event,
        )
        self.views[rid] = msgspec.structs.replace(view, state=state, events=(*view.events, event), **changes)


def _json(value: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=encode(value), headers={"content-type": "application/json"})


def _error(status: int, code: str, message: str) -> httpx.Response:
    return _json({"error": {"code": code, "message": message, "hint": None}}, status)


class Provider:
    """A token endpoint that refreshes: rotating refresh tokens, no nonce. `error` is raised instead."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.refreshed: list[str] = []
        self.error: Exception | None = None

    async def refresh(self, session: StoredSession) -> Refreshed:
        if self.error is not None:
            raise self.error
        expected = f"refresh-{len(self.refreshed)}"
        if session.refresh_token != expected:
            raise NotSignedInError("this refresh token was used before")
        self.refreshed.append(expected)
        return Refreshed(
            id_token=self.person.token(),
            expires=int(self.person.clock()) + self.person.token_seconds,
            groups=self.person.groups,
            refresh_token=f"refresh-{len(self.refreshed)}",
        )


class Machine:
    """Where `person` works: a wallet on a disk, and a way to `peer`."""

    def __init__(self, person: Person, peer: Peer, directory: Path) -> None:
        self.person = person
        self.peer = peer
        self.clock = peer.clock
        self.provider = Provider(person)
        self.directory = directory
        self.wallet = self.wallet_of_another_process()
        self.pins = frozenset({peer.agent.public.thumbprint})
        self.signed_in_for: list[tuple[StepUp, ...]] = []

    def wallet_of_another_process(self) -> Wallet:
        return Wallet(FileStore(self.directory), name="w", directory=self.directory, clock=self.clock)

    async def sign_in(self, *, refresh_token: str | None = "refresh-0") -> StoredSession:
        person, now = self.person, int(self.clock())
        stored = StoredSession(
            issuer=person.issuer.url,
            client_id=CLIENT,
            subject=Subject(iss=person.issuer.url, sub=person.name, email=None),
            groups=person.groups,
            seed=b64u(person.key.seed()),
            bind=person.bind,
            id_token=person.id_token,
            expires=now + person.token_seconds,
            until=now + 43_200,
            refresh_token=refresh_token,
        )
        async with self.wallet.changing() as draft:
            draft.contents = msgspec.structs.replace(draft.contents, session=stored)
        return stored

    async def session(self) -> Session:
        return await open_session(
            self.wallet, self.provider, clock=self.clock, random=secrets.token_bytes, sign_in_for=self.sign_in_for
        )

    async def sign_in_for(self, act: SignedAct, demands: Sequence[StepUp], /) -> SignedAct:
        """In the browser, for one act."""
        self.signed_in_for.append(tuple(demands))
        return self.person.stepping_up(act)

    async def api(self) -> Api:
        return Api(
            SERVER,
            await self.session(),
            clock=self.clock,
            random=secrets.token_bytes,
            transport=self.peer.transport,
        )

    async def workflow(self) -> Workflow:
        return Workflow(
            await self.api(),
            await self.session(),
            self.wallet,
            pins=self.pins,
            clock=self.clock,
            random=secrets.token_bytes,
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def peer(clock: Clock) -> Peer:
    return Peer(clock, Issuer())


@pytest.fixture
async def dana(peer: Peer, tmp_path: Path) -> Machine:
    """An analyst, signed in."""
    person = Person(name="dana", groups=("analysts",), issuer=peer.issuer, clock=peer.clock)
    machine = Machine(person, peer, tmp_path / "dana")
    await machine.sign_in()
    return machine


@pytest.fixture
async def grace(peer: Peer, tmp_path: Path) -> Machine:
    """An approver, signed in."""
    person = Person(name="grace", groups=("privacy",), issuer=peer.issuer, clock=peer.clock)
    machine = Machine(person, peer, tmp_path / "grace")
    await machine.sign_in()
    return machine
