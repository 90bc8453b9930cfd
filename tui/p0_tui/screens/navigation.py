"""Going about the work screen: modes, panes by their labels, the next pane, zooming. Knows no request and no server."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import messages, on
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input, TextArea

from p0_tui.screens.help import HelpScreen
from p0_tui.screens.jump import JumpScreen
from p0_tui.screens.work_keys import COMMON_JUMPS, FIRST_FOCUS, HINTS, JUMPS, REQUEST_JUMPS
from p0_tui.widgets.header import MODES, HeaderBar, Mode
from p0_tui.widgets.key_hints import KeyHints
from p0_tui.widgets.pane import pane_of

COMPACT_BELOW: Final = 110


class Navigation(Screen[None]):
    """The base of the work screen, which says what a label that is no pane does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", priority=True),
        Binding("question_mark", "help", show=False),
        Binding("f6", "next_pane", "Next pane", priority=True),
        Binding("f10", "zoom", "Zoom", priority=True),
        Binding("ctrl+o", "jump", "Jump", priority=True),
        Binding("ctrl+b", "toggle_catalog", "Catalog", priority=True),
        Binding("1", "mode('request')", show=False),
        Binding("2", "mode('mine')", show=False),
        Binding("3", "mode('inbox')", show=False),
        Binding("4", "mode('history')", show=False),
    ]

    def show_header(self) -> None:
        """Draws the header anew: the mode is another."""
        raise NotImplementedError

    def jump_elsewhere(self, key: str) -> None:
        """What the label `key` leads to when it is neither a mode nor a pane."""
        raise NotImplementedError

    def on_update(self, message: messages.Update) -> None:
        """What is in a mode that does not show is not drawn: it is, as soon as that shows. Asked to draw what has no
        place, Textual (8.2) works out all places anew without drawing what has moved, and that stands where it was
        until the terminal is resized."""
        if not all(node.display for node in message.widget.ancestors_with_self if isinstance(node, Widget)):
            message.stop()
            message.prevent_default()

    @property
    def mode(self) -> Mode:
        current = self.query_one(ContentSwitcher).current
        return next((mode for mode in MODES if mode == current), "request")

    _mode_wanted: Mode | None = None

    def modes_are_there(self) -> None:
        """All modes can be gone to from now on; who wanted one before is brought there."""
        if self._mode_wanted is not None:
            self.action_mode(self._mode_wanted)

    def action_mode(self, mode: Mode) -> None:
        if not self.query(f"#{mode}"):
            self._mode_wanted = mode
            return
        self.query_one(ContentSwitcher).current = mode
        self.show_mode()
        self.set_focus(self.query_one(FIRST_FOCUS[mode]))

    @on(HeaderBar.ModePicked)
    def _mode_picked(self, message: HeaderBar.ModePicked) -> None:
        self.action_mode(message.mode)

    @on(KeyHints.Picked)
    def _key_picked(self, message: KeyHints.Picked) -> None:
        """A key that would be typed goes to the mode's list instead."""
        if len(message.key) == 1 and isinstance(self.focused, Input | TextArea):
            self.set_focus(self.query_one(FIRST_FOCUS[self.mode]))
        self.app.call_later(self._press, message.key)  # one that a screen sends itself never reaches the bindings

    def _press(self, key: str) -> None:
        """A dialog that opened meanwhile does not get what was meant for what is below it."""
        if self.app.screen is self:
            self.app.simulate_key(key)

    def show_mode(self) -> None:
        self.set_class(self.mode != "request", "listing")
        self.query_one(KeyHints).show_hints(HINTS[self.mode])
        self.show_header()

    def action_jump(self) -> None:
        """At once, not in a worker: the label may be typed before the labels are drawn."""
        panes = [(key, name) for key, name, _ in JUMPS[self.mode]]
        more = REQUEST_JUMPS if self.mode == "request" else ()
        self.app.push_screen(JumpScreen((*COMMON_JUMPS, *panes, *more)), self._jump)

    def _jump(self, key: str | None) -> None:
        if key is None:
            return
        selector = next((selector for known, _, selector in JUMPS[self.mode] if known == key), None)
        if selector is not None:
            self.focus_on(selector)
        elif key.isdecimal():
            self.action_mode(list(MODES)[int(key) - 1])
        else:
            self.jump_elsewhere(key)

    def focus_on(self, selector: str) -> None:
        """Brings what is asked for to the front where space is short, and focuses it."""
        self.set_class(selector == "#catalog", "show-catalog")
        if selector in {"#status", "#permissions"}:
            self.set_class(selector == "#status", "show-status")
        self.set_focus(self.query_one(selector))

    def action_toggle_catalog(self) -> None:
        if self.mode == "request":
            self.focus_on("#editor" if self.has_class("show-catalog") else "#catalog")

    def action_next_pane(self) -> None:
        selectors = [selector for _, _, selector in JUMPS[self.mode]]
        within = [
            index
            for index, selector in enumerate(selectors)
            if self.focused is not None and pane_of(self.query_one(selector)) is pane_of(self.focused)
        ]
        self.focus_on(selectors[(within[0] + 1) % len(selectors)] if within else selectors[0])

    def action_zoom(self) -> None:
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None and (pane := pane_of(self.focused)) is not None:
            self.maximize(pane)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.mode))
