"""The look: every token used exists in both themes, and texts can be read."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from common.ui import theme

TOKENS = json.loads(files("resources").joinpath("qss", "tokens.json").read_text(encoding="utf-8"))


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_template_fills_from_either_theme(name: theme.ThemeName) -> None:
    sheet = theme.style_sheet(name)
    assert "$" not in sheet
    for mark in re.findall(r'url\("(.+?)"\)', sheet):
        assert Path(mark).read_text(encoding="utf-8").startswith("<svg")


def test_both_themes_name_the_same_tokens() -> None:
    assert TOKENS["dark"].keys() == TOKENS["light"].keys()


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("text", "panel", 7),
        ("text", "selected", 7),
        ("muted", "panel", 4.5),
        ("muted", "base", 4.5),
        ("faint", "panel", 3),
        ("on_accent", "accent", 4.5),
        ("alarm", "panel", 4.5),
        ("edge", "panel", 3),
    ],
)
def test_contrast(name: str, ink: str, ground: str, least: float) -> None:
    assert _contrast(TOKENS[name][ink], TOKENS[name][ground]) >= least


def test_an_unknown_token_is_an_error() -> None:
    with pytest.raises(KeyError):
        theme.token("no such token")
