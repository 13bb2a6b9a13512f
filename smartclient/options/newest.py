"""Writes the newest of values that come faster than the disk writes."""

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject

from common.ui.off_thread import run_off_thread

T = TypeVar("T")


class NewestWriter(QObject, Generic[T]):
    """One value at a time, or an older one might be written last. `write` runs off the GUI thread."""

    def __init__(self, write: Callable[[T], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._write = write
        self._waiting: list[T] = []
        self._busy = False

    def put(self, value: T) -> None:
        """Write this; what still waited is not written any more."""
        self._waiting = [value]
        self._next()

    def _next(self) -> None:
        if self._waiting and not self._busy:
            value = self._waiting.pop()
            self._busy = True
            run_off_thread(self, lambda: self._write(value), self._written, self._written)

    def _written(self, _: object) -> None:
        self._busy = False
        self._next()
