"""The last seconds of a track in memory, so that a recording can begin before its cause."""

from collections import deque
from collections.abc import Sequence

from common.foundation.clock import US_PER_S
from common.media.access_unit import AccessUnit

MOST_S = 15


class PreBuffer:
    """Whole GOPs that cover at least `seconds`; the oldest go first. Sound is kept unit by unit."""

    def __init__(self, seconds: float, most_bytes: int = 32 << 20) -> None:
        self._length_us = int(min(seconds, MOST_S) * US_PER_S)
        self._most_bytes = most_bytes
        self._gops: deque[list[AccessUnit]] = deque()
        self._size_bytes = 0
        self.overflows = 0

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def clear(self) -> None:
        self._gops.clear()
        self._size_bytes = 0

    def add(self, unit: AccessUnit) -> None:
        """Keep a unit, and let go what is older than the GOP that covers the beginning."""
        if unit.keyframe:
            self._gops.append([unit])
        elif self._gops:
            self._gops[-1].append(unit)
        else:
            return
        self._size_bytes += len(unit.data)
        while len(self._gops) > 1 and unit.utc_us - self._gops[1][0].utc_us >= self._length_us:
            self._drop_oldest()
        while self._size_bytes > self._most_bytes and self._gops:
            self.overflows += 1
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._size_bytes -= sum(len(unit.data) for unit in self._gops.popleft())

    def take(self) -> Sequence[AccessUnit]:
        """Return everything kept, in order, and keep nothing."""
        units = [unit for gop in self._gops for unit in gop]
        self.clear()
        return units
