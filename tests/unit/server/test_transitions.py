"""Which state may follow which: the table of docs/architecture.md, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest

from p0_access.messages.views import State
from p0_server.transitions import LEGAL, legal

S = State


@pytest.mark.parametrize(
    "life",
    [
        (S.SUBMITTED, S.PENDING, S.APPROVED, S.PROVISIONING, S.ACTIVE, S.ENDING, S.ENDED),
        (S.SUBMITTED, S.ACTIVE, S.ENDED),
        (S.SUBMITTED, S.APPROVED, S.PROVISIONING, S.APPROVED, S.LAPSED),
        (S.SUBMITTED, S.REFUSED),
        (S.SUBMITTED, S.PENDING, S.REFUSED),
        (S.SUBMITTED, S.NEEDS_LOGIN),
        (S.SUBMITTED, S.PENDING, S.DENIED),
        (S.SUBMITTED, S.PENDING, S.NEEDS_CHANGES),
        (S.SUBMITTED, S.PENDING, S.CANCELLED),
        (S.ACTIVE, S.ENDING, S.ACTIVE),
    ],
)
def test_lives(life: tuple[State, ...]) -> None:
    assert all(legal(before, after) for before, after in pairwise(life))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.PENDING, S.SUBMITTED),
        (S.PENDING, S.ACTIVE),
        (S.ACTIVE, S.REFUSED),
        (S.ACTIVE, S.APPROVED),
        (S.ACTIVE, S.LAPSED),
        (S.PROVISIONING, S.LAPSED),
        (S.ENDING, S.CANCELLED),
    ],
)
def test_what_never_follows(before: State, after: State) -> None:
    assert not legal(before, after)


def test_every_state_is_in_the_table_and_what_is_final_stays() -> None:
    assert set(LEGAL) == set(State)
    for state in State:
        assert (LEGAL[state] == frozenset()) == state.final
        assert legal(state, state)
