"""The view that a user had last on this computer: shown again at the next start."""

from PySide6.QtCore import QObject

from common.ui.off_thread import run_off_thread
from common.ui.session import Session
from smartclient.live.grid import TileGrid
from smartclient.options.newest import NewestWriter
from smartclient.options.views import SavedView, SavedViews
from smartclient.site.snapshot import Site
from smartclient.views.layouts import MOST_PLACES, layout_for


class LastView(QObject):
    """Brings a grid's view back, and writes it down when it changes; both off the GUI thread."""

    def __init__(self, session: Session, file: SavedViews, grid: TileGrid) -> None:
        super().__init__(grid)
        self._server, self._user = session.server_url, session.user
        self._file = file
        self._grid = grid
        self._site = Site()
        self._saved: SavedView | None = None
        self._writer: NewestWriter[SavedView] = NewestWriter(
            lambda view: self._file.save(self._server, self._user, view), self
        )
        self._known = False
        grid.changed.connect(self.note)

    def load(self) -> None:
        """Read what was saved, and show it."""
        run_off_thread(
            self, lambda: self._file.load(self._server, self._user), self._loaded, lambda _: self._loaded(None)
        )

    def show_site(self, site: Site) -> None:
        """A new user of a site with cameras sees the first of them."""
        self._site = site
        self._fill_empty()

    def note(self) -> None:
        """The grid shows something else than before: remember it."""
        view = SavedView(self._grid.arrangement, self._grid.cameras)
        if view == self._saved:
            return
        self._saved = view
        if self._known:
            self._writer.put(view)

    def _loaded(self, view: SavedView | None) -> None:
        self._known = True
        if self._saved is not None:  # by somebody who was faster than the disk: that stays
            self._writer.put(self._saved)
        elif view is not None:
            self._saved = view
            self._grid.show_view(view.layout, view.cameras)
        self._fill_empty()

    def _fill_empty(self) -> None:
        if not self._site.cameras or not self._known or self._saved is not None or any(self._grid.cameras):
            return
        cameras = tuple(camera.id for camera in self._site.cameras[:MOST_PLACES])
        self._grid.show_view(layout_for(len(cameras)), cameras)
