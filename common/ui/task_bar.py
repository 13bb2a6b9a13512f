"""Long work in the status bar: what runs, how far it is, what came of it. It can be left alone."""

from collections.abc import Callable
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QWidget

from common.foundation.errors import VmsError
from common.ui.icons import icon
from common.ui.off_thread import run_off_thread
from common.ui.words import sentence, words

T = TypeVar("T")

_SHOWN_FOR_MS = 6_000


class TaskBar(QWidget):
    """Put it into a window's status bar. One line: the newest running task, else the newest result for six seconds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._running: dict[int, str] = {}
        self._next = 0
        self._sign = QLabel()
        self._text = QLabel()
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(96)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(words("ui.task_progress"))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self._bar)
        row.addWidget(self._sign)
        row.addWidget(self._text, 1)
        self._fade = QTimer(self)
        self._fade.setSingleShot(True)
        self._fade.timeout.connect(self._show)
        self._show()

    @classmethod
    def into(cls, bar: QStatusBar) -> "TaskBar":
        """Make one at the left of a status bar."""
        made = cls()
        bar.addWidget(made, 1)
        return made

    def run(
        self,
        owner: QObject,
        label: str,
        fn: Callable[[], T],
        *,
        done: Callable[[T], None],
        failed: Callable[[VmsError], None],
        result: str = "",
    ) -> None:
        """Run `fn` off the GUI thread and show it here as `label`, afterwards `result`.

        `done` or `failed` is called unless `owner` is gone; the line is put right in any case.
        """
        number, self._next = self._next, self._next + 1
        self._running[number] = label
        self._show()
        owner_gone = QObject(owner)  # deleted with its owner: then neither callback may run

        def succeeded(value: T) -> None:
            self._finish(number)
            if result:
                self.say(result)
            if _alive(owner_gone):
                done(value)

        def broke(error: VmsError) -> None:
            self._finish(number)
            self.say(sentence(error), "error")
            if _alive(owner_gone):
                failed(error)

        run_off_thread(self, fn, succeeded, broke)

    def say(self, text: str, tone: str = "ok") -> None:
        """Show a result for a few seconds."""
        glyph, tint = {"ok": ("ok", "ok"), "error": ("error", "alarm")}.get(tone, ("info", "muted"))
        self._sign.setPixmap(icon(glyph, tint).pixmap(16, 16))
        self._text.setText(text)
        self._text.setToolTip(text)
        self._sign.show()
        self._fade.start(_SHOWN_FOR_MS)

    def text(self) -> str:
        """Return what the line says."""
        return self._text.text()

    def _finish(self, number: int) -> None:
        self._running.pop(number, None)
        self._show()

    def _show(self) -> None:
        self._bar.setVisible(bool(self._running))
        self._sign.hide()
        if self._running:
            label = list(self._running.values())[-1]
            more = len(self._running) - 1
            self._text.setText(words("ui.task_and_more", task=label, more=more) if more else label)
        else:
            self._text.setText("")
        self._text.setToolTip("")


def _alive(marker: QObject) -> bool:
    return bool(shiboken6.isValid(marker))
