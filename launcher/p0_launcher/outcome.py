"""How a request that gives no access is told to its requestor: one error for each way it can end, or go on waiting."""

from __future__ import annotations

from typing import Final

from p0_access.errors import P0Error
from p0_access.messages.job import waited_for
from p0_access.messages.records import Admission, Refusal
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_access.routing.decision import Decision, Denied
from p0_launcher.errors import (
    DeniedError,
    LauncherError,
    NotSignedInError,
    SqlRefusedError,
    StillPendingError,
    UnavailableError,
)
from p0_launcher.text import shown

READING_STEP: Final = 7
"""Where in the agent's verification order the SQL is read."""


def ended_badly(view: RequestView) -> LauncherError:
    """For a request in a final state, or ending. The code is the agent's or the state's."""
    code = view.code or view.state.value
    said = view.message or _SAID.get(view.state, f"the request is {view.state}")
    message = f"{view.rid}: {said}"
    match view.state:
        case State.NEEDS_LOGIN:
            return NotSignedInError(message, code=code, hint=view.hint or "Sign in again: p0 login, then ask again")
        case State.REFUSED if _refused_reading(view):
            return SqlRefusedError(message, code=code, hint=view.hint)
        case State.ENDED | State.ENDING if view.end_cause == "failed":
            return UnavailableError(message, code=code, hint=view.hint or f"p0 show {view.rid}")
        case State.ENDED | State.ENDING:
            return DeniedError(
                f"{view.rid}: the access has ended: {view.end_cause or 'ending'}",
                code=code,
                hint="Ask again: the same command makes a new request",
            )
        case _:
            return DeniedError(message, code=code, hint=_differing(view) or view.hint or f"p0 show {view.rid}")


def _differing(view: RequestView) -> str | None:
    """Where the server expected something else than the agent decided, the one goes by other rules than the other."""
    if view.decision is None or view.state not in {State.DENIED, State.REFUSED}:
        return None
    by_people = view.admission is not None and not isinstance(_verdict(view.admission), Denied)
    expected = isinstance(view.decision, Denied)
    if expected or by_people or (view.state is State.REFUSED and view.code not in _BY_RULES):
        return None
    return "The server expected otherwise: its rules and the agent's differ. Tell who runs them: p0 server doctor"


def _verdict(unverified_admission: str) -> Decision | None:
    """Only for a hint, so the signature does not matter."""
    try:
        return jws.unverified_record(unverified_admission, Admission).rules.decision
    except P0Error:
        return None


_BY_RULES: Final = frozenset({"step_up_required", "step_up_acr", "step_up_amr", "reason_required"})
"""Refusals of a request that follow from rules, and that the server would have told before."""


def still_waiting(view: RequestView, now: float) -> LauncherError:
    """For a request that lives on after the time is up: with its agent away, or with people who have not decided."""
    resume = f"The request lives on: p0 psql --resume {view.rid}"
    if view.state is State.SUBMITTED:
        return UnavailableError(
            f"{view.rid}: the agent of {view.database} has not answered", code="agent_unavailable", hint=resume
        )
    who = shown(waited_for(view.progress, now), lines=False)
    return StillPendingError(
        f"{view.rid} is still {view.state}" + (f" ({who})" if who else ""), code="still_pending", hint=resume
    )


def _refused_reading(view: RequestView) -> bool:
    """Only chooses an exit status, so the signature does not matter."""
    try:
        return view.refusal is not None and jws.unverified_record(view.refusal, Refusal).step == READING_STEP
    except P0Error:
        return False


_SAID: Final = {
    State.DENIED: "denied",
    State.REFUSED: "the agent refuses it",
    State.CANCELLED: "cancelled",
    State.LAPSED: "nobody decided in time",
    State.NEEDS_CHANGES: "an approver struck a permission that the SQL needs",
    State.NEEDS_LOGIN: "your sign-in expired before the agent saw the request",
}
