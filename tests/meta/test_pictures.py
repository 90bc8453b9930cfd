"""The pictures in README and docs are those of the terminal UI as it is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKER = runpy.run_path(str(ROOT / "tools/pictures.py"))
CHOSEN: dict[str, str] = MAKER["CHOSEN"]


@pytest.mark.parametrize("name", CHOSEN)
def test_a_picture_is_its_snapshot(name: str) -> None:
    made = MAKER["picture"]((MAKER["SNAPSHOTS"] / CHOSEN[name]).read_text())
    assert (MAKER["PICTURES"] / name).read_text() == made, "run `make pictures`, and look at them"


@pytest.mark.parametrize("name", CHOSEN)
def test_a_picture_loads_nothing(name: str) -> None:
    text = (MAKER["PICTURES"] / name).read_text()
    assert not re.search(r"url\((?!#)|@import|@font-face|<script|<image|href=", text)


def test_there_are_no_others() -> None:
    assert {path.name for path in MAKER["PICTURES"].iterdir()} == set(CHOSEN)


def test_what_is_shown_exists() -> None:
    texts = (ROOT / "README.md").read_text() + (ROOT / "docs/tui.md").read_text()
    shown = re.findall(r"pictures/([a-z]+\.svg)", texts)
    assert set(shown) <= set(CHOSEN)
    assert shown
