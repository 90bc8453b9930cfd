"""Everything that the handlers work with, put together once for an application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_server.acting import Acting
from p0_server.agents import Agents
from p0_server.auth import Authenticator
from p0_server.config import Settings
from p0_server.databases import Databases
from p0_server.events import EventHub
from p0_server.jwks import KeyFetcher
from p0_server.mandates import Mandates
from p0_server.preview.previewer import Previewer
from p0_server.proofs import Proofs
from p0_server.requests import Requests
from p0_server.signals import Signal
from p0_server.store.protocol import Store
from p0_server.submission import Submission


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    settings: Settings
    clock: Callable[[], float]
    authenticator: Authenticator
    databases: Databases
    requests: Requests
    submission: Submission
    acting: Acting
    mandates: Mandates
    agents: Agents
    hub: EventHub


def put_together(
    settings: Settings,
    *,
    rules: CurrentRules,
    directory: CurrentDirectory,
    store: Store,
    proofs: Proofs,
    signal: Signal,
    previewer: Previewer,
    client: httpx.AsyncClient,
    clock: Callable[[], float],
    random: Callable[[int], bytes],
) -> Services:
    authenticator = Authenticator(settings, proofs, KeyFetcher(client, clock), directory, clock)
    requests = Requests(settings, store, signal, clock)
    databases = Databases(settings, store, rules, clock)
    return Services(
        settings=settings,
        clock=clock,
        authenticator=authenticator,
        databases=databases,
        requests=requests,
        submission=Submission(store, authenticator, previewer, databases, requests, rules, clock=clock, random=random),
        acting=Acting(store, authenticator, requests, signal, clock=clock, random=random),
        mandates=Mandates(settings, store, authenticator, requests, rules, clock=clock, random=random),
        agents=Agents(store, signal, clock=clock, random=random),
        hub=EventHub(store, signal),
    )
