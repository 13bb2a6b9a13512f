"""The main window: tabs, camera list, server time, and what every key does."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QCloseEvent, QIcon, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import VmsError
from common.ui.icons import icon
from common.ui.item_tree import ItemTree
from common.ui.notices import EmptyState, Notice
from common.ui.off_thread import run_off_thread
from common.ui.server_time import ServerTime
from common.ui.session import Session
from common.ui.theme import set_role
from common.ui.words import sentence, words
from smartclient.app.keys import KEYS, KeyMap
from smartclient.live.grid import LAYOUTS, MOST_TILES, TileGrid, columns_for
from smartclient.options.views import SavedView, SavedViews
from smartclient.playback.page import PlaybackPage
from smartclient.site.snapshot import Site, camera_nodes
from smartclient.site.watch import SiteWatch
from smartclient.video import control
from smartclient.video.engine import VideoEngine
from smartclient.video.speaker import Speaker

_LIVE, _PLAYBACK = 0, 1
_PANE_PX = 260


class SmartClientWindow(QMainWindow):
    """One signed-in operator's window."""

    signed_out = Signal()

    def __init__(
        self, session: Session, engine: VideoEngine, views: SavedViews | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("smartclient")
        self.setWindowTitle(words("smart.title", server=session.server_url.removeprefix("https://")))
        self.resize(1440, 900)
        self._session = session
        self._engine = engine
        self._views = views or SavedViews()
        self._saved: SavedView | None = None
        self._view_known = False
        self._listening = ""
        self._key_map: KeyMap | None = None

        self.watch = SiteWatch(session, self)
        self.speaker = Speaker(self)
        self.live_grid = TileGrid(engine, recorded=False)
        self.playback = PlaybackPage(engine)
        self.empty = EmptyState("camera", words("smart.no_cameras"), words("smart.no_cameras_hint"))
        self.empty.setObjectName("no_cameras")
        self.waiting = EmptyState("server", words("smart.loading_site"), words("smart.loading_site_hint"))
        self.pages = QStackedWidget()
        for page in (self.live_grid, self.playback, self.empty, self.waiting):
            self.pages.addWidget(page)
        self.pages.setCurrentWidget(self.waiting)
        self.tree = ItemTree(words("smart.find_cameras"), words("smart.cameras"))
        self.tree.setObjectName("camera_tree")
        self.tree.setMinimumWidth(160)
        self.notice = Notice(closable=True)
        self.notice.setObjectName("notice")

        self._top = self._top_bar()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.tree)
        self.splitter.addWidget(self.pages)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([_PANE_PX, 1440 - _PANE_PX])
        self.splitter.setCollapsible(1, False)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._top)
        column.addWidget(self.notice)
        column.addWidget(self.splitter, 1)
        self.setCentralWidget(body)
        self._connect()
        self._bind_keys()
        self._load_view()
        self.watch.start()

    # making

    def _top_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("top_bar")
        set_role(bar, "panel")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        bar.setFixedHeight(40)
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(4)
        name = QLabel("Vedette")
        set_role(name, "heading")
        self.tabs = QTabBar()
        self.tabs.setObjectName("tabs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for key in ("smart.live", "smart.playback"):
            self.tabs.addTab(words(key))
        self.tabs.setTabToolTip(_LIVE, words("smart.live_hint"))
        self.tabs.setTabToolTip(_PLAYBACK, words("smart.playback_hint"))
        row.addWidget(name)
        row.addSpacing(12)
        row.addWidget(self.tabs, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        self._layouts = QButtonGroup(self)
        for columns in LAYOUTS:
            button = _flat_button(f"layout_{columns}", words("smart.layout_hint", n=columns))
            button.setText(f"{columns}×{columns}")
            button.setCheckable(True)
            set_role(button, "")  # a flat one would not show that it is checked
            self._layouts.addButton(button, columns)
            row.addWidget(button)
        row.addSpacing(8)
        self.listen_button = _flat_button("listen", words("smart.listen"))
        self.listen_button.setCheckable(True)
        row.addWidget(self.listen_button)
        self.full_button = _flat_button("full_screen", words("smart.full_screen"))
        self.help_button = _flat_button("help", words("smart.keys_hint"))
        row.addWidget(self.full_button)
        row.addWidget(self.help_button)
        row.addSpacing(8)
        self.clock = ServerTime()
        self.clock.setObjectName("server_time")
        row.addWidget(self.clock)
        row.addSpacing(8)
        self.user_button = QToolButton()
        self.user_button.setObjectName("user_menu")
        set_role(self.user_button, "flat")
        self.user_button.setText(self._session.user)
        self.user_button.setToolTip(words("smart.signed_in", user=self._session.user, server=self._session.server_url))
        self.user_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.user_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.user_button)
        self.sign_out_action = menu.addAction(words("smart.sign_out"), self.sign_out)
        self.sign_out_action.setObjectName("sign_out")
        self.user_button.setMenu(menu)
        row.addWidget(self.user_button)
        self._paint_icons()
        return bar

    def _paint_icons(self) -> None:
        self.listen_button.setIcon(
            icon("sound" if self._listening else "mute", "accent" if self._listening else "text")
        )
        self.full_button.setIcon(icon("full_screen", "text"))
        self.help_button.setIcon(icon("help", "text"))
        self.user_button.setIcon(icon("user", "text"))

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._tab_changed)
        self._layouts.idClicked.connect(self.set_columns)
        self.listen_button.clicked.connect(self.toggle_listening)
        self.full_button.clicked.connect(self.toggle_full_screen)
        self.help_button.clicked.connect(self.show_keys)
        self.tree.opened.connect(self._tree_opened)
        self.live_grid.changed.connect(self._live_changed)
        self.live_grid.selected.connect(lambda _camera: self._listen_again())
        self.playback.grid.selected.connect(lambda _camera: self._listen_again())
        self.playback.live_asked.connect(self.show_live)
        self.watch.changed.connect(self._site_changed)
        self.watch.token.connect(self._engine.set_token)
        self.watch.failed.connect(self._site_failed)
        self.watch.recovered.connect(self.notice.clear)
        self.watch.signed_out.connect(self._session_ended)
        self._engine.token_wanted.connect(self.watch.refresh)
        self._engine.recorder.connect(self._recorder_said)
        self._engine.sound.connect(self._sound_said)
        self.speaker.failed.connect(self._no_sound)
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # there is one: we have a window

    def _bind_keys(self) -> None:
        acts: dict[str, Callable[[], object]] = {
            "show_live": self.show_live,
            "show_playback": self.show_playback,
            **{f"layout_{columns}": partial(self.set_columns, columns) for columns in LAYOUTS},
            "maximise": self.maximise,
            "back": self.go_back,
            "remove": self.remove_camera,
            "full_screen": self.toggle_full_screen,
            "cameras_pane": self.toggle_cameras,
            "find": self.find_cameras,
            "listen": self.toggle_listening,
            "help": self.show_keys,
            "live_now": self.show_live,
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
            "go_to": self.playback.transport.go_to.setFocus,
        }
        self._shortcuts: list[tuple[QShortcut, str]] = []
        for binding in KEYS:
            for key in binding.keys:
                shortcut = QShortcut(QKeySequence(key), self)
                shortcut.activated.connect(acts[binding.action])
                shortcut.setAutoRepeat(binding.action in ("left", "right", "back_10_s", "on_10_s"))
                self._shortcuts.append((shortcut, binding.where))
        self._enable_keys()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that a text field, the tree or a control needs for itself are theirs while it has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(watched, QWidget) and watched.window() is self:
            typing = isinstance(watched, QLineEdit | QAbstractSpinBox | QComboBox)
            in_tree = watched is self.tree.view
            pressing = isinstance(watched, QAbstractButton)
            key = event.key()  # type: ignore[attr-defined]  # a QKeyEvent by its type
            plain = not event.modifiers() & ~(  # type: ignore[attr-defined]
                Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
            )
            function_key = Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
            if plain and not function_key and key != Qt.Key.Key_Escape:
                needs = (
                    typing
                    or (
                        in_tree
                        and key
                        in (
                            Qt.Key.Key_Up,
                            Qt.Key.Key_Down,
                            Qt.Key.Key_Left,
                            Qt.Key.Key_Right,
                            Qt.Key.Key_Return,
                            Qt.Key.Key_Enter,
                            Qt.Key.Key_Home,
                            Qt.Key.Key_End,
                        )
                    )
                    or (pressing and key == Qt.Key.Key_Space)
                )
                if needs:
                    event.accept()
                    return True
        return super().eventFilter(watched, event)

    # tabs, panes, focus

    @property
    def grid(self) -> TileGrid:
        """The grid of the tab that is open."""
        return self.playback.grid if self.tabs.currentIndex() == _PLAYBACK else self.live_grid

    def show_live(self) -> None:
        self.tabs.setCurrentIndex(_LIVE)

    def show_playback(self) -> None:
        self.tabs.setCurrentIndex(_PLAYBACK)

    def _tab_changed(self, _index: int) -> None:
        self._show_page()
        self._enable_keys()
        self._listen_again()
        self._mark_layout()
        self.grid.setFocus()

    def _show_page(self) -> None:
        if not self.watch.site.cameras:
            return
        if self.tabs.currentIndex() == _PLAYBACK:
            self.playback.grid.show_view(self.live_grid.columns, self.live_grid.cameras)
            self.playback.grid.select(self.live_grid.selected_tile.place)
            self.pages.setCurrentWidget(self.playback)
        else:
            self.pages.setCurrentWidget(self.live_grid)

    def _enable_keys(self) -> None:
        here = "playback" if self.tabs.currentIndex() == _PLAYBACK else "live"
        for shortcut, where in self._shortcuts:
            shortcut.setEnabled(where in ("all", here))

    def _arrow(self, direction: int) -> None:
        if self.tabs.currentIndex() == _PLAYBACK:
            self.playback.step(direction)
        else:
            self.live_grid.move_selection(direction, 0)

    def set_columns(self, columns: int) -> None:
        """Choose a layout."""
        self.grid.set_columns(columns)
        if self.grid is not self.live_grid:
            self.live_grid.set_columns(columns)
        self._mark_layout()

    def _mark_layout(self) -> None:
        button = self._layouts.button(self.grid.columns)
        if button is not None:
            button.setChecked(True)

    def maximise(self) -> None:
        """Let the selected tile fill the grid, or bring all back."""
        self.grid.toggle_maximised()

    def remove_camera(self) -> None:
        """Empty the selected tile, in both tabs."""
        self.grid.remove_selected()
        if self.grid is not self.live_grid:
            self.live_grid.show_view(self.grid.columns, self.grid.cameras)
            self._live_changed()

    def go_back(self) -> None:
        """Esc: undo the last step of focus."""
        if self.grid.restore():
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
        self._top.setVisible(not full)
        self.tree.setVisible(not full)
        self.showFullScreen() if full else self.showNormal()

    def toggle_cameras(self) -> None:
        """Hide or show the camera list."""
        self.tree.setVisible(self.tree.isHidden())

    def find_cameras(self) -> None:
        self.tree.show()
        self.tree.focus_filter()

    def show_keys(self) -> None:
        """F1."""
        if self._key_map is None:
            self._key_map = KeyMap(self)
        self._key_map.show()
        self._key_map.raise_()

    # the site

    def _site_changed(self, site: Site) -> None:
        self._engine.set_recorders(site.media_uris(), self._session.ca_pem)
        self.tree.show_nodes(camera_nodes(site))
        self.live_grid.show_site(site)
        self.playback.show_site(site)
        if site.cameras:
            self._fill_empty_view()
            self._show_page()
        else:
            self.pages.setCurrentWidget(self.empty)

    def _site_failed(self, error: VmsError) -> None:
        self.notice.say_error(error)
        if self.pages.currentWidget() is self.waiting:
            self.waiting.say(words("smart.site_unreachable"), sentence(error))

    def _recorder_said(self, said: control.RecorderState) -> None:
        if said.connected:
            now = self._engine.recorder_now_us(said.recorder)
            if now is not None:
                self.clock.server_said(UtcUs(now))

    def _tree_opened(self, key: str) -> None:
        if self.watch.site.camera(key) is not None:
            self.grid.add(key)
            if self.grid is not self.live_grid:
                self.live_grid.add(key)
            return
        cameras = tuple(camera.id for camera in self.watch.site.cameras if camera.recorder == key)
        if cameras:
            self.grid.show_view(columns_for(len(cameras)), cameras[:MOST_TILES])
            self._mark_layout()
            self._live_changed()

    # the view

    def _load_view(self) -> None:
        server, user = self._session.server_url, self._session.user
        run_off_thread(
            self, lambda: self._views.load(server, user), self._view_loaded, lambda _: self._view_loaded(None)
        )

    def _view_loaded(self, view: SavedView | None) -> None:
        self._saved, self._view_known = view, True
        if view is not None:
            self.live_grid.show_view(view.columns, view.cameras)
            self._mark_layout()
        if self.watch.site.cameras:
            self._fill_empty_view()

    def _fill_empty_view(self) -> None:
        """A new user of a site with cameras sees the first of them."""
        if not self._view_known or self._saved is not None or any(self.live_grid.cameras):
            return
        cameras = tuple(camera.id for camera in self.watch.site.cameras[:MOST_TILES])
        self.live_grid.show_view(columns_for(len(cameras)), cameras)
        self._mark_layout()

    def _live_changed(self) -> None:
        self._mark_layout()
        view = SavedView(self.live_grid.columns, self.live_grid.cameras)
        if view == self._saved:
            return
        self._saved = view
        server, user = self._session.server_url, self._session.user
        run_off_thread(self, lambda: self._views.save(server, user, view), lambda _: None, lambda _: None)

    # sound

    def toggle_listening(self) -> None:
        """M: hear the selected camera, or nothing."""
        if self._listening:
            self._stop_listening()
        else:
            self._listen_to(self.grid.selected_camera)
        self._show_listening()

    def _listen_again(self) -> None:
        if self._listening:
            self._listen_to(self.grid.selected_camera)
            self._show_listening()

    def _listen_to(self, device: str) -> None:
        camera = self.watch.site.camera(device)
        if camera is None or not camera.microphone:
            self._stop_listening()
            if camera is not None:
                self.notice.say("info", words("smart.no_microphone", name=camera.name))
            return
        self.speaker.start()
        self._listening = device
        recorded = self.tabs.currentIndex() == _PLAYBACK
        self._engine.listen(camera.recorder, camera.microphone, recorded, self.speaker.ring)

    def _stop_listening(self) -> None:
        self._listening = ""
        self._engine.stop_listening()
        self.speaker.stop()

    def _show_listening(self) -> None:
        self.listen_button.setChecked(bool(self._listening))
        self.live_grid.listen_to(self._listening)
        self.playback.grid.listen_to(self._listening)
        self._paint_icons()

    def _no_sound(self, _why: str) -> None:
        self.notice.say("info", words("smart.no_sound_device"))
        self._stop_listening()
        self._show_listening()

    def _sound_said(self, said: control.Sound) -> None:
        if said.state in ("refused", "broken"):
            self.notice.say("info", words("smart.no_sound", detail=said.reason))

    # leaving

    def _session_ended(self) -> None:
        self.notice.say("warn", words("smart.session_ended"), words("smart.sign_in_again"), self.signed_out.emit)

    def sign_out(self) -> None:
        """End the session on the server; the sign-in dialog follows."""
        client = self._session.client
        run_off_thread(self, client.sign_out, lambda _: self.signed_out.emit(), lambda _: self.signed_out.emit())

    def release(self) -> None:
        """Stop all pictures, sound and questions."""
        self.watch.stop()
        self._stop_listening()
        self.playback.leave()
        self.live_grid.release()
        self.playback.grid.release()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "user_button"):
            self._paint_icons()


def _flat_button(name: str, hint: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setToolTip(hint)
    button.setAccessibleName(hint)
    set_role(button, "flat")
    button.setIcon(QIcon())
    return button
