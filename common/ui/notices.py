"""Saying things in place: a notice bar above a form, an empty state with its next step, an error under a field."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from common.foundation.errors import VmsError
from common.ui.icons import icon
from common.ui.theme import set_role
from common.ui.words import sentence, words

Tone = Literal["error", "warn", "ok", "info"]
_TINT = {"error": "alarm", "warn": "warn", "ok": "ok", "info": "muted"}
_GLYPH = {"error": "error", "warn": "warn", "ok": "ok", "info": "info"}


class Notice(QFrame):
    """One sentence in a tinted bar, with at most one thing to do about it. Hidden until something is said.

    With `passing_s`, good news and mere information without anything to do leave after that time.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None, closable: bool = False, passing_s: float = 0.0) -> None:
        super().__init__(parent)
        self._tone: Tone = "info"
        self._act: Callable[[], None] | None = None
        self._sign = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._button = QPushButton()
        self._button.clicked.connect(self._do)
        self._close = QToolButton()
        set_role(self._close, "flat")
        self._close.setAccessibleName(words("ui.close"))
        self._close.setToolTip(words("ui.close"))
        self._close.clicked.connect(self._dismiss)
        self._close.setVisible(closable)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        said = QVBoxLayout()
        said.setSpacing(8)
        said.addWidget(self._text)
        said.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        row.addLayout(said, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self._passing = QTimer(self)
        self._passing.setSingleShot(True)
        self._passing.setInterval(round(passing_s * 1000))
        self._passing.timeout.connect(self.clear)
        self.hide()

    def say(self, tone: Tone, text: str, action: str = "", act: Callable[[], None] | None = None) -> None:
        """Show `text`; `action` is the label of a button that calls `act`."""
        self._tone, self._act = tone, act
        set_role(self, f"notice_{tone}")
        self._text.setText(text)
        self.setAccessibleName(text)
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._paint_signs()
        self.show()
        if tone in ("ok", "info") and not action and self._passing.interval():
            self._passing.start()
        else:
            self._passing.stop()

    def say_error(self, error: VmsError, action: str = "", act: Callable[[], None] | None = None) -> None:
        """Show what an error means to the operator."""
        self.say("error", sentence(error), action, act)

    def clear(self) -> None:
        """Say nothing."""
        self._passing.stop()
        self._text.clear()
        self.hide()

    def text(self) -> str:
        """Return what it says now."""
        return self._text.text()

    def _paint_signs(self) -> None:
        self._sign.setPixmap(icon(_GLYPH[self._tone], _TINT[self._tone]).pixmap(18, 18))
        self._close.setIcon(icon("close"))

    def _do(self) -> None:
        if self._act is not None:
            self._act()

    def _dismiss(self) -> None:
        self.clear()
        self.dismissed.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_close"):
            self._paint_signs()


class EmptyState(QWidget):
    """What a page shows when it has nothing to show: a sign, what is so, and the next step."""

    acted = Signal()

    def __init__(self, glyph: str, heading: str, hint: str, action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._glyph = glyph
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.heading = QLabel(heading)
        self.heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self.heading, "heading")
        self.hint = QLabel(hint)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setWordWrap(True)
        set_role(self.hint, "muted")
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(self._sign)
        column.addWidget(self.heading)
        column.addWidget(self.hint)
        self.button = QPushButton(action)
        set_role(self.button, "primary")
        self.button.clicked.connect(self.acted)
        self.button.setVisible(bool(action))
        column.addSpacing(8)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        self._paint_sign()

    def say(self, heading: str, hint: str) -> None:
        """Change both sentences."""
        self.heading.setText(heading)
        self.hint.setText(hint)

    def _paint_sign(self) -> None:
        self._sign.setPixmap(icon(self._glyph, "faint").pixmap(40, 40))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_sign"):
            self._paint_sign()


class FieldError(QLabel):
    """The sentence under a field that cannot stay as it is; it marks the field, too."""

    def __init__(self, field: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        set_role(self, "field_error")
        self.setWordWrap(True)
        self.hide()

    def say(self, text: str) -> None:
        """Show `text` and mark the field."""
        self.setText(text)
        self.show()
        self._mark(True)
        self._field.setAccessibleDescription(text)

    def clear(self) -> None:
        """Take the mark away."""
        if self.text():
            super().clear()
            self._mark(False)
            self._field.setAccessibleDescription("")
        self.hide()

    def _mark(self, invalid: bool) -> None:
        self._field.setProperty("invalid", invalid)
        self._field.style().unpolish(self._field)
        self._field.style().polish(self._field)
