"""How often the GUI looks for new pictures: 60 times a second, less with many tiles and when it falls behind."""

FAST_MS = 16
MANY_TILES = 36
_MANY_MS = 18  # every picture of 25 a second is seen, also of those that came unevenly
_SLOWEST_MS = 100
_BUSY = 0.7  # of the GUI thread's time: then hands wait for pictures
_CALM = 0.4
_LOOKS = 30


class Pace:
    """`interval_ms` is when to look next; `ticked` is told each look."""

    def __init__(self) -> None:
        self._slowed = 1.0
        self._looks = 0
        self._since = (0.0, 0.0)
        self._tiles = 0

    @property
    def interval_ms(self) -> int:
        base = _MANY_MS if self._tiles > MANY_TILES else FAST_MS
        return min(_SLOWEST_MS, round(base * self._slowed))

    def ticked(self, now_s: float, cpu_s: float, tiles: int) -> bool:
        """Count a look at monotonic `now_s`, when the GUI thread had used `cpu_s`; True when `interval_ms` has become
        another."""
        before = self.interval_ms
        self._tiles = tiles
        self._looks += 1
        if self._looks >= _LOOKS:
            then_s, used_s = self._since
            busy = (cpu_s - used_s) / max(1e-6, now_s - then_s)
            if then_s and busy > _BUSY:
                self._slowed = min(4.0, self._slowed * 1.5)
            elif busy < _CALM:
                self._slowed = max(1.0, self._slowed / 1.5)
            self._looks, self._since = 0, (now_s, cpu_s)
        return self.interval_ms != before
