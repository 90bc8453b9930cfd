"""What a front end needs of one profile, put together: the only place that takes the real clock and randomness."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from p0_access.messages.identity import SignedAct
from p0_access.routing.decision import StepUp
from p0_launcher.api import Api
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.profile import Profile
from p0_launcher.session import Session, open_session
from p0_launcher.stepping_up import nobody_signs_in
from p0_launcher.storage import open_store
from p0_launcher.wallet import Wallet
from p0_launcher.workflow import Workflow

if TYPE_CHECKING:
    from p0_launcher.login.authorization import ShowUrl


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
async def connect(profile: Profile, *, show_url: ShowUrl | None = None) -> AsyncIterator[Connection]:
    """Raises `NotSignedInError` without a session. Nothing is sent to the server until something is asked of it.

    `show_url(url, port)` brings the person's browser to `url` when an act needs a sign-in of its own, and must not
    block; without it such an act is refused.
    """
    wallet = open_wallet(profile)
    provider = IdentityProvider(profile, clock=time.time)

    async def sign_in_for(act: SignedAct, demands: Sequence[StepUp], /) -> SignedAct:
        if show_url is None:
            return await nobody_signs_in(act, demands)
        from p0_launcher.login.step_up import step_up

        return await step_up(
            profile, provider, act, demands, show_url=show_url, clock=time.time, random=secrets.token_bytes
        )

    session = await open_session(wallet, provider, clock=time.time, random=secrets.token_bytes, sign_in_for=sign_in_for)
    async with Api(profile.server, session, clock=time.time, random=secrets.token_bytes) as api:
        workflow = Workflow(api, session, wallet, pins=profile.agents, clock=time.time, random=secrets.token_bytes)
        yield Connection(profile=profile, wallet=wallet, session=session, api=api, workflow=workflow)
