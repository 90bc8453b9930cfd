"""An issuer's documents as the server fetches them: over a transport in memory, or over HTTP for another process."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fix_people import Issuer

SECRET = "a-secret-of-the-job"


class PublishedIssuer:
    """`down` makes it not answer; `fetched` lists the paths that were asked for. As the platform of a workload it gives
    tokens with these `claims`, for any audience, to who shows `SECRET`."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.claims: dict[str, Any] = {"sub": "repo:corp/app", "repository_id": "4711"}
        self.down = False
        self.fetched: list[str] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def document(self, path: str) -> dict[str, Any]:
        self.fetched.append(path)
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuer.url, "jwks_uri": f"{self.issuer.url}/jwks"}
        return {"keys": [msgspec.to_builtins(key) for key in self.issuer.key_set().keys.values()]}

    def workload_token(self, audience: str) -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": self.issuer.url, "iat": now, "exp": now + 300, "aud": audience} | self.claims
        return {"value": self.issuer.token(**claims)}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("down", request=request)
        return httpx.Response(200, content=json.dumps(self.document(request.url.path)))


@contextlib.asynccontextmanager
async def served_issuer() -> AsyncIterator[PublishedIssuer]:
    """On a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        published = PublishedIssuer(Issuer(url=f"http://127.0.0.1:{listening.getsockname()[1]}"))

        async def answer(request: Request) -> JSONResponse:
            if request.url.path != "/workload-token":
                return JSONResponse(published.document(request.url.path))
            if request.headers.get("authorization") != f"Bearer {SECRET}":
                return JSONResponse({}, status_code=401)
            return JSONResponse(published.workload_token(request.query_params["audience"]))

        app = Starlette(routes=[Route("/{path:path}", answer)])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        async with up(server, listening):
            yield published


@contextlib.asynccontextmanager
async def up(server: uvicorn.Server, listening: socket.socket) -> AsyncIterator[None]:
    """Without `serve`, which would take over this process's signals."""
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listening])
