"""Around every call: security headers, a line in the log, and an answer where nobody expected an error."""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from p0_server.api.errors import internal_error

_LOG: Final = logging.getLogger("p0_server.http")

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_ONLY_HTTPS: Final = "max-age=31536000"


class Surroundings:
    """Logs method, path, status and time, and never a header, a query or a body. `https` says that clients come by
    it."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = _HEADERS | ({"Strict-Transport-Security": _ONLY_HTTPS} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # noqa: BLE001 - the last place that can turn it into an answer
            _LOG.exception("unexpected", extra={"method": scope["method"], "path": scope["path"]})
            if status is None:
                await internal_error()(scope, receive, send_with_headers)
        finally:
            took = round((time.perf_counter() - started) * 1000, 1)
            line = {"method": scope["method"], "path": scope["path"], "status": status, "ms": took}
            _LOG.info("call", extra=line)
