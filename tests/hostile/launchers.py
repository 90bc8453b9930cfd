"""Attacks on what people's own machines verify: credentials swapped, admissions that differ from the SQL shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from fix_agent_core import EMAILS, MARKETS
from fix_hostile_server import Hostile, Theme
from p0_access.encoding import b64u
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.messages.records import Admission, CatalogRecord, Credential, CredentialPlaintext, LogHead, Request
from p0_access.messages.views import AgentView, CatalogView, RequestView, State
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey, seal
from p0_agent.catalogs import Catalogs
from p0_launcher.access import open_credential, reuse_key
from p0_launcher.catalogs import newest_catalog
from p0_launcher.review import review
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import Awaited, Seen, Wallet

REQUESTOR = Theme("What the requestor's launcher is given")
CATALOG = Theme("Which catalog a launcher reads SQL with")
APPROVER = Theme("What an approver is shown")


def view(h: Hostile, asked: SignedAct, result: Result, **changes: Any) -> RequestView:
    """What an honest server would show, with `changes`."""
    claims = jws.unverified_record(asked.record, Request)
    admission = h.bench.admission(result)
    shown = {
        "rid": claims.rid,
        "database": claims.database,
        "state": State.ACTIVE,
        "end_cause": None,
        "requestor": admission.record.subject,
        "reason": claims.reason,
        "summary": "",
        "created": claims.iat,
        "updated": claims.iat,
        "ttl": claims.ttl,
        "not_after": result.not_after,
        "login": result.login,
        "progress": (),
        "code": None,
        "message": None,
        "hint": None,
        "mine": True,
        "reviewable": False,
        "request": asked.record,
        "admission": admission.compact,
        "refusal": None,
        "approvals": (),
        "credential": result.records[-1],
        "deletion": None,
        "decision": None,
        "agent": AgentView(thumbprint=h.agent, jwk=h.bench.context.key.public),
        "events": (),
    }
    return RequestView(**shown | changes)


def awaited(h: Hostile, request: SignedAct, opening: OpeningKey) -> Awaited:
    claims = jws.unverified_record(request.record, Request)
    return Awaited(
        rid=claims.rid,
        rh=jws.record_hash(request.record),
        key=reuse_key(claims.database, claims.what),
        agent=h.agent,
        database=claims.database,
        one_shot=False,
        files=(),
        opening=b64u(opening.secret()),
        until=claims.exp,
    )


def given(name: str, code: str, make: Any, *, pins: Any = lambda h: {h.agent}, later: int = 0) -> None:
    """Dana's access is active; her launcher is shown `make(hostile, request, result)` instead of the truth."""

    @REQUESTOR.attack(name, None, code)
    async def _(h: Hostile) -> object:
        request, result, opening = await h.active()
        kept = awaited(h, request, opening)
        honest = open_credential(
            view(h, request, result), kept, one_shot=False, pins={h.agent}, now=h.bench.context.now()
        )
        assert honest.credential == h.bench.open(result, opening)
        changes = make(h, request, result)
        lie = view(h, request, result, **(await changes if hasattr(changes, "__await__") else changes))
        return open_credential(lie, kept, one_shot=False, pins=pins(h), now=h.bench.context.now() + later)


def server_key(h: Hostile) -> AgentView:
    return AgentView(thumbprint=h.key.public.thumbprint, jwk=h.key.public)


def resigned(h: Hostile, result: Result, **changes: Any) -> str:
    credential = jws.unverified_record(result.records[-1], Credential)
    return jws.sign(msgspec.structs.replace(credential, **changes), h.key)


def sealed_by_the_server(h: Hostile, request: SignedAct) -> str:
    """A login at a database of the server's own: the key to seal to is public."""
    claims = jws.unverified_record(request.record, Request)
    rogue = CredentialPlaintext(
        host="127.0.0.1", port=5432, dbname=claims.database, user="dana", password="x" * 32, sslmode="disable",
        channel_binding="disable", sslrootcert=None, not_after=claims.exp,
    )  # fmt: skip
    return seal(rogue, claims.enc, rh=jws.record_hash(request.record), aud=h.bench.context.audience)


async def of_another_request(h: Hostile, *_: object) -> dict[str, Any]:
    other = (await h.active())[1]
    return {"credential": other.records[-1]}


def transplanted(h: Hostile, request: SignedAct, result: Result) -> dict[str, Any]:
    credential = SignedAct(record=result.records[-1], identity=request.identity)
    return {"credential": h.tampered(credential, ct=sealed_by_the_server(h, request)).record}


given("another request's credential", "credential_request", of_another_request)
given(
    "a credential for a database of the server's own, signed by the server", "record_key",
    lambda h, request, result: {"credential": resigned(h, result, ct=sealed_by_the_server(h, request))},
)  # fmt: skip
given("the same, under the agent's signature", "signature_invalid", transplanted)
given(
    "the same, with the server's key shown as the agent's", "agent_unpinned",
    lambda h, request, result: {
        "credential": resigned(h, result, ct=sealed_by_the_server(h, request)), "agent": server_key(h),
    },
)  # fmt: skip
given(
    "the server's key under the agent's name", "agent_unpinned",
    lambda h, request, result: {"agent": AgentView(thumbprint=h.agent, jwk=h.key.public)},
)  # fmt: skip
given(
    "another agent that is trusted, too", "credential_agent",
    lambda h, request, result: {"credential": resigned(h, result), "agent": server_key(h)},
    pins=lambda h: {h.agent, h.key.public.thumbprint},
)  # fmt: skip
given("a credential that has ended", "credential_ended", lambda h, request, result: {}, later=3_600)
given("an admission for a credential", "record_type", lambda h, _, result: {"credential": result.records[0]})
given("nothing", "credential_missing", lambda h, request, result: {"credential": None})


