"""How far each agent's evidence log has come, as it says with each answer: a log that goes back has lost entries, or is
another one.

Answers may overtake each other, so an earlier entry counts only once a later one has been known for a while.
"""

from __future__ import annotations

from typing import Final

from p0_access.messages.records import LogHead

OVERTAKING_SECONDS: Final = 60


class Heads:
    """`known` are the heads by agent that were heard before this server started."""

    def __init__(self, known: dict[str, LogHead], now: int) -> None:
        self._latest = {agent: (head, now - OVERTAKING_SECONDS) for agent, head in known.items()}

    def heard(self, agent: str, head: LogHead, now: int) -> str | None:
        """What is wrong with `head`, in words; told once, after which it counts as the latest."""
        latest, since = self._latest.get(agent, (None, now))
        if latest is None or head.n > latest.n:
            self._latest[agent] = (head, now)
            return None
        if head == latest:
            return None
        if head.n == latest.n:
            problem = f"has another entry {head.n} than the one that it had before"
        elif now - since < OVERTAKING_SECONDS:
            return None
        else:
            problem = f"went back from entry {latest.n} to {head.n}"
        self._latest[agent] = (head, now)
        return problem
