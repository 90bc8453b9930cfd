"""The surface itself: strict input, caps, errors in one shape, headers that keep browsers out."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fix_plane import Plane, code
from fix_tls import self_signed
from p0_access.encoding import MAX_RECORD_BYTES, encode
from p0_server.config import Tls
from p0_server.errors import ConfigurationError
from p0_server.serving import serve


async def anybody(plane: Plane, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, plane.url + path)


async def test_health_needs_no_proof(plane: Plane) -> None:
    answer = await anybody(plane, "GET", "/v1/health")
    assert answer.json()["status"] == "ok"


async def test_every_answer_keeps_browsers_out(plane: Plane) -> None:
    for path in ("/v1/health", "/v1/me", "/nowhere"):
        headers = (await anybody(plane, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere", (404, "not_found")),
        ("GET", "/v1/", (404, "not_found")),
        ("DELETE", "/v1/health", (405, "method_not_allowed")),
        ("GET", "/v1/health?x=1", (400, "malformed_query")),
    ],
)
async def test_what_is_not_there(plane: Plane, method: str, path: str, expected: tuple[int, str]) -> None:
    assert code(await anybody(plane, method, path)) == expected


@pytest.mark.parametrize(
    "params",
    [{"view": "everything"}, {"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"vieww": "mine"}],
)
async def test_queries_are_strict(plane: Plane, params: dict[str, Any]) -> None:
    assert code(await plane.ada.get("/v1/requests", **params)) == (400, "malformed_query")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "malformed_json"),
        (b"nonsense", "malformed_json"),
        (b'{"database": "a", "database": "b", "statements": ["select 1"]}', "duplicate_key"),
        (b'{"database": "a", "statements": ["select 1"], "more": 1}', "malformed_record"),
        (b'{"database": "a", "statements": []}', "malformed_record"),
        (b'{"database": "a", "statements": ["select 1"], "ttl": NaN}', "malformed_json"),
        (b'{"database": "a", "statements": ["select 1"], "ttl": -1}', "malformed_record"),
        (b"[" * 30 + b"]" * 30, "too_deep"),
    ],
)
async def test_bodies_are_strict(plane: Plane, body: bytes, expected: str) -> None:
    assert code(await plane.ada.call("POST", "/v1/explain", body)) == (400, expected)


async def test_bodies_are_capped(plane: Plane) -> None:
    body = encode({"database": "mydatabase", "statements": ["x" * (MAX_RECORD_BYTES + 1)]})
    assert code(await plane.ada.call("POST", "/v1/explain", body)) == (413, "oversize")


async def test_a_path_with_anything_in_it(plane: Plane) -> None:
    assert code(await plane.ada.get("/v1/requests/%2e%2e%2fetc")) == (404, "not_found")
    assert code(await plane.ada.get("/v1/databases/my%20base%C3%A9/catalog")) == (404, "unknown_database")


async def test_behind_a_proxy_the_configured_url_counts_and_no_header(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    url = "https://p0.example"
    settings = msgspec.structs.replace(plane.settings, url=url, behind_proxy=True)
    async with serve(settings, clock=plane.clock, transport=plane.issuer.transport) as running:
        assert running.url == url
        plane.reached_at(url)
        here = f"http://127.0.0.1:{running.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            proven = plane.ada.headers("GET", "/v1/me")
            assert (await client.get(here + "/v1/me", headers=proven)).status_code == 200
            direct = plane.ada.headers("GET", "/v1/me", url=here + "/v1/me")
            assert code(await client.get(here + "/v1/me", headers=direct)) == (401, "proof_target")


async def test_tls(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    certificate = self_signed(tmp_path)
    settings = msgspec.structs.replace(plane.settings, tls=Tls(certificate="cert.pem", key="key.pem"))
    async with serve(settings, clock=plane.clock, transport=plane.issuer.transport) as running:
        assert running.url.startswith("https://127.0.0.1:")
        plane.reached_at(running.url)
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(trust_env=False, verify=trusting) as client:
            answer = await client.get(running.url + "/v1/me", headers=plane.ada.headers("GET", "/v1/me"))
        assert answer.status_code == 200


async def test_a_key_that_is_none(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    self_signed(tmp_path)
    (tmp_path / "key.pem").write_text("nothing")
    settings = msgspec.structs.replace(plane.settings, tls=Tls(certificate="cert.pem", key="key.pem"))
    with pytest.raises(ConfigurationError) as caught:
        async with serve(settings):
            pass
    assert caught.value.code == "tls_invalid"


async def test_a_mistake_of_the_server_is_one_line_and_no_more(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret in an error")

    monkeypatch.setattr("p0_server.databases.Databases.listed", broken)
    answer = await plane.ada.get("/v1/databases")
    assert code(answer) == (500, "internal_error")
    assert "secret" not in answer.text