def evidence(name: str, code: str, *, n: int, h: str | None, age: int) -> None:
    """Dana's machine saw the evidence at an entry, by a credential that was `age` seconds older than this one."""

    @REQUESTOR.attack(name, None, code)
    async def _(h_: Hostile) -> object:
        request, result, opening = await h_.active()
        log = jws.unverified_record(result.records[-1], Credential).log
        seen = Seen(head=LogHead(n=log.n + n, h=h or log.h), at=h_.bench.context.now() - age)
        kept, now = awaited(h_, request, opening), h_.bench.context.now()
        return open_credential(view(h_, request, result), kept, one_shot=False, pins={h_.agent}, now=now, seen=seen)


evidence("evidence that was cut since", "evidence_fork", n=5, h=None, age=1)
evidence("evidence that was written anew since", "evidence_fork", n=0, h="x" * 43, age=0)


def catalog(name: str, code: str, make: Callable[[Hostile, CatalogView, CatalogView], CatalogView]) -> None:
    """The agent signed a catalog, and a minute later the same again; the launcher has seen the second, and is shown
    what `make` gives."""

    @CATALOG.attack(name, None, code)
    async def _(h: Hostile) -> object:
        (database,) = h.bench.context.cluster.databases
        published = Catalogs(h.bench.context.cluster, h.bench.context.key, clock=h.bench.clock)
        agent = AgentView(thumbprint=h.agent, jwk=h.bench.context.key.public)
        views = []
        for _ in range(2):
            given = await published.changed(database)
            assert given is not None
            views.append(CatalogView(record=given.record, catalog=given.catalog, agent=agent))
            h.bench.clock.now += 60
        with TemporaryDirectory() as directory:
            wallet = Wallet(FileStore(Path(directory)), name="w", directory=Path(directory), clock=h.bench.clock)

            async def read(shown: CatalogView) -> object:
                return await newest_catalog(shown, database=database, pins={h.agent}, wallet=wallet)

            for honest in views:
                await read(honest)
            return await read(make(h, *views))


def resigned_catalog(h: Hostile, view: CatalogView, **changes: Any) -> str:
    return jws.sign(msgspec.structs.replace(jws.unverified_record(view.record, CatalogRecord), **changes), h.key)


catalog("one that was signed before one it showed already", "catalog_older", lambda h, old, new: old)
catalog(
    "one with fewer tables than the agent signed", "catalog_mismatch",
    lambda h, old, new: msgspec.structs.replace(new, catalog=new.catalog.replace("markets", "nothing", 1)),
)  # fmt: skip
catalog(
    "the old one with a new date, signed by the server", "record_key",
    lambda h, old, new: msgspec.structs.replace(old, record=resigned_catalog(h, old, at=h.bench.context.now())),
)  # fmt: skip
catalog(
    "the same, with the server's key shown as the agent's", "agent_unpinned",
    lambda h, old, new: msgspec.structs.replace(
        old, record=resigned_catalog(h, old, at=h.bench.context.now()), agent=server_key(h)
    ),
)  # fmt: skip


def shown(name: str, code: str, make: Any, *, later: int = 0) -> None:
    """Dana's request waits for an approval; the approver is shown `make(hostile, request, result)`."""

    @APPROVER.attack(name, None, code)
    async def _(h: Hostile) -> object:
        request, result = await h.admitted()
        now = h.bench.context.now()
        assert review(view(h, request, result), pins={h.agent}, now=now).request.what.statement == (EMAILS,)
        changes = make(h, request, result)
        lie = view(h, request, result, **(await changes if hasattr(changes, "__await__") else changes))
        return review(lie, pins={h.agent}, now=now + later)


def admission_by(key: SigningKey, result: Result, **changes: Any) -> str:
    return jws.sign(msgspec.structs.replace(jws.unverified_record(result.records[0], Admission), **changes), key)


async def with_the_admission_of_another(h: Hostile, *_: object) -> dict[str, Any]:
    other = (await h.admitted("select id, email from enterprise.customers"))[1]
    return {"admission": other.records[0]}


def harmless(h: Hostile, request: SignedAct, _: object) -> dict[str, Any]:
    return {"request": h.tampered(request, what={"statement": [MARKETS], "search_path": ["public"]}).record}


shown("less SQL than was admitted", "admission_request", harmless)
shown("another request's admission", "admission_request", with_the_admission_of_another)
shown(
    "fewer permissions than were admitted, signed by the server", "record_key",
    lambda h, _, result: {"admission": admission_by(h.key, result, permissions=())},
)  # fmt: skip
shown(
    "the same, with the server's key shown as the agent's", "agent_unpinned",
    lambda h, _, result: {"admission": admission_by(h.key, result, permissions=()), "agent": server_key(h)},
)  # fmt: skip
shown("a request under another id", "admission_request", lambda h, request, result: {"rid": "r-zzzzzzzz"})
shown("no admission", "not_admitted", lambda h, request, result: {"admission": None})
shown("an admission that has lapsed", "admission_ended", lambda h, request, result: {}, later=86_400)
