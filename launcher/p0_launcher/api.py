"""The server's API as a client sees it. Every call carries the identity and a fresh proof of the session key.

Answers are views: what matters in them is verified elsewhere (`access.py`, `review.py`). Trouble becomes an error that
names the server and what to do; reconnecting and trying again are the caller's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, TypeVar
from urllib.parse import quote

import msgspec

from p0_access.certificates import TRUSTED_BY, untrusted
from p0_access.encoding import b64u, decode, encode
from p0_access.errors import MalformedError
from p0_access.messages.identity import SignedAct
from p0_access.messages.views import (
    CatalogView,
    DatabaseView,
    ErrorBody,
    ErrorView,
    Event,
    Explained,
    Me,
    RequestSummary,
    RequestView,
)
from p0_access.proof.possession import prove
from p0_launcher.errors import (
    DeniedError,
    LauncherError,
    NotSignedInError,
    StepUpRequiredError,
    UnavailableError,
    UnverifiedError,
    UsageError,
)
from p0_launcher.http import httpx, trusted
from p0_launcher.network import is_loopback
from p0_launcher.session import Session
from p0_launcher.sse import EventParser

MAX_WAIT: Final = 25
"""Seconds that the server holds a call whose answer is not there yet."""

HEARTBEAT: Final = 5
"""Seconds between the server's signs of life on the event stream."""

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_SECONDS: Final = 10.0

T = TypeVar("T")
View = Literal["mine", "to-review", "all", "mandates"]


class _Databases(msgspec.Struct, frozen=True, kw_only=True):
    databases: tuple[DatabaseView, ...]


class _Requests(msgspec.Struct, frozen=True, kw_only=True):
    requests: tuple[RequestSummary, ...]


class _Events(msgspec.Struct, frozen=True, kw_only=True):
    events: tuple[Event, ...]


