"""Which state may follow which. Whoever changes a request asks here; anything else is a defect or a confused agent."""

from __future__ import annotations

from typing import Final

from p0_access.messages.views import State

_ENDS_UNUSED: Final = frozenset(
    {State.DENIED, State.CANCELLED, State.LAPSED, State.NEEDS_CHANGES, State.NEEDS_LOGIN, State.ENDED}
)

LEGAL: Final[dict[State, frozenset[State]]] = {
    # an automatic request that its agent sees at once goes straight to active
    State.SUBMITTED: _ENDS_UNUSED | {State.PENDING, State.APPROVED, State.ACTIVE, State.REFUSED},
    # refused: an approval or a collection came too late, or what it is about has changed
    State.PENDING: _ENDS_UNUSED | {State.APPROVED, State.REFUSED},
    State.APPROVED: _ENDS_UNUSED | {State.PROVISIONING, State.ACTIVE, State.REFUSED},
    # back to approved: the agent refused this collection, and another may succeed
    State.PROVISIONING: frozenset(
        {
            State.ACTIVE,
            State.APPROVED,
            State.CANCELLED,
            State.NEEDS_CHANGES,
            State.NEEDS_LOGIN,
            State.REFUSED,
            State.ENDED,
        }
    ),
    State.ACTIVE: frozenset({State.ENDING, State.ENDED}),
    # back to active: the agent refused this end, and the access lives on
    State.ENDING: frozenset({State.ACTIVE, State.ENDED}),
    **{state: frozenset() for state in State if state.final},
}


def legal(before: State, after: State) -> bool:
    """Whether a request may go from `before` to `after`; staying where it is is no transition."""
    return before is after or after in LEGAL[before]
