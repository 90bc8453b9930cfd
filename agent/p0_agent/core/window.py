"""A rule's window: what was routed inside of it is neither approved nor opened once it has closed."""

from __future__ import annotations

from p0_agent.errors import RefusedError, Step


def in_window(not_after: int | None, now: int, *, step: Step) -> None:
    """`not_after` is when the first window of the deciding rules closes; None where none of them has one."""
    if not_after is not None and not_after <= now:
        raise RefusedError(
            "the hours of the rule that lets this through are over",
            step=step,
            code="window_closed",
            hint="Ask again when they have begun.",
        )