class Api:
    """One connection pool to one server in one person's name; an async context manager.

    `wait` is how many seconds (at most `MAX_WAIT`) the server may hold the call until the answer says more.
    """

    def __init__(
        self,
        server: str,
        session: Session,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._server = server.rstrip("/")
        self._session = session
        self._clock = clock
        self._random = random
        self._heard: tuple[str | None, float] = (None, 0.0)
        url = httpx.URL(self._server)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=_SECONDS,
            follow_redirects=False,
            trust_env=not is_loopback(url.host),
            verify=trusted(url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def me(self) -> Me:
        return await self._get(Me, "/v1/me")

    async def databases(self) -> tuple[DatabaseView, ...]:
        return (await self._get(_Databases, "/v1/databases")).databases

    async def catalog(self, database: str, *, known_version: str | None = None) -> CatalogView | None:
        """None when `known_version` is the newest. Unverified: see `p0_launcher.catalogs`."""
        headers = {} if known_version is None else {"If-None-Match": f'"{known_version}"'}
        path = f"/v1/databases/{quote(database, safe='')}/catalog"
        response = await self._call("GET", path, headers=headers)
        return None if response.status_code == httpx.codes.NOT_MODIFIED else self._read(response, CatalogView)

    async def explain(
        self,
        database: str,
        statements: Sequence[str],
        *,
        search_path: Sequence[str] | None = None,
        ttl: int | None = None,
        reason: str | None = None,
        break_glass: bool = False,
    ) -> Explained:
        """The server's preview of SQL that is not asked for yet."""
        body = {
            "database": database,
            "statements": list(statements),
            "search_path": None if search_path is None else list(search_path),
            "ttl": ttl,
            "reason": reason,
            "break_glass": break_glass or None,  # an older server does not know it
        }
        given = {name: value for name, value in body.items() if value is not None}
        return self._read(await self._call("POST", "/v1/explain", body=given), Explained)

    async def submit(self, act: SignedAct, *, wait: int = 0) -> RequestView:
        return await self._act("/v1/requests", act, wait)

    async def requests(self, view: View = "mine", *, limit: int = 100) -> tuple[RequestSummary, ...]:
        """Newest first."""
        return (await self._get(_Requests, "/v1/requests", {"view": view, "limit": limit})).requests

    async def request(self, rid: str, *, wait: int = 0, after: int | None = None) -> RequestView:
        """With `wait` and `after`: as soon as the request has an event later than the event number `after`."""
        params: dict[str, str | int] = {} if after is None else {"wait": wait, "after": after}
        view = await self._get(RequestView, _path(rid), params, wait=wait)
        if view.rid != rid:
            raise UnverifiedError("the server shows something else under this name", code="request_mismatch")
        return view

    async def request_events(self, rid: str) -> tuple[Event, ...]:
        return (await self._get(_Events, _path(rid, "/events"))).events

    async def approve(self, rid: str, act: SignedAct, *, wait: int = 0) -> RequestView:
        """Hands in a signed approval or denial."""
        return await self._act(_path(rid, "/approvals"), act, wait)

    async def collect(self, rid: str, act: SignedAct, *, wait: int = 0) -> RequestView:
        return await self._act(_path(rid, "/collect"), act, wait)

    async def end(self, rid: str, act: SignedAct, *, wait: int = 0) -> RequestView:
        return await self._act(_path(rid, "/end"), act, wait)

    async def review(self, rid: str, act: SignedAct, *, wait: int = 0) -> RequestView:
        """Hands in a signed review of an emergency."""
        return await self._act(_path(rid, "/review"), act, wait)

    async def mandate(self, act: SignedAct, *, wait: int = 0) -> RequestView:
        """Hands in a signed allowance or delegation."""
        return await self._act("/v1/mandates", act, wait)

    async def events(self, last_event_id: int | None = None) -> AsyncIterator[Event]:
        """What happens from now on, or after `last_event_id`, until the connection breaks (`UnavailableError`)."""
        url = self._url("/v1/events")
        headers = await self._proof("GET", url)
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        timeout = httpx.Timeout(_SECONDS, read=3 * HEARTBEAT)
        parser = EventParser()
        try:
            async with self._client.stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    self._refused(response)
                async for received in response.aiter_bytes():
                    for event in parser.feed(received):
                        yield decode(event.data, Event)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except MalformedError as error:
            raise self._not_ours(error) from error

    async def _act(self, path: str, act: SignedAct, wait: int) -> RequestView:
        params = {"wait": wait} if wait else {}
        return self._read(await self._call("POST", path, body=act, params=params, wait=wait), RequestView)

    async def _get(self, type_: type[T], path: str, params: dict[str, Any] | None = None, *, wait: int = 0) -> T:
        return self._read(await self._call("GET", path, params=params, wait=wait), type_)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        wait: int = 0,
    ) -> httpx.Response:
        url = self._url(path)
        sent = await self._proof(method, url) | (headers or {})
        content = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = encode(body)
        try:
            response = await self._client.request(
                method,
                url,
                params=params,
                content=content,
                headers=sent,
                timeout=httpx.Timeout(_SECONDS, read=_SECONDS + wait),
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        self._heard = (response.headers.get("Date"), self._clock())
        if response.is_error:
            self._refused(response)
        return response

    @property
    def server_ahead(self) -> float:
        """By how many seconds the server's clock was ahead at its last answer, to about one; 0 if it did not say."""
        date, at = self._heard
        if date is None:
            return 0.0
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(date).timestamp() + 0.5 - at
        except ValueError:
            return 0.0

    async def _proof(self, method: str, url: httpx.URL) -> dict[str, str]:
        """RFC 9449's headers with our own scheme: who one is, and that one holds the key, for this call."""
        credential = b64u(encode(await self._session.identity()))
        proof = prove(
            self._session.key,
            method=method,
            url=str(url),
            credential=credential,
            now=int(self._clock()),
            jti=b64u(self._random(16)),
        )
        return {"Authorization": f"P0 {credential}", "DPoP": proof}

    def _url(self, path: str) -> httpx.URL:
        return httpx.URL(self._server + path)

    def _read(self, response: httpx.Response, type_: type[T]) -> T:
        try:
            return decode(response.content, type_, max_bytes=_MAX_ANSWER_BYTES)
        except MalformedError as error:
            raise self._not_ours(error) from error

    def _refused(self, response: httpx.Response) -> NoReturn:
        try:
            said = decode(response.content, ErrorBody).error
        except MalformedError:
            said = ErrorView(
                code="server_error", message=f"{self._server} answered {response.status_code} {response.reason_phrase}"
            )
        raise _error(response.status_code, said)

    def _unreachable(self, error: httpx.HTTPError) -> UnavailableError:
        if (problem := untrusted(error)) is not None:
            return UnavailableError(
                f"the certificate of {self._server} is not trusted: {problem}", code="server_untrusted", hint=TRUSTED_BY
            )
        reason = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "does not answer"
        return UnavailableError(
            f"the server at {self._server} {reason}",
            code="server_unavailable",
            hint=f"Is {self._server} right, and does the server run? P0_SERVER or the profile names another",
        )

    def _not_ours(self, error: MalformedError) -> UnverifiedError:
        return UnverifiedError(
            f"the server at {self._server} answered something that is not its API: {error}",
            code="server_answer",
            hint="Is this a p0 server, and not older than this p0?",
        )


def _path(rid: str, rest: str = "") -> str:
    return f"/v1/requests/{quote(rid, safe='')}{rest}"


def _error(status: int, said: ErrorView) -> LauncherError:
    """By status, which says what kind of trouble it is; the server's words go to the person."""
    if status == httpx.codes.UNAUTHORIZED:
        return NotSignedInError(said.message, code=said.code, hint=said.hint or "Sign in again: p0 login")
    if said.code == StepUpRequiredError.CODE:
        return StepUpRequiredError(said.message, hint=said.hint, demands=said.step_up or ())
    kind: type[LauncherError]
    if status == httpx.codes.FORBIDDEN:
        kind = DeniedError
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        kind = UnavailableError
    else:
        kind = UsageError
    return kind(said.message, code=said.code, hint=said.hint)
