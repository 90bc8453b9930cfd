"""An operation of the API: declared once, routed and described from the same record.

The endpoint of an operation authenticates, parses query and body strictly, calls the handler, and encodes its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from p0_access.encoding import MAX_RECORD_BYTES, decode, encode
from p0_access.errors import MalformedError
from p0_access.proof.identity import VerifiedIdentity
from p0_server import auth
from p0_server.config import AgentSettings
from p0_server.errors import ServerError, UnauthorizedError
from p0_server.services import Services

Caller = Literal["anyone", "person", "agent"]

T = TypeVar("T")


class OversizeError(ServerError):
    """A body above its cap."""

    status = 413


class NoQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameter is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call whose caller is known. `body` and `query` are of the operation's types."""

    services: Services
    http: Request
    body: Any
    query: Any
    caller: VerifiedIdentity | AgentSettings | None

    @property
    def person(self) -> VerifiedIdentity:
        if not isinstance(self.caller, VerifiedIdentity):
            raise TypeError("this operation is not for people")
        return self.caller

    @property
    def agent(self) -> AgentSettings:
        if not isinstance(self.caller, AgentSettings):
            raise TypeError("this operation is not for agents")
        return self.caller

    def path(self, name: str) -> str:
        return str(self.http.path_params[name])


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """`answers` maps a status to the type of its JSON, or None for an answer that is not JSON or empty. `headers` names
    request headers that it knows. `max_body` is in bytes; a body of `Any` is given to the handler as bytes."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    name: str
    summary: str
    handler: Callable[[Call], Awaitable[Response]]
    caller: Caller = "person"
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    max_body: int = MAX_RECORD_BYTES
    parse: Callable[[bytes, Any], Any] = decode
    answers: Mapping[int, Any] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    async def endpoint(self, http: Request) -> Response:
        services: Services = http.app.state.services
        caller, kept = await self._caller(http, services)
        try:
            call = Call(
                services=services,
                http=http,
                caller=caller,
                query=parse_query(http, self.query),
                body=None if self.body is None else self.parse(await read_body(http, self.max_body), self.body),
            )
            return await self.handler(call)
        finally:
            if kept is not None:
                await kept

    async def _caller(
        self, http: Request, services: Services
    ) -> tuple[VerifiedIdentity | AgentSettings | None, Awaitable[None] | None]:
        """Who calls, and what is awaited before they are answered."""
        if self.caller == "anyone":
            return None, None
        call = auth.Call(
            method=http.method,
            url=called_url(http, services),
            authorization=_header(http, "authorization"),
            proof=_header(http, "dpop"),
        )
        if self.caller == "agent":
            return await services.authenticator.agent(call)
        return await services.authenticator.person(call)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    return Response(encode(value), status, headers, media_type="application/json")


async def read_body(http: Request, max_bytes: int) -> bytes:
    """The body, refused as soon as it is longer than `max_bytes`."""
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > max_bytes:
            raise OversizeError(f"the body is longer than {max_bytes} bytes", code="oversize")
    return bytes(body)


def parse_query(http: Request, type_: type[T]) -> T:
    """The query's parameters as a record; unknown ones, and one that stands twice, are refused."""
    items = http.query_params.multi_items()
    values = dict(items)
    if len(values) != len(items):
        raise MalformedError("a parameter stands twice in the query", code="malformed_query")
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedError(f"the query: {error}", code="malformed_query") from error


def called_url(http: Request, services: Services) -> str:
    """The URL that a proof must name: what clients use to reach this server, never what a proxy or a Host header says.

    Without a configured `url` the server is for its own machine, and only loopback names of it count.
    """
    path: str = http.scope["raw_path"].decode("ascii")
    if services.settings.url is not None:
        return services.settings.url + path
    host = _header(http, "host") or ""
    port = http.scope["server"][1]
    if host not in {f"{name}:{port}" for name in _LOOPBACK}:
        raise UnauthorizedError(
            f"this server is not {host}", code="wrong_host", hint="Set url in the server's configuration."
        )
    return f"{http.scope['scheme']}://{host}{path}"


def _header(http: Request, name: str) -> str | None:
    values = http.headers.getlist(name)
    if len(values) > 1:
        raise MalformedError(f"the header {name} stands twice", code="malformed_header")
    return values[0] if values else None


_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
