"""The receipt of an access that has ended, checked by somebody who was not there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from p0_access.messages.records import Deletion
from p0_access.messages.views import AgentView
from p0_access.proof import jws
from p0_launcher.access import pinned_key
from p0_launcher.errors import UnverifiedError, UsageError
from p0_launcher.files import read_bytes


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt takes from a request as `p0 show --json` prints it."""

    request: str
    deletion: str | None
    agent: AgentView


def read_receipt(path: Path, *, trusted: Collection[str]) -> Deletion:
    """The receipt in the file at `path`: signed by a trusted agent, and about the request beside it."""
    try:
        shown = msgspec.json.decode(read_bytes(path), type=_Shown)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} is no request: {error}", code="not_a_receipt", hint="p0 show ID --json prints one"
        ) from error
    key = pinned_key(shown.agent, trusted)
    if shown.deletion is None:
        raise UsageError(
            "there is no receipt: the access has not ended",
            code="not_ended",
            hint="p0 show ID tells how it stands; p0 relinquish ID ends one's own",
        )
    verified = jws.verify(shown.deletion, Deletion, key)
    if verified.record.rh != jws.record_hash(shown.request):
        raise UnverifiedError("the receipt is of another request", code="receipt_request")
    return verified.record
