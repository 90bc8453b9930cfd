"""What a viewer is shown of a request: everything, less the sealed credential for all but its requestor."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from p0_access.messages.records import What
from p0_access.messages.views import AgentView, Event, RequestSummary, RequestView, State
from p0_server.config import AgentSettings
from p0_server.store.records import StoredRequest, Viewer
from p0_server.visibility import is_mine

MAX_SUMMARY: Final = 200


def headline(what: What) -> str:
    """The start of the SQL on one line, or the role, or the permissions: for lists."""
    if what.statement:
        text = " ".join("; ".join(what.statement).split())
    elif what.role:
        text = f"role {what.role}"
    else:
        text = ", ".join(str(permission) for permission in what.grant or ())
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1] + "…"


def summary(request: StoredRequest, viewer: Viewer, *, reviewer: bool) -> RequestSummary:
    return RequestSummary(**_summary(request, viewer, reviewer=reviewer))


def view(
    request: StoredRequest,
    viewer: Viewer,
    *,
    reviewer: bool,
    agent: AgentSettings,
    events: tuple[Event, ...],
    now: int,
) -> RequestView:
    usable = request.state is State.ACTIVE and (request.not_after is None or now < request.not_after)
    return RequestView(
        **_summary(request, viewer, reviewer=reviewer),
        request=request.record,
        admission=request.admission,
        refusal=request.refusal,
        approvals=request.approvals,
        credential=request.credential if usable and is_mine(viewer, request) else None,
        deletion=request.deletion,
        extension=request.extension,
        decision=request.decision,
        agent=AgentView(thumbprint=agent.thumbprint, jwk=agent.jwk),
        events=events,
    )


def _summary(request: StoredRequest, viewer: Viewer, *, reviewer: bool) -> dict[str, Any]:
    mine = is_mine(viewer, request)
    shared = {name: getattr(request, name) for name in _SHARED}
    return shared | {
        "requestor": request.requestor,
        "mine": mine,
        "reviewable": reviewer and not mine and request.state is State.PENDING,
    }


_SHARED: Final = tuple(
    field.name for field in msgspec.structs.fields(RequestSummary) if field.name in StoredRequest.__struct_fields__
)
