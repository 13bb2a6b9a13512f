"""The playhead as a function of the monotonic clock, which the GUI and its decoder processes share."""

from dataclasses import dataclass

from common.foundation.clock import UtcUs

MOST_SPEED = 32.0
LEAST_SPEED = 1 / 16
_SIZES = (1 / 16, 1 / 8, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SPEEDS = (*(-size for size in reversed(_SIZES)), *_SIZES)
KEYFRAMES_ONLY_ABOVE = 4.0
_GENERATIONS = 1 << 16


@dataclass(frozen=True, slots=True)
class PlayClock:
    """At monotonic `anchor_us` the playhead stood at `at_us`, moving `speed` times as fast as time."""

    at_us: UtcUs
    anchor_us: int
    speed: float = 1.0
    paused: bool = True
    generation: int = 0

    def playhead_us(self, now_us: int) -> UtcUs:
        """Return where playback is at monotonic `now_us`."""
        if self.paused:
            return self.at_us
        return UtcUs(self.at_us + round((now_us - self.anchor_us) * self.speed))

    def due_in_us(self, at_us: int, now_us: int) -> int | None:
        """Microseconds until the playhead reaches `at_us`, 0 when it has passed; None: never, it is paused."""
        ahead_us = (at_us - self.playhead_us(now_us)) * (1 if self.speed > 0 else -1)
        if ahead_us <= 0:
            return 0
        return None if self.paused else round(ahead_us / abs(self.speed))

    @property
    def backward(self) -> bool:
        return self.speed < 0

    @property
    def keyframes_only(self) -> bool:
        return abs(self.speed) > KEYFRAMES_ONLY_ABOVE


def next_generation(generation: int) -> int:
    """Count up within u16."""
    return (generation + 1) % _GENERATIONS


def is_older(generation: int, than: int) -> bool:
    """Compare two generations across the wrap (RFC 1982)."""
    return generation != than and (than - generation) % _GENERATIONS < _GENERATIONS // 2
