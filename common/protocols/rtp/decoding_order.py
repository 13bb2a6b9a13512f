"""Decode times for streams whose RTP times are presentation times and may be out of order (B pictures).

With a reorder depth of N, a picture's decode time is the (N+1)th newest presentation time seen: times come out sorted,
each picture is decoded no later than it is shown, and nothing waits. The depth is the SPS's where it says one; else it
starts at 0 and grows when a picture steps back in time, which costs one picture with dts above pts.
"""

import bisect

_MOST_DEPTH = 16
_STEP_BACK_TICKS = 90_000  # further back than a second is the camera's clock being set, not reordering


class DecodingOrder:
    """Gives each picture of one track its decode time."""

    def __init__(self) -> None:
        self._depth = 0
        self._recent: list[int] = []
        self._last: int | None = None
        self._newest: int | None = None
        self._step = 3600

    def expect(self, depth: int | None, frame_ticks: int) -> None:
        """Take over what the parameter sets say."""
        if depth is not None and depth != self._depth:
            self._depth = min(depth, _MOST_DEPTH)
            self._recent.clear()
        if frame_ticks:
            self._step = frame_ticks

    def restart(self) -> None:
        """Another source follows, with times of its own."""
        self._last = self._newest = None

    def dts(self, pts: int) -> int:
        """Return the decode time of the next picture in decoding order; rises except when the camera's clock is set."""
        last, newest = self._last, self._newest
        if last is None or newest is None or not -_STEP_BACK_TICKS <= pts - newest <= 10 * _STEP_BACK_TICKS:
            self._recent.clear()
            self._newest = pts
            self._last = self._sorted(pts)
            return self._last
        if self._depth == 0:
            if pts > last:
                self._last = self._newest = pts
                return pts
            if pts < newest:
                self._depth = 1
        elif pts <= last and self._depth < _MOST_DEPTH:
            self._depth += 1
        self._newest = max(newest, pts)
        self._last = max(self._sorted(pts), last + 1)
        return self._last

    def _sorted(self, pts: int) -> int:
        recent, depth = self._recent, self._depth
        if depth == 0:
            return pts
        while len(recent) < depth:  # as if pictures had come before the first
            recent.insert(0, (recent[0] if recent else pts) - self._step)
        bisect.insort(recent, pts)
        return recent.pop(0)
