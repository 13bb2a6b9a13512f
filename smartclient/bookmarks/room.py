"""Bookmarks as the Playback tab has them: the quick one, the detailed one, and the list."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from common.clients.bookmarks import Bookmark, Rest, new_bookmark
from common.foundation.clock import UtcUs
from common.ui.words import words
from smartclient.bookmarks.dialog import BookmarkDialog
from smartclient.bookmarks.panel import BookmarkPanel
from smartclient.bookmarks.store import AROUND_US, BookmarkStore
from smartclient.site.snapshot import Site, SiteCamera


class BookmarkRoom(QObject):
    """Everything about bookmarks of one signed-in user."""

    go_asked = Signal(object)
    """A Bookmark to go to."""
    made = Signal(str)

    def __init__(self, client: Rest, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._site = Site()
        self._panel: BookmarkPanel | None = None
        self._dialog: BookmarkDialog | None = None
        self.store = BookmarkStore(client, self)
        self.store.created.connect(lambda mark: self.made.emit(words("bookmarks.made", header=mark.header)))

    def show_site(self, site: Site) -> None:
        self._site = site

    def quick(self, camera: SiteCamera, at: UtcUs) -> None:
        """Bookmark a moment without a question."""
        self.store.add(camera.id, at, words("bookmarks.quick_header", camera=camera.name))

    def detailed(self, camera: SiteCamera, at: UtcUs, span: tuple[int, int] | None, now: UtcUs) -> BookmarkDialog:
        """Ask what to say of a moment; of the selected time, when there is one."""
        mark = new_bookmark(camera.id, at, AROUND_US, "")
        if span is not None:
            begin, end = span
            moment = UtcUs(min(max(at, begin), end))
            mark = Bookmark(mark.id, mark.device, UtcUs(begin), moment, UtcUs(end), "")
        return self._ask(mark, now, new=True)

    def edit(self, mark: Bookmark, now: UtcUs) -> BookmarkDialog:
        """Change one."""
        return self._ask(mark, now, new=False)

    def open_panel(self, now: UtcUs) -> BookmarkPanel:
        """Show the list."""
        if self._panel is None:
            self._panel = BookmarkPanel(self.store, self._name, self._window)
            self._panel.go_asked.connect(self.go_asked)
            self._panel.edit_asked.connect(lambda mark: self.edit(mark, now))
        self._panel.refresh()
        self._panel.show()
        self._panel.raise_()
        return self._panel

    def _ask(self, mark: Bookmark, now: UtcUs, new: bool) -> BookmarkDialog:
        if self._dialog is not None:
            self._dialog.close()
        dialog = self._dialog = BookmarkDialog(mark, self._name(mark.device), now, self._window)
        keep = self.store.put if new else self.store.change
        dialog.accepted.connect(lambda: keep(dialog.bookmark))
        dialog.open()
        return dialog

    def _name(self, device: str) -> str:
        camera = self._site.camera(device)
        return words("bookmarks.unknown_camera") if camera is None else camera.name
