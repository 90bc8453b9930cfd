"""Users and groups as a SCIM 2.0 service tells them (RFC 7643, RFC 7644): all pages of both, or an error.

Half an answer is none: whoever is missing in it would lose their groups, or keep them. What it means is
`membership`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from p0_access.secret import Secret
from p0_launcher.errors import ConfigurationError, UnavailableError, UsageError
from p0_launcher.http import httpx, trusted
from p0_launcher.network import is_loopback

PAGE: Final = 100
"""So many are asked for at once; a service may give fewer."""

MAX_RESOURCES: Final = 200_000
MAX_PAGE_BYTES: Final = 16 * 1024 * 1024
MAX_BYTES: Final = 512 * 1024 * 1024
"""Of all answers together."""

SECONDS: Final = 30.0
"""For which a service may say nothing."""

MAX_SECONDS: Final = 1_800.0
"""For all of it, however steadily it comes."""

_STAYS: Final = "The file stays as it was."
_ATTRIBUTES: Final = {"Users": "userName,externalId,active,emails", "Groups": "displayName,members"}


class Email(msgspec.Struct, frozen=True, kw_only=True):
    value: str | None = None
    primary: bool | None = None


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    user_name: str | None = None
    external_id: str | None = None
    active: bool | None = None
    emails: tuple[Email, ...] | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user or a group by its `id`."""

    value: str | None = None
    type: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    display_name: str
    members: tuple[Member, ...] | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`marks` maps the URL of each page to its entity tag; it is empty where the service does not give them all."""

    users: tuple[User, ...]
    groups: tuple[Group, ...]
    marks: dict[str, str]


R = TypeVar("R", User, Group)


class _Page(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    total: int = msgspec.field(name="totalResults")
    resources: tuple[R, ...] | None = msgspec.field(name="Resources", default=None)


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7644, section 3.12."""

    detail: str | None = None


class Scim:
    """A service at `base`, of which `/Users` and `/Groups` are asked; by `connect`."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client = client
        self._base = base.rstrip("/")
        self._bytes = 0

    async def unchanged(self, marks: Mapping[str, str]) -> bool:
        """Whether the service says so of every page in `marks`; without any, nobody knows. They come from a file: what
        is no page of this service is not asked for, since the token would go with it."""
        for url, mark in marks.items():
            if (
                not url.startswith((f"{self._base}/Users?", f"{self._base}/Groups?"))
                or (await self._get(url, mark)).status_code != httpx.codes.NOT_MODIFIED
            ):
                return False
        return bool(marks)

    async def read(self) -> Snapshot:
        marks: dict[str, str | None] = {}
        users = await self._all("Users", _Page[User], marks)
        groups = await self._all("Groups", _Page[Group], marks)
        told = {url: mark for url, mark in marks.items() if mark is not None}
        return Snapshot(users=users, groups=groups, marks=told if len(told) == len(marks) else {})

    async def _all(self, what: str, type_: type[_Page[R]], marks: dict[str, str | None]) -> tuple[R, ...]:
        """Page by page (RFC 7644, section 3.4.2.4): from 1, and by as many as came. In `marks` go the entity tags.

        Pages have no cursor: where one goes and another comes meanwhile, the count is the same and somebody is passed
        over. So each page begins with the last one of the page before, or has moved."""
        found: dict[str, R] = {}
        last: str | None = None
        total = 1
        while len(found) < total:
            start = len(found) + (1 if last is None else 0)
            query = {"startIndex": start, "count": PAGE, "attributes": _ATTRIBUTES[what]}
            url = f"{self._base}/{what}?{urlencode(query)}"
            response = await self._get(url)
            page = self._page(response, type_, what)
            marks[url] = response.headers.get("etag")
            given = page.resources or ()
            moved = last is not None and (not given or given[0].id != last)
            if moved or (found and page.total != total):
                raise self._odd(f"its {what} changed while they were read", hint=f"{_STAYS} Run it again.")
            total = page.total
            if total > MAX_RESOURCES:
                raise self._odd(f"it has more than {MAX_RESOURCES} {what}")
            new = given if last is None else given[1:]
            if last is not None and not new:
                last = None  # it gives one at a time: the next is asked for by itself
                continue
            more = {each.id: each for each in new}
            if (len(found) < total and not more) or len(more) < len(new) or not found.keys().isdisjoint(more):
                raise self._odd(f"its pages of {what} leave some out, or give some twice")
            found.update(more)
            last = new[-1].id if new else None
        if len(found) != total:
            raise self._odd(f"it gives {len(found)} {what} and counts {total}")
        return tuple(found.values())

    def _page(self, response: httpx.Response, type_: type[_Page[R]], what: str) -> _Page[R]:
        try:
            return msgspec.json.decode(response.content, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._odd(f"its {what} are not a list of SCIM: {error}") from error

    async def _get(self, url: str, mark: str | None = None) -> httpx.Response:
        """An answer that is one: 200, or 304 where a mark was given."""
        try:
            async with self._client.stream(
                "GET", url, headers={} if mark is None else {"If-None-Match": mark}
            ) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    self._bytes += len(chunk)
                    if len(body) > MAX_PAGE_BYTES:
                        raise self._odd(f"an answer is larger than {MAX_PAGE_BYTES} bytes")
                    if self._bytes > MAX_BYTES:
                        raise self._odd(f"its answers are larger than {MAX_BYTES} bytes")
                headers = {name: value for name, value in response.headers.items() if name == "etag"}
                answer = httpx.Response(response.status_code, headers=headers, content=bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError(
                f"{self._base} does not answer: {str(error) or type(error).__name__}",
                code="directory_unavailable",
                hint="The file stays as it was. Is the URL right?",
            ) from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise ConfigurationError(
                f"{self._base} does not take the token ({answer.status_code}){_detail(answer)}",
                code="directory_token",
                hint="It must be good for reading Users and Groups, and not have run out.",
            )
        if answer.status_code == httpx.codes.OK or (mark and answer.status_code == httpx.codes.NOT_MODIFIED):
            return answer
        raise self._odd(f"it says {answer.status_code}{_detail(answer)}")

    def _odd(self, what: str, *, hint: str = _STAYS) -> UnavailableError:
        return UnavailableError(f"{self._base} gives no directory: {what}", code="directory_answer", hint=hint)


def _detail(answer: httpx.Response) -> str:
    try:
        detail = msgspec.json.decode(answer.content, type=_Problem).detail
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = None
    return f": {detail[:200]}" if detail else ""


@asynccontextmanager
async def connect(base: str, token: Secret) -> AsyncIterator[Scim]:
    """Over HTTPS, or plainly to this machine: the token can read everybody's groups."""
    try:
        parts, url = urlsplit(base), httpx.URL(base)
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError("--from is no URL", code="usage", hint="The base URL of the service, as …/scim/v2") from error
    local = is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise UsageError(f"{base} is not https://…", code="usage", hint="The base URL of the service, as …/scim/v2")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(
            "the base URL takes no query, fragment, name or password",
            code="usage",
            hint="The base URL of the service, as …/scim/v2",
        )
    headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/scim+json, application/json"}
    async with httpx.AsyncClient(
        headers=headers,
        timeout=SECONDS,
        follow_redirects=False,
        trust_env=not local,
        verify=trusted(url),
    ) as client:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                yield Scim(client, base)
        except TimeoutError as error:
            raise UnavailableError(
                f"{base} takes longer than {int(MAX_SECONDS)} seconds", code="directory_unavailable", hint=_STAYS
            ) from error
