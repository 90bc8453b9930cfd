"""What a request asks for, read back from its signed record, for showing and for asking again. Unverified: whoever
decides or signs uses a `Review` instead."""

from __future__ import annotations

from p0_access.errors import P0Error
from p0_access.messages.records import Credential, Deletion, Request
from p0_access.messages.views import RequestView
from p0_tui.backend import Draft


def unverified_request(view: RequestView) -> Request | None:
    """The request inside `view`, or None if it is not one."""
    from p0_access.proof.jws import unverified_record

    try:
        return unverified_record(view.request, Request)
    except P0Error:
        return None


def unverified_deletion(view: RequestView) -> Deletion | None:
    """The receipt inside `view`, if there is one."""
    from p0_access.proof.jws import unverified_record

    if view.deletion is None:
        return None
    try:
        return unverified_record(view.deletion, Deletion)
    except P0Error:
        return None


def unverified_credential(view: RequestView) -> Credential | None:
    """The sealed login inside `view`, which names the head of the agent's log; only its requestor is shown one."""
    from p0_access.proof.jws import unverified_record

    if view.credential is None:
        return None
    try:
        return unverified_record(view.credential, Credential)
    except P0Error:
        return None


def draft_of(view: RequestView) -> Draft | None:
    """A draft that asks for the same SQL; None if it was not SQL that was asked for."""
    request = unverified_request(view)
    if request is None or not isinstance(request.what.statement, tuple):
        return None
    return Draft(
        database=request.database,
        sql=";\n".join(statement.rstrip().rstrip(";") for statement in request.what.statement),
        reason=request.reason,
        ttl=request.ttl,
        one_shot=request.one_shot or None,
    )
