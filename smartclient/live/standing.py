"""What stands in the places of a grid beside cameras: which camera an item shows now, and the face of one without."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from common.ui.words import words
from smartclient.live.carousel import CarouselTurn
from smartclient.live.faces import Face, hint_of
from smartclient.live.tile import Tile
from smartclient.views.items import Carousel, Hotspot, Item, item_from


@dataclass(slots=True)
class _Standing:
    content: str
    item: Item
    turn: CarouselTurn | None = None
    face: Face | None = None


class Standing(QObject):
    """Of one grid. `hotspot` is the camera that is selected anywhere, "" before one was."""

    turned = Signal(int)
    """A carousel's place shows another camera."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.hotspot = ""
        self._by_place: dict[int, _Standing] = {}

    def item(self, place: int) -> Item | None:
        """What stands there; None for a camera or nothing."""
        standing = self._by_place.get(place)
        return None if standing is None else standing.item

    def turn(self, place: int) -> CarouselTurn | None:
        standing = self._by_place.get(place)
        return None if standing is None else standing.turn

    def camera(self, place: int, content: str) -> str:
        """The camera that a place shows now, "" for none."""
        standing = self._by_place.get(place)
        if standing is None or standing.content != content:
            item = item_from(content)
            if item is None:
                return content
            return self.hotspot if isinstance(item, Hotspot) else ""
        if standing.turn is not None:
            return standing.turn.camera
        return self.hotspot if isinstance(standing.item, Hotspot) else ""

    def put(self, tile: Tile, content: str, is_camera: Callable[[str], bool]) -> None:
        """Make what stands there; to be called before the tile is told its camera."""
        place = tile.place
        standing = self._by_place.get(place)
        if standing is not None and standing.content != content:
            self._end(self._by_place.pop(place))
            standing = None
        item = item_from(content) if standing is None else standing.item
        if item is None:
            tile.caption, tile.faced = "", False
            return
        if standing is None:
            standing = self._by_place[place] = _Standing(content, item)
            if isinstance(item, Carousel):
                standing.turn = CarouselTurn(item, tile)
                standing.turn.turned.connect(lambda: self.turned.emit(place))
        if standing.turn is not None and isinstance(item, Carousel):
            standing.turn.only(tuple(filter(is_camera, item.cameras)))
        camera = self.camera(place, content)
        self._face(standing, tile, bare=not is_camera(camera))
        tile.caption = _caption(item)

    def end(self) -> None:
        """Stop all carousels."""
        for standing in self._by_place.values():
            self._end(standing)
        self._by_place.clear()

    def _face(self, standing: _Standing, tile: Tile, bare: bool) -> None:
        tile.faced = bare
        if bare and standing.face is None:
            standing.face = Face(standing.item, tile)
        elif not bare and standing.face is not None:
            _drop(standing.face)
            standing.face = None

    def _end(self, standing: _Standing) -> None:
        if standing.turn is not None:
            standing.turn.end()
        if standing.face is not None:
            _drop(standing.face)


def _drop(face: Face) -> None:
    face.hide()
    face.deleteLater()


def _caption(item: Item) -> str:
    if isinstance(item, Hotspot):
        return words("items.hotspot")
    return words("items.carousel") if isinstance(item, Carousel) else hint_of(item)
