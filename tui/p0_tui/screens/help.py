"""F1 or `?`: the keys, those of where one is first; typing searches them."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, joined, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput

Section = tuple[str, tuple[tuple[str, str], ...]]

SECTIONS: Final[dict[str, Section]] = {
    "request": (
        "Request: write SQL and ask for access",
        (
            ("^J", "submit; also Enter in the reason"),
            ("F2", "open psql once there is access; \\q comes back"),
            ("F3", "run the SQL that was signed in psql, and come back"),
            ("Tab", "in the editor: take the name that is offered"),
            ("^N", "in the editor: offer names, or the next one"),
            ("^O f", "lay the SQL out; ^Z takes it back"),
            ("^O -", "leave out what needs approval; x on permissions"),
            ("^O !", "break the glass: an emergency, told at once"),
            ("^O h", "SQL that was submitted or put aside"),
            ("^O o and ^O w", "open and save a file"),
            ("^E", "edit the query in $EDITOR"),
            ("/", "filter the catalog (in an editor: ^O c first)"),
            ("Enter", "in the catalog: put the name into the query"),
            ("^B", "show or hide the catalog on a small terminal"),
            ("^O [ and ^O ]", "older and newer drafts"),
            ("^O d", "choose the database"),
        ),
    ),
    "mine": (
        "Mine: what you asked for and hold",
        (
            ("Enter or F2", "open psql on the access"),
            ("d d", "give the access back, or withdraw the request"),
            ("e", "open: ask for longer; else edit and ask again"),
            ("y", "copy the p0 psql command"),
        ),
    ),
    "inbox": (
        "Inbox: what waits for your decision",
        (
            ("A", "approve: a line for a comment; Enter there signs"),
            ("X", "deny: the same, with a comment that says why"),
            ("n", "approve less: strike permissions, shorten the time"),
            ("Space", "mark; A and X then decide all that are marked"),
            ("A and X", "of an emergency: you looked at it; end it now"),
            ("Enter", "read the request; j and k scroll"),
            ("Esc", "back to the list; nothing is decided"),
        ),
    ),
    "history": (
        "History: all that happened",
        (
            ("/", "filter"),
            ("Enter", "read one; Esc goes back"),
            ("X", "end somebody's access now, if you may"),
            ("x", "export what the filter leaves, as JSON or CSV"),
            ("y", "copy the p0 psql command"),
        ),
    ),
    "everywhere": (
        "Everywhere",
        (
            ("1 2 3 4", "modes (in an editor: ^O first)"),
            ("^O", "jump to a mode or pane by its label"),
            ("F6", "next pane"),
            ("F10", "zoom the pane"),
            ("h j k l", "move in lists"),
            ("^P", "all commands"),
            ("^O x", "psql in the place of p0 tui"),
            ("^O m", "allowances and delegations"),
            ("R", "connect again now"),
            ("^Q", "quit; the draft is kept"),
        ),
    ),
    "signs": (
        "Signs",
        (
            ("✓ AUTO", "granted without a person"),
            ("▲ NEEDS APPROVAL", "people have to agree"),
            ("✗ DENIED", "the rules say no"),
            ("? UNKNOWN", "no verdict yet; unknown means no"),
            ("⟨U+202E⟩", "a character that would not be seen, written out"),
        ),
    ),
}


class HelpScreen(Dialog[None]):
    DEFAULT_CSS = """
    HelpScreen > Vertical { width: 78; height: 90%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "close", "Close", show=False),
    ]

    def __init__(self, mode: str) -> None:
        super().__init__(classes="list")
        self._mode = mode

    def action_close(self) -> None:
        self.finish(None)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield SafeInput("search the keys; Esc closes", id="help-filter")
            with VerticalScroll():
                yield Prose(self._text(""), id="help-text")

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self.query_one("#help-text", Prose).show(self._text(event.value))

    def _text(self, words: str) -> Content:
        wanted = words.casefold().split()
        lines: list[Content] = []
        for name in (self._mode, *(other for other in SECTIONS if other != self._mode)):
            title, keys = SECTIONS[name]
            found = [
                (key, does) for key, does in keys if all(word in f"{title} {key} {does}".casefold() for word in wanted)
            ]
            if found:
                lines.extend((safe(title, "bold $text-primary"), *(_line(key, does) for key, does in found), EMPTY))
        return stacked(lines) if lines else safe("no key does that", MUTED)


def _line(key: str, does: str) -> Content:
    return joined((safe(f"  {key:<18}", "bold $text-accent"), safe(does)))
