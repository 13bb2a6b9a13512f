"""What is done with the selected tile of a window, beside choosing its camera: by keys and by the quick switcher."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject

from smartclient.live.grid import TileGrid
from smartclient.live.own_time import JUMP_US, REPLAY_US
from smartclient.live.snapshot import Snapshots
from smartclient.live.tile import Tile


class TileActs(QObject):
    """Of one window with these `grids`; `grid` returns the one that is seen."""

    def __init__(
        self, grid: Callable[[], TileGrid], grids: Sequence[TileGrid], snapshots: Snapshots, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._grid = grid
        self._snapshots = snapshots
        for each in grids:
            each.acted.connect(self._act)

    def _act(self, name: str) -> None:
        self.by_name()[name]()

    def by_name(self) -> dict[str, Callable[[], object]]:
        """The actions by their names in the key map."""
        return {
            "snapshot": self.snapshot,
            "replay": lambda: self.play_own(REPLAY_US, replay=True),
            "carousel_back": lambda: self._turn(-1),
            "carousel_on": lambda: self._turn(1),
            "own_time": lambda: self.play_own(JUMP_US, replay=False),
            "own_play_pause": self.play_or_pause,
            "own_back": lambda: self._jump(-JUMP_US),
            "own_on": lambda: self._jump(JUMP_US),
        }

    @property
    def _tile(self) -> Tile:
        return self._grid().selected_tile

    def snapshot(self) -> None:
        """S: save the selected tile's picture."""
        tile = self._tile
        if tile.feed is not None:
            self._snapshots.take(tile.feed.source, tile.name)

    def play_own(self, back_us: int, *, replay: bool) -> None:
        """R: play what was recorded in the selected tile, the others stay live. Once more: from there again."""
        self._tile.play_own(back_us, replay=replay)

    def _turn(self, by: int) -> None:
        """Page up and down: the camera before or behind in the selected tile's carousel."""
        turn = self._grid().standing.turn(self._tile.place)
        if turn is not None:
            turn.step(by)

    def play_or_pause(self) -> None:
        if self._tile.own is not None:
            self._tile.own.master.toggle()

    def _jump(self, by_us: int) -> None:
        if self._tile.own is not None:
            self._tile.own.jump(by_us)
