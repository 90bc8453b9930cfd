"""What holds for every operation there is, not only for those that somebody thought of."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from fix_plane import Plane, code
from fix_scripted_agent import by
from p0_access.encoding import MAX_RECORD_BYTES, b64u
from p0_access.messages.mandates import Review
from p0_access.messages.records import Approval, Collect, End
from p0_access.proof.jws import record_hash
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_server.api.operation import Operation
from p0_server.api.routes import OPERATIONS
from p0_server.errors import ConfigurationError
from p0_server.rate import BURST
from p0_server.serving import serve

OPEN = {"health", "openapi"}
CHUNK = 64 * 1024
SECURITY = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
GUARDED = [operation for operation in OPERATIONS if operation.name not in OPEN]


def path_of(operation: Operation) -> str:
    return (
        operation.path.replace("{rid}", "r-00001").replace("{name}", "mydatabase").replace("{database}", "mydatabase")
    )


def test_what_needs_no_proof_is_known() -> None:
    assert {operation.name for operation in OPERATIONS if operation.caller == "anyone"} == OPEN


async def test_nothing_is_answered_without_a_proof_of_the_key(plane: Plane) -> None:
    thief = SigningKey.generate(secrets.token_bytes)
    async with httpx.AsyncClient(trust_env=False) as client:
        for operation in GUARDED:
            method, path = operation.method, path_of(operation)
            headers = plane.ada.headers(method, path)
            if operation.caller == "agent":
                headers = {"Authorization": f"P0-Agent {plane.agent.key.public.thumbprint}"}
            credential = headers["Authorization"].partition(" ")[2]
            jti, now = b64u(secrets.token_bytes(16)), int(plane.clock())
            stolen = prove(thief, method=method, url=plane.url + path, credential=credential, now=now, jti=jti)
            told = []
            for sent in (
                {},
                {"Authorization": headers["Authorization"]},
                {"Authorization": headers["Authorization"], "DPoP": stolen},
            ):
                answer = await client.request(method, plane.url + path, content=b"not even JSON", headers=sent)
                told.append(code(answer))  # and the body was not looked at
                assert SECURITY.items() <= dict(answer.headers).items(), operation.name
            assert told == [(401, "unauthenticated"), (401, "proof_missing"), (401, "record_key")], operation.name


async def test_no_other_origin_is_let_in(plane: Plane) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(trust_env=False) as client:
        simple = await client.get(plane.url + "/v1/health", headers=asked)
        for operation in OPERATIONS:
            preflight = await client.options(plane.url + path_of(operation), headers=asked)
            assert preflight.status_code == 405, operation.name
            for answer in (preflight, simple):
                assert not [name for name in answer.headers if name.startswith("access-control-")], operation.name


async def test_no_body_is_longer_than_its_cap(plane: Plane) -> None:
    taking = [operation for operation in OPERATIONS if operation.body is not None]
    assert {operation.name for operation in taking if operation.max_body > MAX_RECORD_BYTES} == {"publish"}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        for operation in taking:
            method, path = operation.method, path_of(operation)
            call = plane.agent if operation.caller == "agent" else plane.ada
            headers = call.headers(method, path)
            answer = await client.request(
                method, plane.url + path, content=endless(operation.max_body), headers=headers
            )
            assert code(answer) == (413, "oversize"), operation.name


async def endless(size: int) -> AsyncIterator[bytes]:
    """A body that is a byte too long, and does not say so before."""
    for _ in range(size // CHUNK):
        yield b" " * CHUNK
    yield b" " * (size % CHUNK + 1)


async def test_a_request_that_is_not_ones_business_is_as_one_that_is_not_there(plane: Plane) -> None:
    view = await plane.ada.submit("select email from enterprise.customers")
    await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
    view = await plane.ada.view(view.rid)
    eve, missing = plane.eve, "r-" + "0" * (len(view.rid) - 2)
    acts = {
        Approval: eve.approval(view),
        Collect: eve.collection(view),
        End: eve.ending(view, "revoke"),
        Review: eve.person.signer.sign_review(
            agent=eve.agent, rh=record_hash(view.request), ah=record_hash(view.admission or ""), comment="seen"
        ),
    }
    named = [operation for operation in OPERATIONS if "{rid}" in operation.path]
    assert len(named) >= 6
    for operation in named:
        for act in acts.values() if operation.body is not None else (None,):
            told = []
            for rid in (view.rid, missing):
                answer = await eve.call(operation.method, operation.path.replace("{rid}", rid), act)
                told.append((answer.status_code, answer.text.replace(rid, "…"), sorted(answer.headers)))
            assert told[0] == told[1], operation.name
            assert told[0][0] == 404, operation.name


async def test_security_headers(plane: Plane, tmp_path: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = (await client.get(plane.url + "/v1/health")).headers
    assert SECURITY.items() <= dict(headers).items()
    assert "strict-transport-security" not in headers  # plain HTTP, on this machine alone
    settings = msgspec.structs.replace(
        plane.settings, url="https://p0.example", behind_proxy=True, store=str(tmp_path / "other.db")
    )
    async with serve(settings) as running, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{running.port}/v1/health")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_one_who_calls_too_often_is_in_nobody_elses_way(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    now = plane.clock()
    monkeypatch.setattr(type(plane.clock), "__call__", lambda _: now)  # so that no bucket fills
    mallory = plane.caller("mallory", "analysts")
    async with httpx.AsyncClient(trust_env=False) as client:
        told = [
            (await client.get(plane.url + "/v1/me", headers=mallory.headers("GET", "/v1/me"))).status_code
            for _ in range(BURST + 1)
        ]
    assert (set(told[:-1]), told[-1]) == ({200}, 429)
    assert (await plane.ada.get("/v1/me")).status_code == 200
    async with httpx.AsyncClient(trust_env=False) as client:  # an agent is an identity, too
        url, path = plane.url + "/v1/agent/standing", "/v1/agent/standing"
        for _ in range(BURST + 1):
            told = [(await client.get(url, headers=plane.agent.headers("GET", path))).status_code]
    assert told == [429]
    assert (await plane.ada.get("/v1/me")).status_code == 200


async def test_it_does_not_listen_to_the_network_without_tls(plane: Plane) -> None:
    settings = msgspec.structs.replace(plane.settings, listen="0.0.0.0:0", url="https://p0.example")
    with pytest.raises(ConfigurationError) as refused:
        async with serve(settings):
            pass
    assert refused.value.code == "listen_exposed"
