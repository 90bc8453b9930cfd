"""The application: routes, services and what runs beside them, from the configuration alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from p0_access.errors import P0Error
from p0_access.proof.issuers import workload_issuers
from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_server.api.errors import on_http_exception, on_p0_error
from p0_server.api.openapi import document
from p0_server.api.routes import routes
from p0_server.config import Settings
from p0_server.errors import ConfigurationError
from p0_server.middleware import Surroundings
from p0_server.notices import outbox
from p0_server.notices.notice import selecting
from p0_server.notices.outbox import Outbox
from p0_server.preview.previewer import Previewer
from p0_server.proofs import Proofs
from p0_server.rules import RulesFollower
from p0_server.services import put_together
from p0_server.signals import Signal
from p0_server.store.lock import only_server
from p0_server.store.sqlite import SqliteStore
from p0_server.upkeep import keep_up


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    random: Callable[[int], bytes] = secrets.token_bytes,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes; `transport` reaches identity providers.

    Rules and directory are read here, and followed while the application runs; `app.state.renew_rules()` looks at them
    at once.
    The store is opened when the application starts. `app.state.signal.close()` ends event streams and held calls, for
    a server that is about to stop.
    """
    outbox.check(settings)
    rules = CurrentRules(
        partial(_read, settings.path(settings.rules), "rules"),
        source=str(settings.path(settings.rules)),
        workload_issuers=workload_issuers(settings.issuers),
    )
    directory = CurrentDirectory(
        None if settings.groups is None else partial(_read, settings.path(settings.groups), "groups"),
        source="" if settings.groups is None else str(settings.path(settings.groups)),
    )
    signal = Signal()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(only_server(settings.path(settings.store)))
            store = await SqliteStore.open(settings.path(settings.store), notify=selecting(settings.notices))
            stack.push_async_callback(store.close)
            store.on_commit(signal.notify)
            client = httpx.AsyncClient(transport=transport, follow_redirects=False)
            await stack.enter_async_context(client)
            notifying = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
            previewer = Previewer(rules.rules, rules.data)
            stack.push_async_callback(previewer.close)
            app.state.services = put_together(
                settings,
                rules=rules,
                directory=directory,
                store=store,
                proofs=await Proofs.load(store, int(clock())),
                signal=signal,
                previewer=previewer,
                client=client,
                clock=clock,
                random=random,
            )
            follower = RulesFollower(rules, directory, previewer, store, clock)
            app.state.renew_rules = follower.renew
            tasks = [
                asyncio.create_task(app.state.services.hub.run(), name="p0-events"),
                asyncio.create_task(keep_up(store, clock), name="p0-upkeep"),
                asyncio.create_task(Outbox(settings, store, signal, notifying, clock).run(), name="p0-notices"),
                asyncio.create_task(previewer.warm(), name="p0-preview"),
                asyncio.create_task(follower.run(), name="p0-rules"),
            ]
            stack.push_async_callback(_end, tasks)
            stack.callback(signal.close)
            yield

    app = Starlette(
        routes=routes(),
        middleware=[Middleware(Surroundings, https=settings.by_https)],
        exception_handlers={P0Error: on_p0_error, HTTPException: on_http_exception},
        lifespan=lifespan,
    )
    app.state.signal = signal
    app.state.openapi = document()
    return app


def _read(path: Path, what: str) -> bytes:
    """The file that `what` names in the configuration."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the {what} {path}: {error.strerror}",
            code=f"{what}_unreadable",
            hint=f"Name the file with {what} in the configuration.",
        ) from error


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
