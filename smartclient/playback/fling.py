"""A timeline that was thrown goes on and slows down, as a wheel with friction does."""

from collections import deque

_LOOK_BACK_S = 0.1
_LEAST_PX_S = 60.0
_MOST_PX_S = 6000.0
_SLOWED_PER_S = 0.02  # a fiftieth of its speed is left after a second
_TICK_MOST_S = 0.1


class Fling:
    """Told of the pointer's places while it drags; says afterwards how far to move on. Times in seconds."""

    def __init__(self) -> None:
        self._places: deque[tuple[float, float]] = deque(maxlen=32)
        self._px_s = 0.0
        self._at_s = 0.0

    def dragged(self, x_px: float, now_s: float) -> None:
        """The pointer is here now."""
        self._places.append((now_s, x_px))

    def let_go(self, now_s: float) -> bool:
        """Return whether it was thrown: the pointer still moved."""
        recent = [(at, x) for at, x in self._places if now_s - at <= _LOOK_BACK_S]
        self._places.clear()
        self._px_s = 0.0
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return False
        speed = (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
        self._px_s = max(-_MOST_PX_S, min(_MOST_PX_S, speed))
        self._at_s = now_s
        return self.flying

    @property
    def flying(self) -> bool:
        return abs(self._px_s) >= _LEAST_PX_S

    def stop(self) -> None:
        """It was caught."""
        self._places.clear()
        self._px_s = 0.0

    def moved_px(self, now_s: float) -> float:
        """Return how far to move since the last time this was asked."""
        passed_s = max(0.0, min(_TICK_MOST_S, now_s - self._at_s))
        self._at_s = now_s
        by_px = self._px_s * passed_s
        self._px_s *= _SLOWED_PER_S**passed_s
        return by_px
