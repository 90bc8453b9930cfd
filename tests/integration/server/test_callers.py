"""Who may call: every proof of a call, one wrong thing at a time, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import msgspec
import pytest

from fix_plane import Caller, Plane, code
from p0_access.encoding import b64u, b64u_decode, encode
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove


async def raw(plane: Plane, headers: dict[str, str], path: str = "/v1/me") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(plane.url + path, headers=headers)


async def test_a_person_is_known_with_groups_and_address(plane: Plane) -> None:
    me = (await plane.ada.get("/v1/me")).json()
    assert me["subject"] == {"iss": "https://id.example", "sub": "ada", "email": "ada@corp.example"}
    assert me["groups"] == ["analysts"]
    assert me["exp"] > plane.clock()


async def test_a_call_that_says_not_who_makes_it(plane: Plane) -> None:
    answer = await raw(plane, {})
    assert code(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "P0"
    for path in ("/v1/databases", "/v1/requests", "/v1/events", "/v1/requests/r-00001"):
        assert (await raw(plane, {}, path)).status_code == 401


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": "POST"}, "proof_target"),
        ({"url": "http://127.0.0.1:1/v1/me"}, "proof_target"),
        ({"now": 1_700_000_000}, "proof_stale"),
        ({"credential": "another"}, "proof_credential"),
        ({"key": SigningKey(b"\x07" * 32)}, "record_key"),
    ],
)
async def test_a_proof_for_something_else(plane: Plane, changes: dict[str, Any], expected: str) -> None:
    assert code(await raw(plane, plane.ada.headers("GET", "/v1/me", **changes))) == (401, expected)


async def test_a_proof_counts_once(plane: Plane) -> None:
    headers = plane.ada.headers("GET", "/v1/me")
    assert (await raw(plane, headers)).status_code == 200
    assert code(await raw(plane, headers)) == (401, "proof_replayed")


async def test_of_many_calls_with_one_proof_one_is_answered(plane: Plane) -> None:
    headers = plane.ada.headers("GET", "/v1/me")
    answers = await asyncio.gather(*(raw(plane, headers) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_a_stolen_token_with_another_key(plane: Plane) -> None:
    thief = Caller(plane.caller("ada").person, plane.url, plane.ada.agent)
    stolen = msgspec.structs.replace(plane.ada.person.identity, bind=thief.person.bind)
    credential = b64u(encode(stolen))
    proof = prove(
        thief.person.key,
        method="GET",
        url=plane.url + "/v1/me",
        credential=credential,
        now=int(plane.clock()),
        jti="j" * 22,
    )
    answer = await raw(plane, {"Authorization": f"P0 {credential}", "DPoP": proof})
    assert code(answer) == (401, "nonce_mismatch")


@pytest.mark.parametrize(
    ("credential", "status"),
    [
        ("not base64!", 401),
        (b64u(b"[]"), 401),
        (b64u(b'{"bind": "a", "bind": "b", "id_token": "c"}'), 401),
        (b64u(b'{"bind": "a", "id_token": "a.b.c", "more": 1}'), 401),
        ("A" * 200_000, 401),
    ],
)
async def test_what_is_no_identity(plane: Plane, credential: str, status: int) -> None:
    headers = plane.ada.headers("GET", "/v1/me") | {"Authorization": f"P0 {credential}"}
    assert (await raw(plane, headers)).status_code == status


async def test_another_issuers_token(plane: Plane) -> None:
    header, _, signature = plane.ada.person.id_token.split(".")
    claims = json.loads(b64u_decode(plane.ada.person.id_token.split(".")[1])) | {"iss": "https://evil.example"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    plane.ada.person.id_token = f"{header}.{payload}.{signature}"
    assert code(await plane.ada.get("/v1/me")) == (401, "issuer_unknown")
    assert all("evil" not in path for path in plane.issuer.fetched)


async def test_an_expired_login_is_told_apart(plane: Plane) -> None:
    assert (await plane.ada.get("/v1/me")).status_code == 200
    plane.clock.ahead = 400
    answer = await plane.ada.get("/v1/me")
    assert code(answer) == (401, "token_expired")
    assert "p0 login" in answer.json()["error"]["hint"]


async def test_the_issuer_is_asked_once_and_not_needed_again_while_it_is_away(plane: Plane) -> None:
    await asyncio.gather(*(plane.ada.get("/v1/me") for _ in range(5)))
    assert plane.issuer.fetched == ["/.well-known/openid-configuration", "/jwks"]
    plane.issuer.down = True
    assert (await plane.pat.get("/v1/me")).status_code == 200


async def test_an_issuer_that_never_answered(plane: Plane) -> None:
    plane.issuer.down = True
    assert code(await plane.ada.get("/v1/me")) == (503, "issuer_unavailable")
    plane.issuer.down = False
    plane.clock.ahead = 6
    assert (await plane.ada.get("/v1/me")).status_code == 200


async def test_another_name_of_this_host_is_refused(plane: Plane) -> None:
    headers = plane.ada.headers("GET", "/v1/me") | {"Host": "evil.example"}
    assert code(await raw(plane, headers)) == (401, "wrong_host")


async def test_agents_are_configured_and_prove_their_key(plane: Plane) -> None:
    path, body = "/v1/agent/claim", {"wait": 0}
    assert (await plane.agent.call("POST", path, body)).status_code == 200
    known, plane.agent.key = plane.agent.key, SigningKey(b"\x09" * 32)
    assert code(await plane.agent.call("POST", path, body)) == (403, "agent_unknown")
    headers = {
        "Authorization": f"P0-Agent {known.public.thumbprint}",
        "DPoP": prove(
            plane.agent.key,
            method="POST",
            url=plane.url + path,
            credential=known.public.thumbprint,
            now=int(plane.clock()),
            jti="j" * 22,
        ),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        assert code(await client.post(plane.url + path, json=body, headers=headers)) == (401, "record_key")


async def test_people_are_no_agents_and_agents_no_people(plane: Plane) -> None:
    assert code(await plane.ada.call("POST", "/v1/agent/claim", {"wait": 0})) == (401, "unauthenticated")
    assert code(await plane.agent.call("GET", "/v1/me", None)) == (401, "unauthenticated")


async def test_an_announcement_is_the_callers_own_and_within_the_configuration(plane: Plane) -> None:
    assert (await plane.agent.announce()).status_code == 200
    assert code(await plane.agent.announce(thumbprint="x" * 43)) == (403, "agent_mismatch")
    other = msgspec.to_builtins(SigningKey(b"\x09" * 32).public)
    assert code(await plane.agent.announce(jwk=other)) == (403, "agent_mismatch")
    assert code(await plane.agent.announce(databases=("prod",))) == (403, "database_not_configured")
