"""Text that others wrote: it cannot steer a terminal, and cannot pass for what p0 says itself."""

from __future__ import annotations

import io

import msgspec
import pytest

from fix_launcher import BY_PRIVACY, DATABASE, Machine, Peer
from p0_access.errors import P0Error, ReadingError
from p0_access.messages.records import What
from p0_access.permissions.permission import column, relation
from p0_launcher.errors import DeniedError, NotSignedInError, UsageError, exit_code_of, report
from p0_launcher.intent import Intent
from p0_launcher.render import permission_lines, request_lines, requests_table, review_lines
from p0_launcher.review import review
from p0_launcher.text import line, shown

HOSTILE = "a\x1b]0;title\x07\u202eb\u200bc\r\n\npermissions\n  nothing\x9b2J"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain ő 漢 🙂", "plain ő 漢 🙂"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\x9b\x07\r", "⟨U+009B⟩⟨U+0007⟩⟨U+000D⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("a\tb\nc", "a    b\nc"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_one_line_stays_one_line() -> None:
    assert shown("a\nb", lines=False) == "a⏎b"
    assert line("  a\n\n b\tc ", 20) == "a b c"
    assert line("x" * 30, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (UsageError("no", code="c"), 64, "p0: no\n"),
        (DeniedError("no\np0: yes", code="c", hint="a\nb"), 77, "p0: no⏎p0: yes\nhint: a⏎b\n"),
        (NotSignedInError("out"), 78, "p0: out\nhint: Sign in: p0 login\n"),
        (ReadingError("what?", code="c", line=3, column=4), 65, "p0: line 3, column 4: what?\n"),
        (P0Error("x\x1b[2J", code="c"), 78, "p0: x⟨U+001B⟩[2J\n"),
    ],
)
def test_an_error_is_one_line_and_a_hint(error: P0Error, status: int, printed: str) -> None:
    stream = io.StringIO()
    assert report(error, stream) == exit_code_of(error) == status
    assert stream.getvalue() == printed


def headings(text: str) -> list[str]:
    return [part for part in text.split("\n") if part and not part.startswith(" ")]


async def test_no_reason_and_no_sql_can_pass_for_what_is_signed(dana: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    honest = Intent(database=DATABASE, what=What(statement=("select 1",)), reason="r")
    hostile = Intent(database=DATABASE, what=What(statement=(f"select 1 -- {HOSTILE}",)), reason=HOSTILE)
    texts = []
    for intent in (honest, hostile):
        view = await (await dana.workflow()).submit(intent)
        reviewed = review(view, pins=dana.pins, now=int(peer.clock()))
        texts.append((review_lines(reviewed, ttl=60), request_lines(view), requests_table([view])))
    for plain, attacked in zip(*texts, strict=True):
        assert "\x1b" not in attacked
        assert "\u202e" not in attacked
        names = [
            [part.split("  ")[0] for part in headings(text) if not part.startswith("r-")] for text in (plain, attacked)
        ]
        assert names[0] == names[1]
    assert "⟨U+001B⟩" in texts[1][0]


async def test_nor_can_who_reviewed_an_emergency(dana: Machine, peer: Peer) -> None:
    emergency = Intent(database=DATABASE, what=What(statement=("select 1",)), reason="r", break_glass=True)
    view = await (await dana.workflow()).submit(emergency)
    text = request_lines(msgspec.structs.replace(view, reviewed_by=HOSTILE))
    assert "\x1b" not in text
    assert len(headings(text)) == len(headings(request_lines(view)))


async def test_a_review_says_what_the_signature_means(dana: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    view = await (await dana.workflow()).submit(
        Intent(database=DATABASE, what=What(statement=("select id", "select name")), reason="Because", ttl=900)
    )
    text = review_lines(review(view, pins=dana.pins, now=int(peer.clock())), ttl=900)
    for expected in (
        "dana@corp.example",
        "analysts",
        "Because",
        "15m, from when it is collected",
        "SQL\n  select id\nSQL\n  select name\n",
        "SELECT on enterprise.markets (id)",
        "1 of privacy",
        "any statement over these columns, by this login, until the time is up",
    ):
        assert expected in text, text
    assert msgspec.json.encode(view)


def test_columns_are_gathered() -> None:
    wanted = [column("a", "b", "x", "SELECT"), column("a", "b", "y", "SELECT"), relation("a", "b", "DELETE")]
    assert permission_lines(wanted) == ["  SELECT on a.b (x, y)", "  DELETE on a.b"]
