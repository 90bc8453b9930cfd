"""On what terms access is asked for: the reason, for how long, and whether for one use."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON, MAX_TTL
from p0_access.routing.durations import parse_duration, spell_duration
from p0_tui.safe import safe
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput

TTL_CHOICES: Final = (900, 1800, 3600, 7200, 14_400, 28_800)
"""Seconds, for the arrow keys; any other may be typed."""

_ONE_SHOT_WORDS: Final[dict[bool | None, str]] = {
    None: "one use if it writes",
    True: "one use only",
    False: "until its time is up",
}


class TtlInput(SafeInput):
    """Up and down go through the usual times."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(1)", "Longer", show=False),
        Binding("down", "step(-1)", "Shorter", show=False),
    ]

    @property
    def seconds(self) -> int | None:
        """None when there is none, or it is not one: see `is_wrong`."""
        try:
            return parse_duration(self.value.strip())
        except ValueError:
            return None

    @property
    def is_wrong(self) -> bool:
        return self.seconds is None and bool(self.value.strip())

    def action_step(self, by: int) -> None:
        now = self.seconds
        if now is None:
            self.value = spell_duration(TTL_CHOICES[1])
        elif by > 0:
            self.value = spell_duration(next((each for each in TTL_CHOICES if each > now), now))
        else:
            self.value = spell_duration(next((each for each in reversed(TTL_CHOICES) if each < now), now))
        self.cursor_position = len(self.value)


def lifetime_problem(lasting: TtlInput) -> str | None:
    """Why it is not how long an allowance or a delegation may stand."""
    if lasting.seconds is None:
        return "Stands for: a time, such as 8h."
    return None if lasting.seconds <= MAX_TTL else f"Stands for: at most {spell_duration(MAX_TTL)}."


class OneShotSwitch(Prose, can_focus=True):
    """Space, Enter or a click goes from `if it writes` to `one use only` to `until its time is up`."""

    DEFAULT_CSS = """
    OneShotSwitch { width: auto; min-width: 20; &:focus { text-style: bold reverse; } }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "switch", "Switch", show=False)]

    class Switched(Message):
        """It stands elsewhere now."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(safe(_ONE_SHOT_WORDS[None]), id=id)
        self._value: bool | None = None

    @property
    def value(self) -> bool | None:
        return self._value

    @value.setter
    def value(self, value: bool | None) -> None:
        self._value = value
        self.show(safe(_ONE_SHOT_WORDS[value]))

    def action_switch(self) -> None:
        self.value = {None: True, True: False, False: None}[self.value]
        self.post_message(self.Switched())

    def on_click(self, _: events.Click) -> None:
        self.action_switch()


class Terms(Container):
    """The reason over the time and the switch, or all on one line where `p0.tcss` says so."""

    DEFAULT_CSS = """
    Terms {
        height: auto;
        & > #reason { width: 1fr; }
        & > #limits { height: 1; }
        & #ttl { width: 10; }
    }
    """

    class Changed(Message):
        """The reason or the time was edited, or the switch was moved."""

    class Submitted(Message):
        """Enter in the reason or the time."""

    def compose(self) -> ComposeResult:
        yield SafeInput("why you need it", limit=MAX_REASON, id="reason")
        with Horizontal(id="limits"):
            yield TtlInput("TTL ↑↓", limit=8, id="ttl")
            yield OneShotSwitch(id="one-shot")

    @property
    def reason(self) -> str:
        return self.query_one("#reason", SafeInput).value.strip()

    @property
    def ttl(self) -> TtlInput:
        return self.query_one(TtlInput)

    @property
    def one_shot(self) -> bool | None:
        return self.query_one(OneShotSwitch).value

    def fill(self, *, reason: str, ttl: int | None, one_shot: bool | None) -> None:
        self.query_one("#reason", SafeInput).value = reason
        self.ttl.value = "" if ttl is None else spell_duration(ttl)
        self.query_one(OneShotSwitch).value = one_shot

    @on(Input.Changed)
    @on(OneShotSwitch.Switched)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())
