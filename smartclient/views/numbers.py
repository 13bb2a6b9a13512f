"""Views by number: digits are gathered until only one number can be meant."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

_WAIT_MS = 700


class NumberEntry(QObject):
    """`numbers` says which there are."""

    entered = Signal(str)

    def __init__(self, numbers: Callable[[], set[str]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = numbers
        self._typed = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._finish)

    @property
    def begun(self) -> bool:
        """Whether a number is being typed."""
        return bool(self._typed)

    def digit(self, digit: int) -> None:
        """A digit was pressed: a longer number may follow, if there is one that begins so."""
        self._typed += str(digit)
        if any(number != self._typed and number.startswith(self._typed) for number in self._numbers()):
            self._timer.start()
        else:
            self._finish()

    def _finish(self) -> None:
        self._timer.stop()
        typed, self._typed = self._typed, ""
        self.entered.emit(typed)
