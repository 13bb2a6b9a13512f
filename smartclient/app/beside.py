"""Joins the windows beside the main one to views, sound, playback and keys."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject

from common.clients.views import SiteView
from smartclient.app.hotspots import Hotspots
from smartclient.app.listening import Listening
from smartclient.live.grid import TileGrid
from smartclient.options.views import SavedView
from smartclient.playback.page import PlaybackPage
from smartclient.site.watch import SiteWatch
from smartclient.views.numbers import NumberEntry
from smartclient.views.room import ViewRoom, content
from smartclient.windows.desk import WindowDesk
from smartclient.windows.floating import FloatingWindow


class BesideWindows(QObject):
    """`acts`: what the keys of the main window do; those that are about a grid act on their own window's."""

    def __init__(
        self,
        desk: WindowDesk,
        views: ViewRoom,
        playback: PlaybackPage,
        *,
        watch: SiteWatch,
        listening: Listening,
        hotspots: Hotspots,
        acts: Callable[[], Mapping[str, Callable[[], object]]],
    ) -> None:
        super().__init__(desk)
        self._desk = desk
        self._views = views
        self._playback = playback
        self._watch = watch
        self._listening = listening
        self._hotspots = hotspots
        self._acts = acts
        desk.opened.connect(self._opened)
        views.window_asked.connect(self._show_view)
        playback.playhead_changed.connect(desk.show_playhead)
        listening.changed.connect(desk.listen_to)
        watch.changed.connect(desk.show_site)

    def show_again(self, grid: TileGrid) -> None:
        """Show what a grid shows in a window of its own, too."""
        view = self._views.open_view
        shown = SavedView(grid.arrangement, grid.cameras[: len(grid.arrangement)])
        self._desk.open(shown, "" if view is None else view.name)

    def _show_view(self, view: SiteView) -> None:
        shown = content(view)
        if shown is not None:
            self._desk.open(SavedView(*shown), view.name)

    def _opened(self, window: FloatingWindow) -> None:
        numbers = NumberEntry(self._views.known_numbers, window)

        def show_numbered(number: str) -> None:
            view = self._views.numbered(number)
            shown = None if view is None else content(view)
            if view is not None and shown is not None:
                window.show_view(*shown, name=view.name)

        def listen() -> None:
            silent = bool(self._listening.camera)
            camera = None if silent else self._watch.site.camera(window.grid.selected_camera)
            self._listening.listen(camera, recorded=window.grid is window.recorded_grid)

        numbers.entered.connect(show_numbered)
        window.number_typed.connect(numbers.digit)
        window.recorded_grid.go_asked.connect(self._playback.master.seek)

        def zero() -> None:
            numbers.digit(0) if numbers.begun else self._hotspots.go_to(window.grid)

        self._hotspots.join(window.live_grid, window.recorded_grid)
        window.bind_keys({**self._acts(), "listen": listen, "hotspot": zero})
