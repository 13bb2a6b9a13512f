"""Where a group of recorded tracks plays: one master clock for several devices. No clock of its own."""

import math

from common.foundation.clock import US_PER_S, UtcUs

HORIZON_S = 2.0  # media is sent this far ahead at speed 1


class Playhead:
    """A position in recorded time that moves with the monotonic clock, at `speed` (negative: backward)."""

    def __init__(self, at: UtcUs, speed: float, paused: bool, now_s: float) -> None:
        self._at, self._since_s = at, now_s
        self.speed = speed
        self.paused = paused

    def position(self, now_s: float) -> UtcUs:
        if self.paused:
            return self._at
        return UtcUs(self._at + round((now_s - self._since_s) * self.speed * US_PER_S))

    def move(self, at: UtcUs, now_s: float) -> None:
        self._at, self._since_s = at, now_s

    def pause(self, now_s: float) -> None:
        self.move(self.position(now_s), now_s)
        self.paused = True

    def resume(self, now_s: float) -> None:
        self.move(self.position(now_s), now_s)
        self.paused = False

    def change_speed(self, speed: float, at: UtcUs, now_s: float) -> None:
        self.move(at, now_s)
        self.speed = speed

    def seconds_until_due(self, at: UtcUs, now_s: float) -> float:
        """How long until media that plays at `at` is to be sent: 0 when it is due, infinite while paused."""
        if self.paused:
            return math.inf
        horizon_us = max(HORIZON_S, HORIZON_S * abs(self.speed)) * US_PER_S
        ahead_us = (at - self.position(now_s)) * (1 if self.speed > 0 else -1) - horizon_us
        return max(0.0, ahead_us / US_PER_S / abs(self.speed))
