"""The tiles of a view, in any layout: what is where, which one is selected, which one fills the space."""

from PySide6.QtCore import QRect, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStyle, QWidget

from common.foundation.clock import UtcUs
from common.ui.theme import set_role
from smartclient.live.standing import Standing
from smartclient.live.tile import Tile
from smartclient.live.wording import LOOK_US
from smartclient.site.snapshot import Site, SiteCamera
from smartclient.video.engine import VideoEngine
from smartclient.views.items import Hotspot
from smartclient.views.layouts import MOST_PLACES, SIDE, Layout, Place, across, neighbour, square

_GAP_PX = 2
_LEAST_TILE_PX = (64, 48)
_WHOLE = Place(0, 0, SIDE, SIDE)


class TileGrid(QWidget):
    """Keeps all places, also those that the current layout does not show, so that a smaller layout loses nothing."""

    changed = Signal()
    """Cameras or layout are others: worth remembering."""
    selected = Signal(str)
    """The selected tile's camera, "" for an empty tile."""
    acted = Signal(str)
    """A button on the tile that is selected now: the name of the action."""
    go_asked = Signal(object)
    arranged = Signal()
    """The layout is another one."""

    def __init__(self, engine: VideoEngine, recorded: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback_grid" if recorded else "live_grid")
        set_role(self, "base")
        self._engine = engine
        self._site = Site()
        self._arrangement = square(2)
        self._cameras: list[str] = [""] * MOST_PLACES
        self._selected = 0
        self._maximised: int | None = None
        self._listened = ""
        self._recorded = recorded
        self.standing = Standing(self)
        self.standing.turned.connect(self._fill_again)
        self.tiles: list[Tile] = []
        self._look = QTimer(self)
        self._look.setInterval(LOOK_US // 1000)
        self._look.timeout.connect(self._look_again)
        self._look.start()
        self._arrange()

    def _make_tiles(self, count: int) -> None:
        """Tiles are made when a layout first has a place for them, and kept."""
        for place in range(len(self.tiles), count):
            tile = Tile(place, self._engine, self._recorded, self)
            tile.hide()
            tile.chosen.connect(self.select)
            tile.opened.connect(self.toggle_maximised)
            tile.dropped.connect(self._dropped)
            tile.swapped.connect(self.swap)
            tile.go_asked.connect(self.go_asked)
            tile.acted.connect(self._acted)
            self.tiles.append(tile)
            self._fill(place)

    # what is shown

    @property
    def arrangement(self) -> Layout:
        """Where the tiles are."""
        return self._arrangement

    @property
    def columns(self) -> int:
        """How many tiles are side by side; 0 where the layout is not square."""
        return across(self._arrangement)

    @property
    def cameras(self) -> tuple[str, ...]:
        """What stands in all places: a camera, "" for nothing, or the text of an item (see `views.items`)."""
        return tuple(self._cameras)

    def shown_cameras(self) -> tuple[str, ...]:
        """The cameras that the layout shows now, each once."""
        places = self._places()
        return tuple(dict.fromkeys(camera for place in places if (camera := self.camera_at(place))))

    def camera_at(self, place: int) -> str:
        """The camera that a place shows now, also as a hotspot or in its turn; "" for none."""
        return self.standing.camera(place, self._cameras[place])

    @property
    def selected_camera(self) -> str:
        return self.camera_at(self._selected)

    @property
    def site(self) -> Site:
        """The cameras that there are."""
        return self._site

    @property
    def selected_tile(self) -> Tile:
        return self.tiles[self._selected]

    @property
    def maximised(self) -> bool:
        return self._maximised is not None

    def name_of(self, camera: str) -> str:
        """A camera's name, "" when the site does not know it."""
        known = self._site.camera(camera)
        return "" if known is None else known.name

    def show_site(self, site: Site) -> None:
        """Names and recording servers may have changed."""
        self._site = site
        for place in range(MOST_PLACES):
            self._fill(place)

    def show_view(self, arrangement: Layout, cameras: tuple[str, ...]) -> None:
        """Show this layout with these cameras."""
        self._arrangement = arrangement
        self._cameras = [*cameras, *[""] * MOST_PLACES][:MOST_PLACES]
        self._maximised = None
        if self._selected >= len(arrangement):
            self._selected = 0
        for place in range(MOST_PLACES):
            self._fill(place)
        self._arrange()
        self.selected.emit(self.selected_camera)

    def set_arrangement(self, arrangement: Layout) -> None:
        """Another layout, the same cameras."""
        if arrangement != self._arrangement or self._maximised is not None:
            self._arrangement = arrangement
            self._maximised = None
            if self._selected >= len(arrangement):
                self._selected = 0
                self.selected.emit(self.selected_camera)
            self._arrange()
            self.changed.emit()

    def put(self, place: int, camera: str) -> None:
        """Show a camera at a place; "" empties it."""
        self._cameras[place] = camera
        self._fill(place)
        if place == self._selected:
            self.selected.emit(camera)
        self.changed.emit()

    def add(self, camera: str) -> None:
        """Show a camera in the first empty tile, or in the selected one; only select it where it is shown already."""
        places = self._places()
        for place in places:
            if self._cameras[place] == camera:
                self.select(place)
                return
        place = next((place for place in places if not self._cameras[place]), self._selected)
        self.put(place, camera)
        self.select(place)

    def remove_selected(self) -> None:
        """Empty the selected tile (Delete)."""
        if self._cameras[self._selected]:
            self._maximised = None
            self._arrange()
            self.put(self._selected, "")

    def swap(self, one: int, other: int) -> None:
        """Exchange two places."""
        if one == other or not 0 <= one < MOST_PLACES:
            return
        self._cameras[one], self._cameras[other] = self._cameras[other], self._cameras[one]
        self._fill(one)
        self._fill(other)
        self.select(other)
        self.changed.emit()

    # items

    def show_hotspot(self, camera: str) -> None:
        """Show the camera that was selected, here or in another window, in the hotspots."""
        if camera and camera != self.standing.hotspot:
            self.standing.hotspot = camera
            for place in self.hotspots():
                self._fill_again(place)

    def hotspots(self) -> tuple[int, ...]:
        """The places of the layout that are hotspots."""
        return tuple(n for n in range(len(self._arrangement)) if isinstance(self.standing.item(n), Hotspot))

    def _fill_again(self, place: int) -> None:
        self._fill(place)
        if place == self._selected:
            self.selected.emit(self.selected_camera)

    # selection

    def select(self, place: int) -> None:
        """Make a place the selected one."""
        if place != self._selected:
            self._selected = place
            self._mark()
            self.selected.emit(self.selected_camera)
        self.setFocus()

    def move_selection(self, columns: int, rows: int) -> None:
        """Select the neighbour (arrow keys)."""
        if self._maximised is None:
            place = neighbour(self._arrangement, self._selected, columns, rows)
            if place is not None:
                self.select(place)

    def toggle_maximised(self, place: int | None = None) -> None:
        """Let a tile fill the grid, or bring all back."""
        place = self._selected if place is None else place
        if self._maximised is None and not self._cameras[place]:
            return
        self._maximised = place if self._maximised is None else None
        self._arrange()
        self.select(place)
        self._mark()

    def restore(self) -> bool:
        """Undo maximising (Esc); False when nothing was."""
        if self._maximised is None:
            return False
        self._maximised = None
        self._arrange()
        return True

    def all_live(self) -> None:
        """Tiles that play recordings at a time of their own are live again."""
        for tile in self.tiles:
            tile.end_own()

    def listen_to(self, camera: str) -> None:
        """Mark the camera that is heard."""
        self._listened = camera
        self._mark()

    def show_playhead(self, at: UtcUs) -> None:
        """Tell the tiles where playback is."""
        for place in self._places():
            self.tiles[place].playhead_us = at

    def release(self) -> None:
        """Stop all pictures for good."""
        self._look.stop()
        self._engine.select(self, None)
        self.standing.end()
        for tile in self.tiles:
            tile.release()

    def _places(self) -> tuple[int, ...]:
        return (self._maximised,) if self._maximised is not None else tuple(range(len(self._arrangement)))

    def _dropped(self, place: int, keys: tuple[str, ...]) -> None:
        known = [key for key in keys if self._site.camera(key) is not None]
        for offset, camera in enumerate(known):
            if place + offset < len(self._arrangement):
                self.put(place + offset, camera)
        if known:
            self.select(place)

    def _acted(self, place: int, action: str) -> None:
        self.select(place)
        self.acted.emit(action)

    def _fill(self, place: int) -> None:
        if place >= len(self.tiles):
            return
        tile = self.tiles[place]
        self.standing.put(tile, self._cameras[place], lambda key: self._site.camera(key) is not None)
        camera: SiteCamera | None = self._site.camera(self.camera_at(place))
        if camera is None:
            tile.show_camera("", "", "", "")
        else:
            recorder = self._site.recorder(camera.recorder)
            tile.show_camera(camera.id, camera.name, camera.recorder, recorder.name if recorder else "")
        self._mark()

    def _arrange(self) -> None:
        self._make_tiles(len(self._arrangement))
        places = self._places()
        shown = [self._place_of(place) for place in places]
        self.setMinimumSize(
            max(_LEAST_TILE_PX[0] * SIDE // place.width for place in shown),
            max(_LEAST_TILE_PX[1] * SIDE // place.height for place in shown),
        )
        for tile in self.tiles:
            if tile.place not in places:
                tile.hide()
        self._lay_out()
        for place in places:
            self.tiles[place].show()
        self._mark()
        self.arranged.emit()

    def _place_of(self, place: int) -> Place:
        return _WHOLE if self._maximised is not None else self._arrangement[place]

    def _lay_out(self) -> None:
        for place in self._places():
            self.tiles[place].setGeometry(self.box_px(self._place_of(place)))

    def box_px(self, place: Place) -> QRect:
        """Where a place of a layout lies in this widget."""
        wide, high = self.width() - _GAP_PX, self.height() - _GAP_PX
        left, right = _GAP_PX + place.x * wide // SIDE, place.right * wide // SIDE
        top, bottom = _GAP_PX + place.y * high // SIDE, place.bottom * high // SIDE
        box = QRect(left, top, max(1, right - left), max(1, bottom - top))
        return QStyle.visualRect(self.layoutDirection(), self.rect(), box)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _mark(self) -> None:
        for tile in self.tiles:
            tile.select(tile.place == self._selected, bool(self._listened) and tile.camera == self._listened)

    def _look_again(self) -> None:
        looked_at = self.isVisible() and self._selected < len(self.tiles)
        self._engine.select(self, self.selected_tile.feed if looked_at else None)
        for place in self._places():
            self.tiles[place].look_again()
