"""Text written by others reaches the screen literally, and by no other way than `p0_tui.safe`."""

from __future__ import annotations

import ast
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from fix_tui import CATALOG, DANA, GROUPS, MARA, ROOT, World, running, screen_text, shows, strips, until
from p0_access.messages.records import Subject
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_tui.app import P0App
from p0_tui.backend import Draft
from p0_tui.safe import safe, safe_lines, visible, visible_line

SOURCES = sorted((ROOT / "tui/p0_tui").rglob("*.py"))
HOSTILE = (
    "[@click=app.approve]read me[/] [red]r[/] \x1b]0;owned\x07\x1b[2J \x9b31m \u202egnp.exe\u2066 ze\u200bro \ufeff"
)
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def test_no_control_format_or_separator_character_stays_unseen() -> None:
    left = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and chr(code) not in "\t\n"
        and visible(chr(code)) == chr(code)
    ]
    assert left == []


@pytest.mark.parametrize("character", ["\u034f", "\u115f", "\u3164", "\uffa0", "\ufe0f", "\U000e0041", "\u00ad"])
def test_what_is_drawn_as_nothing_is_written_out(character: str) -> None:
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


@pytest.mark.parametrize("text", ["naïve", "日本語", "زمان", "a\tb", "x\ny", "½ ⇒ ✓ 🙂", "e\u0301"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_one_line_stays_one_line() -> None:
    assert safe("a\nb\tc\r\nd").plain == "a⏎b⇥c⏎d"
    assert visible_line("a\rb") == "a⟨U+000D⟩b"
    assert safe_lines("a\n\tb").plain == "a\n    b"


def test_markup_is_text() -> None:
    content = safe("[@click=app.approve]read me[/]")
    assert content.plain == "[@click=app.approve]read me[/]"
    assert content.spans == []


# --- by no other way

SINKS = {
    "Static", "Label", "Button", "Tree", "DataTable", "OptionList", "Option", "Select", "SelectionList", "RichLog",
    "Log", "Markdown", "Collapsible", "Tabs", "Tab", "TabPane", "TabbedContent", "Toast", "Header", "Footer", "Link",
    "Digits", "Checkbox", "RadioButton", "Switch", "Tooltip", "Sparkline", "Rule", "Pretty", "Text", "Notification",
}  # fmt: skip
"""Widgets and types that take strings, most of them as markup."""

MAKERS = {"from_markup", "from_text", "from_rich_text", "assemble", "styled"}
TITLES = {"border_title", "border_subtitle", "tooltip", "title", "sub_title"}
ALLOWED = {
    "safe.py": {"Content", "styled"},
    "prose.py": {"Static"},
    "pane.py": {"border_title", "border_subtitle"},
    "work.py": {"notify"},
    "app.py": {"Text"},  # a crash's report, made visible
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_module_goes_round_it(path: Path) -> None:
    """mypy checks that `Prose`, `Pane` and lines are given `Content`; this checks that only `safe` makes any, and that
    nothing else of Textual is given text."""
    found = sorted(set(_ways_round(ast.parse(path.read_text()))) - ALLOWED.get(path.name, set()))
    assert found == [], f"{path} uses {found}; show text by p0_tui.safe and Prose, Pane or LineView"


def test_the_check_sees_what_it_should() -> None:
    bad = "Static(f'{x}')\nself.border_title = name\nContent.from_markup(x)\nself.app.notify(x)\nContent('x')\nText(x)"
    assert set(_ways_round(ast.parse(bad))) == {"Static", "border_title", "from_markup", "notify", "Content", "Text"}


def test_the_one_notification_parses_no_markup() -> None:
    (call,) = (
        node
        for node in ast.walk(ast.parse((ROOT / "tui/p0_tui/screens/work.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "notify"
    )
    assert ast.unparse(call.args[0]) == "message.content.plain"
    assert {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}["markup"] == "False"


def _ways_round(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in SINKS | {"Content", "notify"}:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if name in SINKS | MAKERS | {"notify"}:
                yield name
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                yield from (item.attr for item in targets if isinstance(item, ast.Attribute) and item.attr in TITLES)
            case ast.AnnAssign(target=ast.Attribute(attr=name)) if name in TITLES:
                yield name


# --- on the real screens


class Watched(P0App):
    """Counts what a click in hostile text would run."""

    fired = 0

    def action_approve(self) -> None:
        Watched.fired += 1


async def test_hostile_text_is_shown_and_does_nothing_on_any_screen() -> None:
    world = World(catalog=_hostile_catalog())
    attacker = Subject(iss="https://id.example", sub="x", email=f"{HOSTILE}@x")
    draft = Draft(database="mydatabase", sql=f"select email from enterprise.customers -- {HOSTILE}", reason=HOSTILE)
    asked = world.ask(draft, attacker, ("analysts", HOSTILE))
    world.ask(draft, DANA, GROUPS)
    world.move(world.ask(draft, DANA, GROUPS).rid, world.views[asked.rid].state.DENIED, "denied", message=HOSTILE)
    async with running(world, (120, 40), kind=Watched) as pilot:
        await shows(pilot, "evil[@click")
        await pilot.press("ctrl+o", "c", "f10")
        await shows(pilot, "⟨U+202E⟩")
        _assert_harmless(pilot)
        await pilot.press("f10")
        for key, expected in (("2", "⟨U+001B⟩"), ("3", "✓ verified"), ("4", "⟨U+202E⟩")):
            await pilot.press("ctrl+o", key)
            await shows(pilot, expected, "read me")
            _assert_harmless(pilot)
            await _click_on_every(pilot, "read me")
        await pilot.press("ctrl+o", "3", "A")
        await shows(pilot, "Approve: ", "[@click=app.approve]read me[/]")
        _assert_harmless(pilot)
        await _click_on_every(pilot, "read me")
    assert Watched.fired == 0
    assert world.decided == []


async def test_a_hostile_message_from_the_server_is_a_literal_toast() -> None:
    world = World()
    async with running(world, (120, 40)) as pilot:
        world.ask(
            Draft(database="mydatabase", sql="select email from enterprise.customers", reason=HOSTILE), MARA, GROUPS
        )
        await shows(pilot, "To review: mara@corp.example", "[@click=app.approve]read me[/]", "⟨U+202E⟩")
        _assert_harmless(pilot)


async def test_pasted_text_is_made_visible_before_it_can_be_signed() -> None:
    world = World()
    async with running(world, (120, 40)) as pilot:
        pilot.app.screen.post_message(events.Paste("select 1 \u202e-- \x1b[2J"))
        await shows(pilot, "select 1 ⟨U+202E⟩-- ⟨U+001B⟩[2J")
        await pilot.press("ctrl+o", "r", *"why")
        pilot.app.screen.post_message(events.Paste("\u200bx"))
        await until(pilot, lambda: "why⟨U+200B⟩x" in screen_text(pilot), "the reason")
        _assert_harmless(pilot)


async def _click_on_every(pilot: Pilot[None], text: str) -> None:
    places = [(line.index(text) + 2, y) for y, line in enumerate(screen_text(pilot).splitlines()) if text in line]
    assert places, f"{text!r} is nowhere on the screen"
    for place in places:
        await pilot.click(offset=place)


def _assert_harmless(pilot: Pilot[None]) -> None:
    for strip in strips(pilot):
        for segment in strip:
            assert UNSEEN.search(segment.text) is None, repr(segment.text)
            assert segment.control is None
            assert "@click" not in (segment.style.meta if segment.style is not None else {})


def _hostile_catalog() -> Catalog:
    evil = Relation(
        schema="enterprise",
        name=f"evil{HOSTILE}",
        kind="table",
        columns=(Column(name=HOSTILE, type=HOSTILE, comment=HOSTILE),),
    )
    return Catalog(
        database="mydatabase",
        version="v1",
        server_version=18,
        schemas=(*CATALOG.schemas, HOSTILE),
        relations=(*CATALOG.relations, evil),
    )
