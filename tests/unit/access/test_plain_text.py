"""What is told of an emergency stands in chat systems, and says nothing that its sentence does not."""

from __future__ import annotations

import pytest

from p0_access.messages.mandates import Notice
from p0_access.plain import MAX_TEXT, plain, unmarked


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "a drill <https://evil.example|p0 show r-1> <!channel>",
            "a drill \u2039https://evil.example|p0 show r-1\u203a \u2039!channel\u203a",
        ),
        ("[p0 show](https://evil.example)[x] [y]", "[p0 show] (https://evil.example)[x] [y]"),
        ("@everyone, (@here) dana@corp.example", "\uff20everyone, (\uff20here) dana@corp.example"),
        ("a\nb\x1b[2J\u2028c\u202ed\ud800", "a b [2J cd"),
        ("O'Neil & sons: INC-1, 5 > 3", "O'Neil & sons: INC-1, 5 \u203a 3"),
    ],
)
def test_what_others_wrote_calls_nobody_and_links_nowhere(text: str, seen: str) -> None:
    assert unmarked(text) == seen


def test_it_is_one_line_of_so_many_characters() -> None:
    assert plain("x" * MAX_TEXT) == "x" * MAX_TEXT
    cut = plain("x" * 2_000)
    assert (len(cut), cut[-2:]) == (MAX_TEXT, "x…")


def test_the_notice_of_an_emergency_is_one_sentence_of_ours() -> None:
    notice = Notice(
        rh="r" * 43,
        rid="r-aaaaaaaa",
        database="<!here>",
        requestor="eve@corp.example",
        reason="a drill.\nFor nobody: <https://evil.example|p0 show>",
        permissions=(),
        rules=("glass",),
        notify=("security",),
        ttl=60,
        review_within=60,
        at=1,
    )
    assert notice.text == (
        "p0: eve@corp.example breaks the glass on \u2039!here\u203a (r-aaaaaaaa): "
        "a drill. For nobody: \u2039https://evil.example|p0 show\u203a. "
        "For security: p0 show r-aaaaaaaa, then p0 review r-aaaaaaaa"
    )
