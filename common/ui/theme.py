"""The product's look: colours and sizes from `resources/qss/tokens.json`, applied to Qt as palette and style sheet.

Widgets that paint themselves ask `colour("recorded")`; a theme change reaches them as `QEvent.Type.PaletteChange`.
"""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

ThemeName = Literal["dark", "light"]

_current: list[ThemeName] = ["dark"]
_STYLED = "vedette_styled"


@cache
def _file() -> dict[str, dict[str, str | int]]:
    parsed: dict[str, dict[str, str | int]] = json.loads(
        files("resources").joinpath("qss", "tokens.json").read_text(encoding="utf-8")
    )
    return parsed


def theme() -> ThemeName:
    """Return the theme that the application shows now."""
    return _current[0]


def token(name: str, of: ThemeName | None = None) -> str:
    """Return a colour token as `#RRGGBB`; raise KeyError when there is none of that name."""
    return str(_file()[of or theme()][name])


def colour(name: str, alpha: int = 255) -> QColor:
    """Return a colour token of the current theme for a painter, `alpha` 0 (clear) to 255."""
    made = QColor(token(name))
    made.setAlpha(alpha)
    return made


def size_px(name: str) -> int:
    """Return a size token: `control`, `touch`, `radius`, `icon`, ... in device independent pixels."""
    return int(_file()["size_px"][name])


def style_sheet(of: ThemeName) -> str:
    """Fill the one QSS template with a theme's tokens."""
    template = files("resources").joinpath("qss", "vedette.qss").read_text(encoding="utf-8")
    sizes = {f"{name}_px": f"{value}px" for name, value in _file()["size_px"].items()}
    marks = Path(str(files("resources").joinpath("icons", of))).as_posix()
    return Template(template).substitute(_file()[of], **sizes, marks=marks)


def apply_theme(app: QApplication, name: ThemeName) -> None:
    """Show `app` in the dark or light theme: Fusion style, palette, font size and style sheet."""
    _current[0] = name
    if app.property(_STYLED) is None:  # once: a new style polishes every widget, before the style sheet does it again
        app.setStyle(QStyleFactory.create("Fusion"))
        app.setProperty(_STYLED, True)
    font = app.font()
    font.setPixelSize(size_px("font"))
    app.setFont(font)
    app.setPalette(_palette())
    app.setStyleSheet(style_sheet(name))


def _palette() -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, name in {
        role.Window: "panel",
        role.WindowText: "text",
        role.Base: "raised",
        role.AlternateBase: "panel",
        role.Text: "text",
        role.PlaceholderText: "muted",
        role.Button: "raised",
        role.ButtonText: "text",
        role.BrightText: "alarm",
        role.ToolTipBase: "raised",
        role.ToolTipText: "text",
        role.Highlight: "selected",
        role.HighlightedText: "text",
        role.Link: "accent",
        role.LinkVisited: "accent",
        role.Accent: "accent",
        role.Mid: "line",
        role.Dark: "base",
        role.Light: "hover",
    }.items():
        palette.setColor(where, colour(name))
    for where in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, colour("disabled"))
    return palette


def tabular(font: QFont) -> QFont:
    """Return `font` with digits of one width, for times and tables: columns of figures stay in line."""
    figures = QFont(font)
    figures.setFeature(QFont.Tag.fromString("tnum"), 1)
    return figures


def set_role(widget: QWidget, role: str) -> None:
    """Give `widget` a part in the style sheet: `title`, `heading`, `muted`, `primary`, `danger`, `flat`, ..."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
