"""`p0 logout`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from p0_launcher.commands.common import note, profile, run
from p0_launcher.errors import LauncherError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from p0_launcher.profile import Profile
    from p0_launcher.wallet import Held


def logout() -> None:
    """Forget the sign-in and every credential on this machine.

    Example: p0 logout
    """
    run(_log_out(profile()))


async def _log_out(used: Profile) -> None:
    from p0_launcher.connection import open_wallet
    from p0_launcher.login.keeping import session_in
    from p0_launcher.login.provider import IdentityProvider

    wallet = open_wallet(used)
    session = await session_in(wallet)
    if session is None:
        await wallet.wipe()
        note("p0: you were not signed in")
        return
    active = await _still_active(used, tuple((await wallet.read()).held.values()))
    session = (await wallet.read()).session or session  # it may have been refreshed to ask that
    await wallet.wipe()
    if session.refresh_token is not None:
        try:
            provider = IdentityProvider(used, clock=time.time)
            if not await provider.revoke(session.refresh_token, client_id=session.client_id):
                note("p0: the identity provider does not take back sign-ins; this one ends by itself")
        except LauncherError as error:
            note(f"p0: signed out here, but {error}")
    note("p0: signed out")
    for each in active:
        note(f"p0: {each}; its credential is forgotten here")


async def _still_active(used: Profile, held: Sequence[Held]) -> tuple[str, ...]:
    """What is to be said of accesses that go on. The agent may have ended some meanwhile, of which the server knows."""
    from p0_launcher.connection import connect
    from p0_launcher.render import clock

    if not held:
        return ()
    found, known = [], True
    async with connect(used) as connection:
        for each in held:
            until = clock(each.credential.not_after)
            try:
                state = (await connection.api.request(each.rid)).state if known else None
            except LauncherError:
                known, state = False, None  # nothing is asked of who does not answer
            if state is None:
                found.append(f"{each.rid} may be active until {until}: the server does not say")
            elif not state.final:
                found.append(f"{each.rid} stays {state.value} until {until}")
    return tuple(found)
