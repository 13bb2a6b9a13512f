"""Joins the grids of all windows: what is selected in one of them is what every hotspot shows."""

from PySide6.QtCore import QObject, Signal

from common.ui.words import words
from smartclient.live.grid import TileGrid


class Hotspots(QObject):
    """`camera` is the one that was selected last, in whatever window."""

    changed = Signal(str)
    said = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.camera = ""

    def join(self, *grids: TileGrid) -> None:
        """Take these grids in, until they are gone."""
        for grid in grids:
            grid.selected.connect(self.choose)
            self.changed.connect(grid.show_hotspot)
            grid.show_hotspot(self.camera)

    def choose(self, camera: str) -> None:
        """Show this camera; an empty tile changes nothing."""
        if camera and camera != self.camera:
            self.camera = camera
            self.changed.emit(camera)

    def go_to(self, grid: TileGrid) -> None:
        """0: select the hotspot of a window, the next one when it is selected already."""
        places = grid.hotspots()
        if not places:
            self.said.emit(words("items.no_hotspot"))
            return
        now = grid.selected_tile.place
        if grid.maximised:
            grid.restore()
        grid.select(next((place for place in places if place > now), places[0]))
