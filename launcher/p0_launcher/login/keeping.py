"""Keeping a new sign-in in the place of the last one."""

from __future__ import annotations

import msgspec

from p0_launcher.errors import ConfigurationError
from p0_launcher.wallet import StoredSession, Wallet


async def keep_session(wallet: Wallet, session: StoredSession) -> None:
    """Puts `session` in the place of the last one. What another person had asked for or opened here is forgotten."""
    async with wallet.changing() as draft:
        before = draft.contents.session
        same = before is not None and before.subject == session.subject
        kept = draft.contents if same else msgspec.structs.replace(draft.contents, awaited={}, held={})
        draft.contents = msgspec.structs.replace(kept, session=session)


async def session_in(wallet: Wallet) -> StoredSession | None:
    """The present session. What cannot be read any more is dropped: a sign-in starts afresh."""
    try:
        return (await wallet.read()).session
    except ConfigurationError as error:
        if error.code != "wallet_malformed":
            raise
        await wallet.wipe()
        return None
