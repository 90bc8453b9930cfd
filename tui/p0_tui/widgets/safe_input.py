"""A one-line input that holds no unseen characters: what is pasted becomes visible in the value itself, so that what
is read is what is sent."""

from __future__ import annotations

from textual.widgets import Input

from p0_tui.safe import visible_line


class SafeInput(Input):
    """`placeholder` is ours, never data."""

    def __init__(self, placeholder: str = "", *, value: str = "", limit: int = 0, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(
            value=visible_line(value),
            placeholder=placeholder,
            max_length=limit,
            id=id,
            compact=True,
            select_on_focus=False,
        )
        self.cursor_blink = False  # a blinking cursor is most of an idle terminal's work

    def validate_value(self, value: str) -> str:
        """Textual passes every new value through this."""
        return visible_line(value)
