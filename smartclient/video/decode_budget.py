"""Keeps a decoder process within its core: who decodes less when it is too much, and who more when there is room.

Fair: the tile that was cut least is cut next, among equals the one that costs most; the selected one only when all
others are at their keyframes. It goes up one tile at a time, and waits longer after each time that this was too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smartclient.video.quality import SAVES, Level, next_step, step_back

OVERLOADED = 0.92  # of a core
AIM = 0.75
ROOM_BELOW = 0.6
LATE_S = 0.25
_FIRST_HOLD_S = 4.0
_MOST_HOLD_S = 120.0
_TOO_SOON_S = 10.0
_TIMES = 3  # in a row


@dataclass(frozen=True, slots=True)
class TileCost:
    """What a tile took in the last second: `cost` in shares of a core."""

    tile: int
    level: Level
    cost: float
    selected: bool = False
    has_smaller: bool = False


class DecodeBudget:
    """One process's. `judge` is asked about once a second."""

    def __init__(self) -> None:
        self._calm_since_s: float | None = None
        self._raised_s = -1e9
        self._hold_s = _FIRST_HOLD_S
        self._overloaded = 0

    def judge(self, now_s: float, busy: float, late_s: float, tiles: Sequence[TileCost]) -> dict[int, Level]:
        """Return the tiles whose level is to change. `busy`: share of a core in the last second; `late_s`: how long the
        oldest unit waited for its decoder."""
        if busy > OVERLOADED or (busy > AIM and late_s > LATE_S):
            self._calm_since_s = None
            self._overloaded += 1
            if self._overloaded < _TIMES:  # a view that is opened brings whole GOPs at once: that passes
                return {}
            if now_s - self._raised_s < _TOO_SOON_S:
                self._hold_s = min(_MOST_HOLD_S, self._hold_s * 2)
                self._raised_s = -1e9
            return _cut(tiles, max(0.1, busy - AIM))
        self._overloaded = 0
        if busy > ROOM_BELOW:
            self._calm_since_s = None
            return {}
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        if now_s - self._calm_since_s < self._hold_s:
            return {}
        restored = _restore(tiles, AIM - busy)
        if restored:
            self._calm_since_s, self._raised_s = now_s, now_s
        elif all(tile.level is Level.FULL for tile in tiles):
            self._hold_s = _FIRST_HOLD_S
        return restored


def _cut(tiles: Sequence[TileCost], too_much: float) -> dict[int, Level]:
    """Take steps down until about `too_much` of a core is saved."""
    now = {tile.tile: (tile.level, tile.cost) for tile in tiles}
    others = [tile for tile in tiles if not tile.selected]
    last = [tile for tile in tiles if tile.selected]
    changed: dict[int, Level] = {}
    for group in (others, last):
        while too_much > 0:
            steps = [
                (now[tile.tile][0], -now[tile.tile][1], tile.tile, following)
                for tile in group
                if (following := next_step(now[tile.tile][0], tile.has_smaller)) is not None
            ]
            if not steps:
                break
            _, cost, number, following = min(steps)
            saved = -cost * SAVES[following]
            now[number] = (following, -cost - saved)
            changed[number] = following
            too_much -= max(saved, 0.001)
    return changed


def _restore(tiles: Sequence[TileCost], room: float) -> dict[int, Level]:
    """Give one step back to the tile that was cut most, the selected one first, if that fits into `room`."""
    cut = [tile for tile in tiles if tile.level is not Level.FULL]
    if not cut:
        return {}
    tile = min(cut, key=lambda tile: (not tile.selected, -tile.level, tile.cost))
    costs_then = tile.cost / (1 - SAVES[tile.level])
    if costs_then - tile.cost > room:
        return {}
    return {tile.tile: step_back(tile.level, tile.has_smaller)}
