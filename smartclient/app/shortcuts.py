"""Binds the keys to what they do, and leaves to text fields, trees and buttons the keys that they need themselves."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QWidget,
)

from smartclient.app.keys import KEYS

_REPEATING = frozenset({"left", "right", "back_10_s", "on_10_s"})
_TREE_KEYS = frozenset(
    {
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Return,
        Qt.Key.Key_Enter,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
    }
)
_PLAIN = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier


class Shortcuts(QObject):
    """The keys of one window. `acts` names what actions of `KEYS` do; the keys of others do nothing."""

    def __init__(self, window: QWidget, acts: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(window)
        self._window = window
        self._bound: list[tuple[QShortcut, str]] = []
        for binding in KEYS:
            if binding.action not in acts:
                continue
            for key in binding.keys:
                shortcut = QShortcut(QKeySequence(key), window)
                shortcut.activated.connect(acts[binding.action])
                shortcut.setAutoRepeat(binding.action in _REPEATING)
                self._bound.append((shortcut, binding.where))
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # there is one: we have a window

    def be_in(self, tab: str) -> None:
        """Enable the keys of a tab (`live`, `playback`) beside those that hold everywhere."""
        for shortcut, where in self._bound:
            shortcut.setEnabled(where in ("all", tab))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that a text field, the tree or a control needs for itself are theirs while it has the focus."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QWidget)
            and watched.window() is self._window
            and _needs(watched, event)
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)


def _needs(widget: QWidget, event: QKeyEvent) -> bool:
    key = event.key()
    if event.modifiers() & ~_PLAIN or Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35 or key == Qt.Key.Key_Escape:
        return False
    if isinstance(widget, QLineEdit | QAbstractSpinBox | QComboBox):
        return True
    if isinstance(widget, QAbstractItemView):
        return key in _TREE_KEYS
    return isinstance(widget, QAbstractButton) and key == Qt.Key.Key_Space
