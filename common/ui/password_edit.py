"""A field for a password: hidden, can be looked at, and says when caps lock is on."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from common.ui.icons import icon
from common.ui.words import words


class PasswordEdit(QLineEdit):
    """`text()` is the password. The eye at the right edge shows it until pressed again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self._eye = self.addAction(icon("show"), QLineEdit.ActionPosition.TrailingPosition)
        self._eye.setToolTip(words("ui.show_password"))
        self._eye.triggered.connect(self._toggle)
        self._caps = self.addAction(icon("caps_lock", "warn"), QLineEdit.ActionPosition.TrailingPosition)
        self._caps.setToolTip(words("ui.caps_lock"))
        self._caps.setVisible(False)

    def caps_lock_shown(self) -> bool:
        """Whether the hint is there."""
        return self._caps.isVisible()

    def _toggle(self) -> None:
        hidden = self.echoMode() == QLineEdit.EchoMode.Password
        self.setEchoMode(QLineEdit.EchoMode.Normal if hidden else QLineEdit.EchoMode.Password)
        self._paint_eye()

    def _paint_eye(self) -> None:
        hidden = self.echoMode() == QLineEdit.EchoMode.Password
        self._eye.setIcon(icon("show" if hidden else "hide"))
        self._eye.setToolTip(words("ui.show_password" if hidden else "ui.hide_password"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Guess caps lock from a letter whose case is not what shift says: Qt has no other way to know."""
        typed = event.text()
        if len(typed) == 1 and typed.isalpha() and typed.upper() != typed.lower():
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._caps.setVisible(typed.isupper() != shift)
        elif event.key() == Qt.Key.Key_CapsLock:
            self._caps.setVisible(False)
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_caps"):
            self._paint_eye()
            self._caps.setIcon(icon("caps_lock", "warn"))
