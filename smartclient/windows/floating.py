"""A window beside the main one: a view of its own, live, or recorded at the main window's time."""

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QMenu, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from common.foundation.clock import UtcUs
from common.ui.icons import icon
from common.ui.theme import set_role
from common.ui.words import words
from smartclient.app.shortcuts import Shortcuts
from smartclient.live.grid import TileGrid
from smartclient.live.snapshot import Snapshots
from smartclient.live.tile_acts import TileActs
from smartclient.options.views import SavedView
from smartclient.site.snapshot import Site
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import SQUARES, Layout, square

_BAR_PX = 36


class FloatingWindow(QMainWindow):
    """`linked`: when the main window plays recordings, so does this one, at the same time. Else it stays live."""

    changed = Signal()
    """What it shows, its place or its link is another: worth remembering."""
    closed = Signal()
    number_typed = Signal(int)

    def __init__(self, engine: VideoEngine, name: str, view: SavedView, linked: bool) -> None:
        super().__init__()
        self.snapshots = Snapshots(engine, parent=self)
        self.setObjectName("floating")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = name
        self.setWindowTitle(name)
        self._recorded = False  # the main window plays recordings
        self._shortcuts: Shortcuts | None = None
        self.live_grid = TileGrid(engine, recorded=False)
        self.recorded_grid = TileGrid(engine, recorded=True)
        grids = self.live_grid, self.recorded_grid
        self.tile_acts = TileActs(lambda: self.grid, grids, self.snapshots, self)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.live_grid)
        self.pages.addWidget(self.recorded_grid)
        self.title = QLabel(name)
        set_role(self.title, "heading")
        self.link_button = _button("link", words("windows.link"))
        self.link_button.setCheckable(True)
        self.link_button.setChecked(linked)
        self.screen_button = _button("send_to_screen", words("windows.send"))
        self.screen_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.screen_menu = QMenu(self.screen_button)
        self.screen_menu.aboutToShow.connect(self._fill_screens)
        self.screen_button.setMenu(self.screen_menu)
        self.full_button = _button("full_screen", words("smart.full_screen"))
        self.bar = self._make_bar()
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(body)
        self.link_button.toggled.connect(lambda _: self._relink())
        self.full_button.clicked.connect(self.toggle_full_screen)
        self.live_grid.changed.connect(self.changed)
        self.live_grid.arranged.connect(self.changed)
        self.show_view(view.layout, view.cameras)
        self._relink()
        self.live_grid.setFocus()

    def _make_bar(self) -> QWidget:
        bar = QWidget()
        set_role(bar, "panel")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        bar.setFixedHeight(_BAR_PX)
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(4)
        row.addWidget(self.title, 1)
        for button in (self.link_button, self.screen_button, self.full_button):
            row.addWidget(button)
        self._paint_icons()
        return bar

    # what it shows

    @property
    def grid(self) -> TileGrid:
        """The grid that is seen."""
        return self.recorded_grid if self.pages.currentWidget() is self.recorded_grid else self.live_grid

    @property
    def linked(self) -> bool:
        return self.link_button.isChecked()

    @property
    def view(self) -> SavedView:
        return SavedView(self.live_grid.arrangement, self.live_grid.cameras[: len(self.live_grid.arrangement)])

    def show_view(self, layout: Layout, cameras: tuple[str, ...], name: str = "") -> None:
        """Show a view; `name`: that of the window from now on."""
        if name:
            self.name = name
            self.title.setText(name)
            self.setWindowTitle(name)
        self.live_grid.show_view(layout, cameras)
        self.recorded_grid.show_view(layout, cameras)

    def show_site(self, site: Site) -> None:
        self.live_grid.show_site(site)
        self.recorded_grid.show_site(site)

    def show_time(self, recorded: bool) -> None:
        """The main window turned to recordings, or back to live."""
        self._recorded = recorded
        self._relink()

    def show_playhead(self, at: UtcUs) -> None:
        if self.grid is self.recorded_grid:
            self.recorded_grid.show_playhead(at)

    def _relink(self) -> None:
        wanted = self.recorded_grid if self._recorded and self.linked else self.live_grid
        if self.pages.currentWidget() is not wanted:
            shown = self.grid
            wanted.show_view(shown.arrangement, shown.cameras)
            wanted.select(shown.selected_tile.place)
            self.pages.setCurrentWidget(wanted)
        if self._shortcuts is not None:
            self._shortcuts.be_in("playback" if wanted is self.recorded_grid else "live")
        self.link_button.setToolTip(words("windows.linked" if self.linked else "windows.independent"))
        self._paint_icons()
        self.changed.emit()

    # what the operator does

    def bind_keys(self, acts: Mapping[str, Callable[[], object]]) -> None:
        """Let the keys do here what they do in the main window; `acts` are those that mean the same everywhere."""
        self._shortcuts = Shortcuts(self, {**acts, **self._acts(acts)})
        self._relink()

    def _acts(self, main: Mapping[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
        def sideways(direction: int, main_act: str) -> None:
            if self.grid is self.recorded_grid:
                main[main_act]()
            else:
                self.grid.move_selection(direction, 0)

        return {
            **{f"layout_{number}": partial(self.set_layout, square(number)) for number in SQUARES[:9]},
            **{f"number_{digit}": partial(self.number_typed.emit, digit) for digit in range(1, 10)},
            "zoom_in": lambda: self.grid.selected_tile.zoom_by(1),
            "zoom_out": lambda: self.grid.selected_tile.zoom_by(-1),
            "maximise": self.maximise,
            "back": self.go_back,
            "remove": self.remove_camera,
            "full_screen": self.toggle_full_screen,
            "left": lambda: sideways(-1, "left"),
            "right": lambda: sideways(1, "right"),
            "up": lambda: self.grid.move_selection(0, -1),
            "down": lambda: self.grid.move_selection(0, 1),
            **self.tile_acts.by_name(),
            "next_screen": lambda: self.send_to(self._screen_number() + 1),
        }

    def set_layout(self, layout: Layout) -> None:
        self.grid.set_arrangement(layout)
        self._agree()

    def maximise(self) -> None:
        """Let the selected tile fill the window, or bring all back."""
        self.grid.toggle_maximised()

    def remove_camera(self) -> None:
        """Empty the selected tile."""
        self.grid.remove_selected()
        self._agree()

    def _agree(self) -> None:
        """What was changed in one grid holds for both."""
        if self.grid is self.recorded_grid:
            self.live_grid.show_view(self.grid.arrangement, self.grid.cameras)
            self.changed.emit()

    def go_back(self) -> None:
        """Esc: undo the last step of focus."""
        tile = self.grid.selected_tile
        if not (tile.show_whole() or tile.end_own() or self.grid.restore()) and self.isFullScreen():
            self.toggle_full_screen()

    def toggle_full_screen(self) -> None:
        """Only video on this window's screen, and back."""
        full = not self.isFullScreen()
        self.bar.setVisible(not full)
        self.showFullScreen() if full else self.showNormal()
        self.changed.emit()

    def send_to(self, number: int) -> None:
        """Move to a screen, by its number from 0 (behind the last one comes the first), as large as it was."""
        screens = QGuiApplication.screens()
        target = screens[number % len(screens)]
        if target is self.screen():
            return
        full = self.isFullScreen()
        if full:
            self.showNormal()
        now, there = self.screen().availableGeometry(), target.availableGeometry()
        box = self.geometry().translated(there.topLeft() - now.topLeft())
        self.setScreen(target)
        self.resize(box.size().boundedTo(there.size()))
        self.move(box.topLeft())
        if full:
            self.showFullScreen()
        self.changed.emit()

    def _screen_number(self) -> int:
        screens = QGuiApplication.screens()
        return screens.index(self.screen()) if self.screen() in screens else 0

    def _fill_screens(self) -> None:
        self.screen_menu.clear()
        for number, screen in enumerate(QGuiApplication.screens()):
            action = self.screen_menu.addAction(words("windows.screen", n=number + 1, name=screen.name()))
            action.setObjectName(f"screen_{number}")
            action.setCheckable(True)
            action.setChecked(screen is self.screen())
            action.triggered.connect(partial(self.send_to, number))

    def release(self) -> None:
        """Stop all pictures."""
        self.live_grid.release()
        self.recorded_grid.release()

    # events

    def closeEvent(self, event: QCloseEvent) -> None:
        self.release()
        super().closeEvent(event)
        self.closed.emit()

    def moveEvent(self, event: QEvent) -> None:
        self.changed.emit()

    def resizeEvent(self, event: QEvent) -> None:
        self.changed.emit()

    def _paint_icons(self) -> None:
        self.link_button.setIcon(icon("link" if self.linked else "unlink", "accent" if self.linked else "text"))
        self.screen_button.setIcon(icon("view", "text"))
        self.full_button.setIcon(icon("full_screen", "text"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "bar"):
            self._paint_icons()


def _button(name: str, hint: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setToolTip(hint)
    button.setAccessibleName(hint)
    set_role(button, "flat")
    return button
