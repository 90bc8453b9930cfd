"""What holds for every operation there is, not only for those that somebody thought of."""

from __future__ import annotations

import secrets
from pathlib import Path

import httpx
import msgspec
import pytest

from fix_plane import Plane, code
from p0_access.encoding import b64u
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_server.api.operation import Operation
from p0_server.api.routes import OPERATIONS
from p0_server.errors import ConfigurationError
from p0_server.rate import BURST
from p0_server.serving import serve

OPEN = {"health", "openapi"}
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
            assert told == [(401, "unauthenticated"), (401, "proof_missing"), (401, "record_key")], operation.name


async def test_no_other_origin_is_let_in(plane: Plane) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(trust_env=False) as client:
        preflight = await client.options(plane.url + "/v1/requests", headers=asked)
        simple = await client.get(plane.url + "/v1/health", headers=asked)
    assert preflight.status_code == 405
    for answer in (preflight, simple):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_security_headers(plane: Plane, tmp_path: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = (await client.get(plane.url + "/v1/health")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
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


async def test_it_does_not_listen_to_the_network_without_tls(plane: Plane) -> None:
    settings = msgspec.structs.replace(plane.settings, listen="0.0.0.0:0", url="https://p0.example")
    with pytest.raises(ConfigurationError) as refused:
        async with serve(settings):
            pass
    assert refused.value.code == "listen_exposed"
