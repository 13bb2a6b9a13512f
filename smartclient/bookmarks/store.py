"""The bookmarks of the cameras in view, kept fresh off the GUI thread, and what the operator does with them."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from common.clients.bookmarks import Bookmark, Rest, SiteBookmarks, new_bookmark
from common.foundation.clock import US_PER_S
from common.foundation.errors import VmsError
from common.ui.off_thread import Job, run_off_thread

AROUND_US = (3 * US_PER_S, 30 * US_PER_S)
"""A quick bookmark begins so much before the moment, and ends so much after it."""
_REFRESH_MS = 15_000
_ASK_AFTER_MS = 250


@dataclass(frozen=True, slots=True)
class _Wanted:
    devices: tuple[str, ...]
    begin_us: int
    end_us: int


class BookmarkStore(QObject):
    """`changed` follows each difference of what is in view; `created`, `deleted` what the operator did."""

    changed = Signal()
    created = Signal(object)
    """A Bookmark."""
    deleted = Signal(object)
    """A Bookmark, which `put_back` brings back."""
    failed = Signal(object)
    """A VmsError."""

    def __init__(self, client: Rest, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._site = SiteBookmarks(client)
        self._wanted: _Wanted | None = None
        self._in_view: list[Bookmark] = []
        self._asked: Job | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_ASK_AFTER_MS)
        self._soon.timeout.connect(self._ask)
        self._again = QTimer(self)
        self._again.setInterval(_REFRESH_MS)
        self._again.timeout.connect(self._ask)

    def want(self, devices: tuple[str, ...], begin_us: int, end_us: int) -> None:
        """Keep those of these cameras in this time (and as much on either side)."""
        known = self._wanted
        if known is not None and known.devices == devices and known.begin_us <= begin_us and end_us <= known.end_us:
            return
        margin_us = end_us - begin_us
        self._wanted = _Wanted(devices, max(0, begin_us - margin_us), end_us + margin_us)
        self._soon.start()
        self._again.start()

    def rest(self) -> None:
        """Nobody looks: do not ask any more."""
        self._again.stop()
        self._soon.stop()

    def of(self, device: str) -> list[Bookmark]:
        """A camera's bookmarks in view, oldest first; of all cameras for ""."""
        return [mark for mark in self._in_view if device in ("", mark.device)]

    # what the operator does

    def add(self, device: str, at: int, header: str, description: str = "") -> None:
        """Bookmark the moment, with three seconds before and thirty after it."""
        self.put(new_bookmark(device, at, AROUND_US, header, description))

    def put(self, bookmark: Bookmark) -> None:
        """Store a new one."""
        self._do(lambda: self._site.create(bookmark), self._created)

    def put_back(self, bookmark: Bookmark) -> None:
        """Undo a deletion."""
        self._do(lambda: self._site.create(bookmark), lambda _: self._ask())

    def change(self, bookmark: Bookmark) -> None:
        """Store it as it is now."""
        self._do(lambda: self._site.change(bookmark), lambda _: self._ask())

    def delete(self, bookmark: Bookmark) -> None:
        """Remove it; `deleted` follows."""

        def done(_: None) -> None:
            self._ask()
            self.deleted.emit(bookmark)

        self._do(lambda: self._site.delete(bookmark.id), done)

    def search(self, text: str, done: Callable[[list[Bookmark]], None]) -> Job:
        """Look in all that may be seen; a later search should cancel an earlier one."""
        return run_off_thread(self, lambda: self._site.search(text=text), done, self.failed.emit)

    def _do(self, act: Callable[[], object], done: Callable[..., None]) -> None:
        run_off_thread(self, act, done, self.failed.emit)

    def _created(self, bookmark: Bookmark) -> None:
        self._ask()
        self.created.emit(bookmark)

    def _ask(self) -> None:
        wanted = self._wanted
        if wanted is None or not wanted.devices:
            self._show([])
            return
        if self._asked is not None:
            self._asked.cancel()

        def ask() -> list[Bookmark]:
            return self._site.search(wanted.begin_us, wanted.end_us, wanted.devices)

        self._asked = run_off_thread(self, ask, self._show, self._unknown)

    def _show(self, found: list[Bookmark]) -> None:
        if found != self._in_view:
            self._in_view = found
            self.changed.emit()

    def _unknown(self, error: VmsError) -> None:
        """What is shown stays; the site watch says that the server is away, and the next question may be answered."""
