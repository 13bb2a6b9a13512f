"""All windows of a session beside the main one: opened, remembered, restored, and kept on screens that exist."""

import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtWidgets import QMainWindow

from common.foundation.clock import UtcUs
from common.ui.off_thread import run_off_thread
from common.ui.session import Session
from common.ui.words import sentence, words
from smartclient.options.newest import NewestWriter
from smartclient.options.views import SavedView
from smartclient.site.snapshot import Site
from smartclient.video.engine import VideoEngine
from smartclient.windows.floating import FloatingWindow
from smartclient.windows.saved import MOST_WINDOWS, SavedDesk, SavedDesks, SavedWindow
from smartclient.windows.spots import ScreenBox, Spot, is_reachable, place, spot_of

_SAVE_MS = 500
_SETTLE_MS = 400  # screens come and go several at a time, and the window manager moves windows by itself
_STEP_PX = 32
_TOGETHER_S = 1.0
"""A session manager closes all windows in an order of its own: those that went just before the main one come back."""


class WindowDesk(QObject):
    """`main` is the main window."""

    said = Signal(str)
    opened = Signal(object)
    """A FloatingWindow: give it keys, and what else it needs."""

    def __init__(self, session: Session, engine: VideoEngine, file: SavedDesks, main: QMainWindow) -> None:
        super().__init__(main)
        self._engine = engine
        self._main = main
        self._site = Site()
        self._recorded = False
        self._known = False  # what was saved has been read, so that saving loses nothing
        self._leaving = False
        self._closed_last: list[tuple[float, SavedWindow]] = []
        self.windows: list[FloatingWindow] = []
        self._homeless: list[FloatingWindow] = []
        server, user = session.server_url, session.user
        self._load = lambda: file.load(server, user)
        self._writer: NewestWriter[SavedDesk] = NewestWriter(lambda desk: file.save(server, user, desk), self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SAVE_MS)
        self._soon.timeout.connect(self.save)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLE_MS)
        self._settled.timeout.connect(self.bring_back)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.screenRemoved.connect(self._screen_gone)

    def restore(self) -> None:
        """Open the windows of the last session, where they were."""
        run_off_thread(self, self._load, self._restored, lambda _: self._restored(SavedDesk()))

    def _restored(self, desk: SavedDesk) -> None:
        if self._leaving:
            return
        self._known = True
        if desk.main is not None:
            put(self._main, desk.main)
            if desk.main.full_screen and not self._main.isFullScreen():
                self._full_screen(self._main)
        for saved in desk.windows:
            window = self._make(saved.name, saved.view, saved.linked)
            put(window, saved.spot)
            window.show()
            if saved.spot.full_screen and window.screen().name() == saved.spot.screen:  # else it would hide others
                window.toggle_full_screen()

    @staticmethod
    def _full_screen(main: QMainWindow) -> None:
        toggle = getattr(main, "toggle_full_screen", main.showFullScreen)
        toggle()

    # opening

    def open(self, view: SavedView, name: str = "") -> FloatingWindow | None:
        """Show a view in a new window; on the first screen without one, else beside the main window."""
        if len(self.windows) >= MOST_WINDOWS:
            self.said.emit(words("windows.too_many", most=MOST_WINDOWS))
            return None
        window = self._make(name or words("windows.name", n=len(self.windows) + 2), view, linked=True)
        taken = {self._main.screen(), *(each.screen() for each in self.windows[:-1])}
        free = next((screen for screen in QGuiApplication.screens() if screen not in taken), None)
        screen = free or self._main.screen()
        room = box_of(screen)
        offset = _STEP_PX * len(self.windows)
        width, height = room.width * 2 // 3, room.height * 2 // 3
        put(window, Spot(room.name, offset, offset, width, height))
        window.show()
        self.note()
        return window

    def _make(self, name: str, view: SavedView, linked: bool) -> FloatingWindow:
        window = FloatingWindow(self._engine, name, view, linked)
        window.show_site(self._site)
        window.show_time(self._recorded)
        window.changed.connect(self.note)
        window.snapshots.said.connect(self.said)
        window.snapshots.failed.connect(lambda error: self.said.emit(sentence(error)))
        window.closed.connect(lambda: self._closed(window))
        self.windows.append(window)
        self.opened.emit(window)
        return window

    def _closed(self, window: FloatingWindow) -> None:
        if not self._leaving:
            self._closed_last = [(time.monotonic(), _saved(window)), *self._closed_last[: MOST_WINDOWS - 1]]
            self.windows.remove(window)
            self.note()

    # what happens

    def show_site(self, site: Site) -> None:
        self._site = site
        for window in self.windows:
            window.show_site(site)

    def show_time(self, recorded: bool) -> None:
        """The main window turned to recordings, or back to live."""
        self._recorded = recorded
        for window in self.windows:
            window.show_time(recorded)

    def show_playhead(self, at: UtcUs) -> None:
        for window in self.windows:
            window.show_playhead(at)

    def listen_to(self, camera: str) -> None:
        """Mark the camera that is heard."""
        for window in self.windows:
            window.live_grid.listen_to(camera)
            window.recorded_grid.listen_to(camera)

    def _screen_gone(self, screen: QScreen) -> None:
        """Qt says so just before it moves the windows of that screen."""
        self._homeless += [window for window in self.windows if window.screen() is screen]
        self._settled.start()

    def bring_back(self) -> None:
        """Put windows whose screen is gone onto the primary one, none of them filling it: it would hide the others."""
        screens = [box_of(screen) for screen in QGuiApplication.screens()]
        for window in self._homeless:
            if window in self.windows and window.isFullScreen():
                window.toggle_full_screen()
        self._homeless.clear()
        for each in (self._main, *self.windows):
            box = _box(each)
            if screens and not each.isHidden() and not each.isFullScreen() and not is_reachable(box, screens):
                put(each, spot_of(box, screens[0], full_screen=False))

    # remembering

    def note(self) -> None:
        """Something is another: write it down soon."""
        if self._known and not self._leaving:
            self._soon.start()

    def save(self) -> None:
        """Write down what is open, and where."""
        self._save(())

    def _save(self, more: tuple[SavedWindow, ...]) -> None:
        if self._known:
            self._writer.put(SavedDesk(_spot(self._main), (*map(_saved, self.windows), *more)))

    def close(self) -> None:
        """The session ends: close all, and remember them as they were."""
        if not self._leaving:
            self._soon.stop()
            since_s = time.monotonic() - _TOGETHER_S
            self._save(tuple(saved for at_s, saved in reversed(self._closed_last) if at_s > since_s))
            self._leaving = True
            for window in self.windows:
                window.close()
            self.windows.clear()


def box_of(screen: QScreen) -> ScreenBox:
    room = screen.availableGeometry()
    return ScreenBox(screen.name(), room.x(), room.y(), room.width(), room.height())


def put(window: QMainWindow, spot: Spot) -> None:
    """Move a window to a spot, or to what comes next to it on the screens that there are."""
    screens = QGuiApplication.screens()
    number, box = place(spot, [box_of(screen) for screen in screens])
    window.setScreen(screens[number])
    window.setGeometry(*box)


def _box(window: QMainWindow) -> tuple[int, int, int, int]:
    box = window.normalGeometry() if window.isFullScreen() else window.geometry()
    return box.x(), box.y(), box.width(), box.height()


def _spot(window: QMainWindow) -> Spot:
    screen = box_of(window.screen())
    box = _box(window)
    if window.isFullScreen() and not is_reachable(box, [screen]):  # what it was before may be on another screen
        box = screen.x, screen.y, *box[2:]
    return spot_of(box, screen, window.isFullScreen())


def _saved(window: FloatingWindow) -> SavedWindow:
    return SavedWindow(window.name, _spot(window), window.view, window.linked)
