"""Keeping a new sign-in."""

from __future__ import annotations

import msgspec

from p0_launcher.wallet import StoredSession, Wallet


async def keep_session(wallet: Wallet, session: StoredSession) -> None:
    """Puts `session` in the place of the last one. What another person had asked for or opened here is forgotten."""
    async with wallet.changing() as draft:
        before = draft.contents.session
        same = before is not None and before.subject == session.subject
        kept = draft.contents if same else msgspec.structs.replace(draft.contents, awaited={}, held={})
        draft.contents = msgspec.structs.replace(kept, session=session)
