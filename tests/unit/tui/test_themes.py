"""Every theme can be read: by the contrast of WCAG 2, 4.5 for text, and a border that stands out from its ground."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from p0_tui.themes import LIGHT_THEME, NAMES, PLAIN_THEME

THEMES = {theme.name: theme for theme in (BUILTIN_THEMES[NAMES[0]], LIGHT_THEME, PLAIN_THEME)}
TEXTS = ("foreground", "foreground-muted", "text-warning", "text-success", "text-error", "text-accent")
ON_IT = {"background": (*TEXTS, "text-secondary"), "surface": TEXTS}


def luminance(color: Color) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = (part / 255 for part in (color.r, color.g, color.b))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(theme: Theme, name: str, ground: str) -> float:
    colors = theme.to_color_system().generate() | theme.variables
    under, over = Color.parse(colors[ground]), Color.parse(colors[name])
    seen = under.blend(over.with_alpha(1.0), over.a)
    light, dark = sorted((luminance(under), luminance(seen)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_these_are_all() -> None:
    assert tuple(THEMES) == NAMES


@pytest.mark.parametrize("ground", ON_IT)
@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_read(name: str, ground: str) -> None:
    poor = {text: round(found, 1) for text in ON_IT[ground] if (found := contrast(THEMES[name], text, ground)) < 4.5}
    assert poor == {}


@pytest.mark.parametrize("name", NAMES)
def test_borders_stand_out(name: str) -> None:
    assert contrast(THEMES[name], "panel-lighten-2", "background") > 2
