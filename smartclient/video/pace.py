"""How often the GUI looks for new pictures: 60 times a second, less with many tiles and when it falls behind."""

FAST_MS = 16
MANY_TILES = 36
_MANY_MS = 33  # every picture of 25 a second is seen, and a wall costs a third less than at 60
_SLOWEST_MS = 100
_LATE_TIMES = 1.8
_LATE_TICKS = 8
_CALM_TICKS = 120


class Pace:
    """`interval_ms` is when to look next; `ticked` is told each look."""

    def __init__(self) -> None:
        self._slowed = 1.0
        self._late = self._calm = 0
        self._last_s: float | None = None
        self._tiles = 0

    @property
    def interval_ms(self) -> int:
        base = _MANY_MS if self._tiles > MANY_TILES else FAST_MS
        return min(_SLOWEST_MS, round(base * self._slowed))

    def ticked(self, now_s: float, tiles: int) -> bool:
        """Count a look at monotonic `now_s`; True when `interval_ms` has become another."""
        before = self.interval_ms
        if tiles != self._tiles:
            self._tiles, self._last_s = tiles, None
        if self._last_s is not None:
            if (now_s - self._last_s) * 1000 > _LATE_TIMES * self.interval_ms:
                self._late, self._calm = self._late + 1, 0
            else:
                self._late, self._calm = max(0, self._late - 1), self._calm + 1
            if self._late >= _LATE_TICKS:
                self._slowed, self._late = min(4.0, self._slowed * 1.5), 0
            elif self._calm >= _CALM_TICKS and self._slowed > 1.0:
                self._slowed, self._calm = max(1.0, self._slowed / 1.5), 0
        self._last_s = now_s
        return self.interval_ms != before
