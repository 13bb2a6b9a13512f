"""The main window: top bar, camera list and the page of the open tab, joined to the site, the video and the keys."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import VmsError
from common.ui.item_tree import ItemTree
from common.ui.notices import EmptyState, Notice
from common.ui.off_thread import run_off_thread
from common.ui.session import Session
from common.ui.window_size import first_size
from common.ui.words import sentence, words
from smartclient.app.beside import BesideWindows
from smartclient.app.hotspots import Hotspots
from smartclient.app.keys import KeyMap
from smartclient.app.last_view import LastView
from smartclient.app.listening import Listening
from smartclient.app.shortcuts import Shortcuts
from smartclient.app.top_bar import LIVE, PLAYBACK, TopBar
from smartclient.bookmarks.room import BookmarkRoom
from smartclient.exporting.room import ExportRoom
from smartclient.live.grid import TileGrid
from smartclient.live.snapshot import Snapshots
from smartclient.live.tile_acts import TileActs
from smartclient.options.views import SavedViews
from smartclient.playback.page import PlaybackPage
from smartclient.site.snapshot import Site, camera_nodes
from smartclient.site.watch import SiteWatch
from smartclient.switcher.dialog import Switcher
from smartclient.switcher.sources import Sources
from smartclient.video import control
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import MOST_PLACES, SQUARES, Layout, layout_for, square
from smartclient.views.room import ViewRoom
from smartclient.windows.desk import WindowDesk
from smartclient.windows.saved import SavedDesks

_PANE_PX = 260
_VIEWS_PX = 280
_NEWS_S = 8.0


class SmartClientWindow(QMainWindow):
    """One signed-in operator's window."""

    signed_out = Signal()

    def __init__(
        self,
        session: Session,
        engine: VideoEngine,
        views: SavedViews | None = None,
        windows: SavedDesks | None = None,
    ) -> None:
        super().__init__()
        self.setObjectName("smartclient")
        self.setWindowTitle(session.server_url.removeprefix("https://"))  # Qt adds the product's name
        first_size(self, 1440, 900)
        self._session = session
        self._engine = engine
        self._key_map: KeyMap | None = None
        self._unreached: set[str] = set()  # recorders that do not answer us, whatever management says of them

        self.watch = SiteWatch(session, self)
        self.listening = Listening(engine, self)
        self.live_grid = TileGrid(engine, recorded=False)
        self.last_view = LastView(session, views or SavedViews(), self.live_grid)
        self.desk = WindowDesk(session, engine, windows or SavedDesks(), self)
        self.playback = PlaybackPage(engine)
        self.snapshots = Snapshots(engine, parent=self)
        self.tile_acts = TileActs(lambda: self.grid, (self.live_grid, self.playback.grid), self.snapshots, self)
        self.exports = ExportRoom(session, self)
        self.bookmarks = BookmarkRoom(session.client, self)
        self.playback.sign_in(self.exports, self.bookmarks)
        self.empty = EmptyState("camera", words("smart.no_cameras"), words("smart.no_cameras_hint"))
        self.empty.setObjectName("no_cameras")
        self.waiting = EmptyState("server", words("smart.loading_site"), words("smart.loading_site_hint"))
        self.pages = QStackedWidget()
        for page in (self.live_grid, self.playback, self.empty, self.waiting):
            self.pages.addWidget(page)
        self.pages.setCurrentWidget(self.waiting)
        self.tree = ItemTree(words("smart.find_cameras"), words("smart.cameras"))
        self.tree.setObjectName("camera_tree")
        self.views = ViewRoom(session.client, self.live_grid, self)
        self.side = QSplitter(Qt.Orientation.Vertical)
        self.side.setMinimumWidth(200)
        self.side.setChildrenCollapsible(False)
        self.side.addWidget(self.views.panel)
        self.side.addWidget(self.tree)
        self.side.setStretchFactor(1, 1)
        self.side.setSizes([_VIEWS_PX, self.height() - _VIEWS_PX])
        self.notice = Notice(closable=True, passing_s=_NEWS_S)
        self.notice.setObjectName("notice")

        self.top = TopBar(session)
        self.tabs = self.top.tabs
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.side)
        self.splitter.addWidget(self.pages)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([_PANE_PX, self.width() - _PANE_PX])
        self.splitter.setCollapsible(1, False)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.notice)
        column.addWidget(self.splitter, 1)
        self.setCentralWidget(body)
        self.hotspots = Hotspots(self)
        self.hotspots.join(self.live_grid, self.playback.grid)
        self.beside = BesideWindows(
            self.desk,
            self.views,
            self.playback,
            watch=self.watch,
            listening=self.listening,
            hotspots=self.hotspots,
            acts=self._acts,
        )
        self._connect()
        acts = self._acts()
        self.sources = Sources(
            show_camera=self._tree_opened,
            open_view=self.views.open,
            go_to=self.go_to,
            now_us=self.playback.now_us,
            playhead_us=self._playhead_us,
            acts={name: act for name, act in acts.items() if name != "switcher"},
        )
        self.views.store.changed.connect(lambda: self.sources.show_views(self.views.store.tree))
        self.switcher = Switcher(self.sources, self)
        self._shortcuts = Shortcuts(self, acts)
        self._shortcuts.be_in("live")
        self.last_view.load()
        self.desk.restore()
        self.watch.start()

    # making

    def _connect(self) -> None:
        self.top.tab_changed.connect(self._tab_changed)
        self.top.layout_chosen.connect(self.set_layout)
        self.top.listen_asked.connect(self.toggle_listening)
        self.top.set_up_asked.connect(self.set_up)
        self.top.full_screen_asked.connect(self.toggle_full_screen)
        self.top.keys_asked.connect(self.show_keys)
        self.top.sign_out_asked.connect(self.sign_out)
        self.tree.opened.connect(self._tree_opened)
        self.live_grid.arranged.connect(self._mark_layout)
        self.playback.grid.arranged.connect(self._mark_layout)
        self.live_grid.selected.connect(lambda _camera: self._listen_again())
        self.playback.grid.selected.connect(lambda _camera: self._listen_again())
        self.playback.live_asked.connect(self.show_live)
        self.desk.said.connect(lambda said: self.notice.say("info", said))
        self.views.opened.connect(self._view_opened)
        self.hotspots.said.connect(lambda said: self.notice.say("info", said))
        self.views.said.connect(lambda said: self.notice.say("info", said))
        self.views.deleted.connect(lambda said: self.notice.say("ok", said, words("views.undo"), self.views.store.undo))
        self.views.store.failed.connect(self.notice.say_error)
        self.watch.changed.connect(self._site_changed)
        self.watch.looked.connect(self.views.store.refresh)
        self.watch.token.connect(self._engine.set_token)
        self.watch.failed.connect(self._site_failed)
        self.watch.recovered.connect(self.notice.clear)
        self.watch.signed_out.connect(self._session_ended)
        self._engine.token_wanted.connect(self.watch.refresh)
        self._engine.recorder.connect(self._recorder_said)
        self.listening.changed.connect(self._listening_changed)
        self.snapshots.said.connect(lambda said: self.notice.say("info", said))
        self.snapshots.failed.connect(self.notice.say_error)
        self.exports.said.connect(lambda said: self.notice.say("ok", said))
        self.exports.failed.connect(self.notice.say_error)
        self.playback.said.connect(lambda said: self.notice.say("info", said))
        self.bookmarks.made.connect(lambda said: self.notice.say("ok", said))
        self.bookmarks.store.failed.connect(self.notice.say_error)
        self.bookmarks.go_asked.connect(lambda _: self.show_playback())
        self.listening.said.connect(lambda said: self.notice.say("info", said))

    def _acts(self) -> dict[str, Callable[[], object]]:
        return {
            "show_live": self.show_live,
            "show_playback": self.show_playback,
            **{f"layout_{number}": partial(self.set_layout, square(number)) for number in SQUARES[:9]},
            **{f"number_{digit}": partial(self.views.numbers.digit, digit) for digit in range(1, 10)},
            "hotspot": self._zero,
            "new_window": lambda: self.beside.show_again(self.grid),
            "save_view": self.views.save,
            "new_view": lambda: self.views.new_view(self.views.panel.tree.current_key()),
            "set_up": self.set_up,
            "views_list": self.find_views,
            "zoom_in": lambda: self.grid.selected_tile.zoom_by(1),
            "zoom_out": lambda: self.grid.selected_tile.zoom_by(-1),
            "maximise": self.maximise,
            "back": self.go_back,
            "remove": self.remove_camera,
            "full_screen": self.toggle_full_screen,
            "cameras_pane": self.toggle_cameras,
            "find": self.find_cameras,
            "switcher": self.find_anything,
            "listen": self.toggle_listening,
            "help": self.show_keys,
            "live_now": self.all_live,
            "left": lambda: self._arrow(-1),
            "right": lambda: self._arrow(1),
            "up": lambda: self.grid.move_selection(0, -1),
            "down": lambda: self.grid.move_selection(0, 1),
            "play_pause": self.playback.play_or_pause,
            "play_backward": lambda: self.playback.shuttle(-1),
            "play_forward": lambda: self.playback.shuttle(1),
            "back_10_s": lambda: self.playback.jump(-10 * US_PER_S),
            "on_10_s": lambda: self.playback.jump(10 * US_PER_S),
            "previous_recording": lambda: self.playback.go_to_sequence(-1),
            "next_recording": lambda: self.playback.go_to_sequence(1),
            "first": self.playback.go_to_first,
            "go_to": self.playback.transport.ask_time,
            **self.playback.acts(),
            **self.tile_acts.by_name(),
        }

    # tabs, panes, focus

    @property
    def grid(self) -> TileGrid:
        """The grid of the tab that is open."""
        return self.playback.grid if self.tabs.currentIndex() == PLAYBACK else self.live_grid

    def _zero(self) -> None:
        """0: the end of a view's number, or the hotspot."""
        numbers = self.views.numbers
        numbers.digit(0) if numbers.begun else self.hotspots.go_to(self.grid)

    def show_live(self) -> None:
        self.tabs.setCurrentIndex(LIVE)

    def _playhead_us(self) -> UtcUs:
        return self.playback.master.playhead_us if self.tabs.currentIndex() == PLAYBACK else self.playback.now_us()

    def go_to(self, at: UtcUs) -> None:
        """Play what was recorded at a time."""
        self.show_playback()
        self.playback.master.seek(at)

    def all_live(self) -> None:
        """End: live, in every tile."""
        self.show_live()
        self.live_grid.all_live()

    def show_playback(self) -> None:
        self.tabs.setCurrentIndex(PLAYBACK)

    def _tab_changed(self) -> None:
        self._show_page()
        recorded = self.tabs.currentIndex() == PLAYBACK
        self._shortcuts.be_in("playback" if recorded else "live")
        self.desk.show_time(recorded)
        self._listen_again()
        self._mark_layout()
        self.grid.setFocus()

    def _show_page(self) -> None:
        if not self.watch.site.cameras:
            return
        if self.tabs.currentIndex() == PLAYBACK:
            self.playback.grid.show_view(self.live_grid.arrangement, self.live_grid.cameras)
            self.playback.grid.select(self.live_grid.selected_tile.place)
            self.pages.setCurrentWidget(self.playback)
        else:
            self.pages.setCurrentWidget(self.live_grid)

    def _arrow(self, direction: int) -> None:
        if self.tabs.currentIndex() == PLAYBACK:
            self.playback.step(direction)
        else:
            self.live_grid.move_selection(direction, 0)

    def set_layout(self, layout: Layout) -> None:
        """Choose a layout, in both tabs."""
        self.grid.set_arrangement(layout)
        if self.grid is not self.live_grid:
            self.live_grid.set_arrangement(layout)

    def set_up(self) -> None:
        """F10: change where the tiles are. Only live pictures are shown meanwhile."""
        self.show_live()
        if self.watch.site.cameras:
            self.views.set_up(lambda key: self.watch.site.camera(key) is not None)

    def _mark_layout(self) -> None:
        self.top.show_layout(self.grid.arrangement)

    def maximise(self) -> None:
        """Let the selected tile fill the grid, or bring all back."""
        self.grid.toggle_maximised()

    def remove_camera(self) -> None:
        """Empty the selected tile, in both tabs."""
        self.grid.remove_selected()
        if self.grid is not self.live_grid:
            self._show_in_live()

    def go_back(self) -> None:
        """Esc: undo the last step of focus."""
        tile = self.grid.selected_tile
        if tile.show_whole() or tile.end_own() or self.grid.restore():
            return
        if self.isFullScreen():
            self.toggle_full_screen()
        elif self.tree.filter.text():
            self.tree.filter.clear()
            self.grid.setFocus()
        else:
            self.grid.setFocus()

    def toggle_full_screen(self) -> None:
        """Only video, and back."""
        full = not self.isFullScreen()
        self.top.setVisible(not full)
        self.side.setVisible(not full)
        self.showFullScreen() if full else self.showNormal()
        self.desk.note()

    def toggle_cameras(self) -> None:
        """Hide or show the lists of views and cameras."""
        self.side.setVisible(self.side.isHidden())

    def find_anything(self) -> None:
        """Ctrl+K."""
        self.switcher.ask()

    def find_cameras(self) -> None:
        self.side.show()
        self.tree.focus_filter()

    def find_views(self) -> None:
        self.side.show()
        self.views.panel.tree.focus_filter()

    def show_keys(self) -> None:
        """F1."""
        if self._key_map is None:
            self._key_map = KeyMap(self)
        self._key_map.show()
        self._key_map.raise_()

    # the site

    def _site_changed(self, site: Site) -> None:
        self._engine.set_recorders(site.media_uris(), self._session.ca_pem)
        self._unreached &= site.media_uris().keys()
        self.tree.show_nodes(camera_nodes(site, self._unreached))
        self.sources.show_site(site)
        self.live_grid.show_site(site)
        self.playback.show_site(site)
        if site.cameras:
            self.last_view.show_site(site)
            self._show_page()
        else:
            self.pages.setCurrentWidget(self.empty)

    def _site_failed(self, error: VmsError) -> None:
        self.notice.say_error(error)
        if self.pages.currentWidget() is self.waiting:
            self.waiting.say(words("smart.site_unreachable"), sentence(error))

    def _recorder_said(self, said: control.RecorderState) -> None:
        if said.connected is (said.recorder in self._unreached):
            self._unreached ^= {said.recorder}
            self.tree.show_nodes(camera_nodes(self.watch.site, self._unreached))
        if said.connected:
            now = self._engine.recorder_now_us(said.recorder)
            if now is not None:
                self.top.clock.server_said(UtcUs(now))

    def _tree_opened(self, key: str) -> None:
        if self.watch.site.camera(key) is not None:
            self.grid.add(key)
            if self.grid is not self.live_grid:
                self.live_grid.add(key)
            return
        cameras = tuple(camera.id for camera in self.watch.site.cameras if camera.recorder == key)
        if cameras:
            self.grid.show_view(layout_for(len(cameras)), cameras[:MOST_PLACES])
            self._show_in_live()

    def _view_opened(self, layout: Layout, cameras: tuple[str, ...]) -> None:
        self.grid.show_view(layout, cameras)
        self._show_in_live()

    def _show_in_live(self) -> None:
        """What was put into the open tab is in the other one, too, and remembered."""
        if self.grid is not self.live_grid:
            self.live_grid.show_view(self.grid.arrangement, self.grid.cameras)
        self.last_view.note()

    # windows

    def moveEvent(self, event: QMoveEvent) -> None:
        self.desk.note()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.desk.note()

    # sound

    def toggle_listening(self) -> None:
        """M: hear the selected camera, or nothing."""
        if self.listening.camera:
            self.listening.stop()
        else:
            self._listen()

    def _listen_again(self) -> None:
        if self.listening.camera:
            self._listen()

    def _listen(self) -> None:
        camera = self.watch.site.camera(self.grid.selected_camera)
        self.listening.listen(camera, recorded=self.tabs.currentIndex() == PLAYBACK)
        self.top.show_listening(bool(self.listening.camera))  # the pressed button shows what became of it

    def _listening_changed(self, camera: str) -> None:
        self.top.show_listening(bool(camera))
        self.live_grid.listen_to(camera)
        self.playback.grid.listen_to(camera)

    # leaving

    def _session_ended(self) -> None:
        self.notice.say("warn", words("smart.session_ended"), words("smart.sign_in_again"), self.signed_out.emit)

    def sign_out(self) -> None:
        """End the session on the server; the sign-in dialog follows."""
        client = self._session.client
        run_off_thread(self, client.sign_out, lambda _: self.signed_out.emit(), lambda _: self.signed_out.emit())

    def release(self) -> None:
        """Stop all pictures, sound and questions."""
        self.desk.close()
        self.watch.stop()
        self.exports.stop()
        self.listening.stop()
        self.playback.leave()
        self.live_grid.release()
        self.playback.grid.release()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.release()
        super().closeEvent(event)
