"""The application on a socket: a context manager, for the command as for tests and demos inside another process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import uvicorn
from starlette.applications import Starlette

from p0_server.app import create_app
from p0_server.config import Settings, check_exposure
from p0_server.errors import ConfigurationError, UnavailableError

GRACE_SECONDS: Final = 5
"""How long calls in flight have to finish; event streams and held calls end at once."""

MAX_HEAD_BYTES: Final = 256 * 1024
"""The identity with its tokens travels in a header."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A server that answers at `url`; with port 0 configured, `port` is what the system chose. `renew_rules` looks at
    the file of rules at once."""

    url: str
    host: str
    port: int
    renew_rules: Callable[[], None]


@contextlib.asynccontextmanager
async def serve(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    random: Callable[[int], bytes] = secrets.token_bytes,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Running]:
    """Serves until the block ends, then lets calls finish. Signals are the caller's business."""
    check_exposure(settings)
    app = create_app(settings, clock=clock, random=random, transport=transport)
    with _bound(settings) as listening:
        server = _Server(_config(app, settings), app)
        async with app.router.lifespan_context(app):
            task = asyncio.create_task(server.serve(sockets=[listening]), name="p0-http")
            try:
                await server.up.wait()
                host, port = listening.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                scheme = "http" if settings.tls is None else "https"
                yield Running(
                    url=settings.url or f"{scheme}://{shown}:{port}",
                    host=host,
                    port=port,
                    renew_rules=app.state.renew_rules,
                )
            finally:
                server.should_exit = True
                await task


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, and with streams that end when it stops."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._app = app

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.signal.close()
        await super().shutdown(sockets)


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",  # `serve` runs it, so that what goes wrong is told as an error
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=None if settings.tls is None else settings.path(settings.tls.certificate),
        ssl_keyfile=None if settings.tls is None else str(settings.path(settings.tls.key)),
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        hint = "[tls] names two PEM files: the certificate, with those of its issuers behind it, and its key"
        raise ConfigurationError(f"the certificate or its key: {error}", code="tls_invalid", hint=hint) from error
    return config


@contextlib.contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    host, port = settings.address
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"{settings.listen} is taken by another program",
                code="port_taken",
                hint="Stop it, or choose another with --listen HOST:PORT.",
            ) from error
        raise ConfigurationError(
            f"cannot listen on {settings.listen}: {error.strerror}",
            code="listen_refused",
            hint="Is it an address of this machine? Ports below 1024 take a privilege",
        ) from error
    with listening:
        # asyncio sets it only on sockets whose protocol is spelled out, and without it every answer waits 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listening
