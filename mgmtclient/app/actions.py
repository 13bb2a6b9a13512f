"""The window's actions: one list from which menus, tool bar and context menu are made."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar

from common.ui.icons import icon
from common.ui.words import words


@dataclass(frozen=True, slots=True)
class _Declared:
    name: str
    text_key: str
    glyph: str = ""
    keys: str = ""
    on_bar: bool = False


_MENUS: tuple[tuple[str, tuple[_Declared | None, ...]], ...] = (
    (
        "mgmt.file_menu",
        (
            _Declared("add", "mgmt.add_camera_dots", "add", "Ctrl+N", on_bar=True),
            None,
            _Declared("quit", "mgmt.quit", "sign_out", "Ctrl+Q"),
        ),
    ),
    (
        "mgmt.edit_menu",
        (
            _Declared("rename", "mgmt.rename", "rename", "F2", on_bar=True),
            _Declared("enable", "mgmt.enable", "enable", on_bar=True),
            _Declared("disable", "mgmt.disable", "disable", on_bar=True),
            None,
            _Declared("remove", "mgmt.remove", "delete", "Del", on_bar=True),
        ),
    ),
    (
        "mgmt.view_menu",
        (
            _Declared("refresh", "mgmt.refresh", "refresh", "F5", on_bar=True),
            _Declared("find", "mgmt.find", "find", "Ctrl+F"),
            None,
            _Declared("theme", "mgmt.theme", "theme", "Ctrl+Shift+L"),
        ),
    ),
    ("mgmt.help_menu", (_Declared("about", "mgmt.about", "about"),)),
)


class Actions:
    """Builds menu bar and tool bar of `window`; `named[...]` are the actions, `do` what each one does."""

    def __init__(self, window: QMainWindow, do: dict[str, Callable[[], object]]) -> None:
        self.named: dict[str, QAction] = {}
        self._glyphs: dict[str, str] = {}
        bar = QToolBar(words("mgmt.tool_bar"))
        bar.setMovable(False)
        bar.toggleViewAction().setVisible(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for menu_key, entries in _MENUS:
            menu = QMenu(words(menu_key), window)
            window.menuBar().addMenu(menu)
            for entry in entries:
                if entry is None:
                    menu.addSeparator()
                    continue
                action = QAction(words(entry.text_key), window)
                if entry.keys:
                    action.setShortcut(QKeySequence(entry.keys))
                    action.setToolTip(f"{action.text().rstrip('.')} ({entry.keys})")
                action.triggered.connect(lambda _=False, name=entry.name: do[name]())
                self.named[entry.name] = action
                self._glyphs[entry.name] = entry.glyph
                menu.addAction(action)
                if entry.on_bar:
                    bar.addAction(action)
        window.addToolBar(bar)
        self.repaint()

    def repaint(self) -> None:
        """Make the icons anew after a change of theme."""
        for name, action in self.named.items():
            action.setIcon(icon(self._glyphs[name], "text"))
