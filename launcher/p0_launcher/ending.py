"""What a person's word would end, before it is signed: an access, a request, an allowance or a delegation.

The signature is over the hash of one record, so what that record says is all that may be shown of it; who asked is the
agent's signed word on that very record. A server that lists something else under an id is found out, or ends nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from p0_access.messages.mandates import Allow, Delegation
from p0_access.messages.records import Admission, Request
from p0_access.messages.views import RequestKind, RequestView
from p0_access.proof import jws
from p0_launcher.access import pinned_key
from p0_launcher.acts import audience
from p0_launcher.errors import UnverifiedError
from p0_launcher.review import admitted

_SIGNED: Final[dict[RequestKind, type[Request | Allow | Delegation]]] = {
    "request": Request,
    "allow": Allow,
    "delegation": Delegation,
}


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """`rh` is what an end is signed over: the hash of `record`. `admission` is the agent's verified word on it, None
    for a mandate and for a request that no agent has admitted yet: who asked for that is not known here."""

    rid: str
    agent: str
    rh: str
    record: Request | Allow | Delegation
    admission: Admission | None


def ending(view: RequestView, *, pins: Collection[str]) -> Ending:
    """What an end of `view` would end; `UnverifiedError` if it is not what it is shown as. Whether it is over already
    is not looked at: that is the server's word, and some sign to get past the server."""
    pinned_key(view.agent, pins)
    record = jws.unverified_record(view.request, _SIGNED[view.kind])
    if record.rid != view.rid:
        raise UnverifiedError("the server shows something else under this name", code="request_mismatch")
    if record.aud != audience(view.agent.thumbprint):
        raise UnverifiedError("the server shows this under another agent", code="request_mismatch")
    asked = view.kind == "request" and view.admission is not None
    return Ending(
        rid=record.rid,
        agent=view.agent.thumbprint,
        rh=jws.record_hash(view.request),
        record=record,
        admission=admitted(view, pins=pins).record if asked else None,
    )
