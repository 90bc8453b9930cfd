"""What a front end needs of one profile, put together: the only place that takes the real clock and randomness."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from p0_launcher.api import Api
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.profile import Profile
from p0_launcher.session import Session, open_session
from p0_launcher.storage import open_store
from p0_launcher.wallet import Wallet
from p0_launcher.workflow import Workflow


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One person, signed in, at one server."""

    profile: Profile
    wallet: Wallet
    session: Session
    api: Api
    workflow: Workflow


def open_wallet(profile: Profile) -> Wallet:
    """What is kept of `profile`; nothing is read yet."""
    return Wallet(
        open_store(profile), name=f"profile {profile.storage_name}", directory=profile.directory, clock=time.time
    )


@asynccontextmanager
async def connect(profile: Profile) -> AsyncIterator[Connection]:
    """Raises `NotSignedInError` without a session. Nothing is sent to the server until something is asked of it."""
    wallet = open_wallet(profile)
    refresher = IdentityProvider(profile, clock=time.time)
    session = await open_session(wallet, refresher, clock=time.time, random=secrets.token_bytes)
    async with Api(profile.server, session, clock=time.time, random=secrets.token_bytes) as api:
        workflow = Workflow(api, session, wallet, pins=profile.agents, clock=time.time, random=secrets.token_bytes)
        yield Connection(profile=profile, wallet=wallet, session=session, api=api, workflow=workflow)
