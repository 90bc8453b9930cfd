"""The development provider over HTTP: discovery, keys, authorization and tokens. Holds no state of its own.

Never answers a name other than 127.0.0.1, so that a web page can't reach it through a name it controls.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from p0_demo.identity_provider.authorization import Target, read_target, read_wish, single_parameters
from p0_demo.identity_provider.errors import OAuthError
from p0_demo.identity_provider.settings import User

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 64 * 1024

NO_STORE: Final = {"Cache-Control": "no-store"}
PAGE_HEADERS: Final = {
    **NO_STORE,
    "Content-Security-Policy": f"default-src 'none'; form-action 'self' http://{HOST}:*; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class Desk(Protocol):
    """What the endpoints need from the provider behind them."""

    @property
    def issuer(self) -> str: ...

    @property
    def client_ids(self) -> tuple[str, ...]: ...

    @property
    def users(self) -> tuple[User, ...]: ...

    def metadata(self) -> dict[str, Any]: ...

    def jwks(self) -> dict[str, Any]: ...

    def find_user(self, name: str | None) -> User | None: ...

    def expected_user(self, login_hint: str | None) -> User | None: ...

    def sign_in(self, user: User, target: Target, *, challenge: str, nonce: str | None) -> str: ...

    def exchange(self, parameters: dict[str, str]) -> dict[str, Any]: ...

    def revoke(self, parameters: dict[str, str]) -> None: ...


def application(desk: Desk) -> Starlette:
    """The ASGI application for one provider."""

    async def discovery(_: Request) -> Response:
        return JSONResponse(desk.metadata())

    async def keys(_: Request) -> Response:
        return JSONResponse(desk.jwks())

    async def authorize(request: Request) -> Response:
        try:
            parameters = single_parameters(request.query_params.multi_items())
            target = read_target(parameters, desk.client_ids)
        except OAuthError as error:
            return _page("Sign-in refused", f"<p>{escape(str(error))}</p>", status=400)
        try:
            chosen = await _read_form(request) if request.method == "POST" else None
            return _answer(desk, parameters, target, chosen)
        except OAuthError as error:
            return _redirect(target.answer(desk.issuer, error=error.code, error_description=str(error)))

    async def token(request: Request) -> Response:
        try:
            return JSONResponse(desk.exchange(await _read_form(request)), headers=NO_STORE)
        except OAuthError as error:
            return JSONResponse(
                {"error": error.code, "error_description": str(error)}, status_code=400, headers=NO_STORE
            )

    async def revoke(request: Request) -> Response:
        try:
            desk.revoke(await _read_form(request))
        except OAuthError as error:
            return JSONResponse(
                {"error": error.code, "error_description": str(error)}, status_code=400, headers=NO_STORE
            )
        return Response(headers=NO_STORE)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks", keys),
            Route("/authorize", authorize, methods=["GET", "POST"]),
            Route("/token", token, methods=["POST"]),
            Route("/revoke", revoke, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST])],
    )


def _answer(desk: Desk, parameters: dict[str, str], target: Target, chosen: dict[str, str] | None) -> Response:
    """A code for the expected or chosen user; else the page that asks who it is."""
    wish = read_wish(parameters)
    if chosen is None:
        user = desk.expected_user(wish.login_hint)
        if user is None and wish.silent:
            raise OAuthError("login_required", "nobody is signed in")
        if user is None:
            return _chooser(desk.users, target.client_id)
    else:
        user = desk.find_user(chosen.get("user"))
        if user is None:
            raise OAuthError("access_denied", "the sign-in was refused")
    code = desk.sign_in(user, target, challenge=wish.challenge, nonce=wish.nonce)
    return _redirect(target.answer(desk.issuer, code=code))


async def _read_form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body must be a form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise OAuthError("invalid_request", "the body is too large")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise OAuthError("invalid_request", "the body is not a form") from error
    return single_parameters(pairs)


def _redirect(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers=NO_STORE)


def _chooser(users: tuple[User, ...], client_id: str) -> Response:
    buttons = "".join(
        f'<p><button name="user" value="{escape(user.sub)}">{escape(user.email)}</button>'
        f" {escape(', '.join(user.groups))}</p>"
        for user in users
    )
    refuse = '<p><button name="refuse" value="yes">Refuse</button></p>'
    return _page(f"Sign in to {escape(client_id)} as", f'<form method="post">{buttons}{refuse}</form>')


def _page(title: str, body: str, *, status: int = 200) -> Response:
    warning = "<p><small>A development identity provider: never for production.</small></p>"
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{body}{warning}',
        status_code=status,
        headers=PAGE_HEADERS,
    )
