"""The master clock of playback: one playhead for all tiles, moved by the operator."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from common.foundation.clock import UtcUs
from smartclient.video.clock import LEAST_SPEED, MOST_SPEED, PlayClock, next_generation
from smartclient.video.slots import monotonic_us

_HOLD_MOST_MS = 700
_SCRUB_MS = 60  # while the pointer drags, the newest place wins, this often


class MasterClock(QObject):
    """Seeks, plays, steps. `send` tells the engine; `moved` follows each change, and each tick while it plays."""

    changed = Signal()
    """Another speed, paused or not."""

    def __init__(
        self,
        send: Callable[[PlayClock, str], None],
        now_us: Callable[[], int] = monotonic_us,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._send = send
        self._now_us = now_us
        self.clock = PlayClock(UtcUs(0), now_us())
        self.last_cause = ""
        self._held = False  # plays, but waits for the first picture of the place it went to
        self._wanted: UtcUs | None = None
        self._hold_over = QTimer(self)
        self._hold_over.setSingleShot(True)
        self._hold_over.setInterval(_HOLD_MOST_MS)
        self._hold_over.timeout.connect(self.release)
        self._scrub = QTimer(self)
        self._scrub.setSingleShot(True)
        self._scrub.setInterval(_SCRUB_MS)
        self._scrub.timeout.connect(self._scrubbed)

    @property
    def playhead_us(self) -> UtcUs:
        """Where playback is now."""
        return self._wanted if self._wanted is not None else self.clock.playhead_us(self._now_us())

    @property
    def playing(self) -> bool:
        return not self.clock.paused or self._held

    @property
    def speed(self) -> float:
        return self.clock.speed

    def seek(self, at: int) -> None:
        """Go to a time; plays on from there if it played."""
        self._wanted = None
        self._scrub.stop()
        playing = self.playing
        self._set(UtcUs(max(0, at)), self.clock.speed, True, "seek", fresh=True)
        self._hold(playing)

    def scrub(self, at: int) -> None:
        """Go to a time while the pointer still moves: not each place is asked for, the newest is."""
        self._wanted = UtcUs(max(0, at))
        if not self._scrub.isActive():
            self._scrub.start()

    def play(self) -> None:
        """Run from the playhead on."""
        if not self.playing:
            self._set(self.playhead_us, self.clock.speed, False, "resume")

    def pause(self) -> None:
        """Stand still on this picture."""
        if self.playing:
            self._held = False
            self._hold_over.stop()
            self._set(self.playhead_us, self.clock.speed, True, "pause")

    def toggle(self) -> None:
        self.pause() if self.playing else self.play()

    def set_speed(self, speed: float) -> None:
        """Play at this speed, negative backward; a paused clock stays paused."""
        speed = max(-MOST_SPEED, min(MOST_SPEED, speed))
        if abs(speed) < LEAST_SPEED or speed == self.clock.speed:
            return
        playing = self.playing
        turned = (speed < 0) != (self.clock.speed < 0)
        self._set(self.playhead_us, speed, True, "speed", fresh=True)
        if turned or playing:
            self._hold(playing)

    def step(self, count: int, shown_us: UtcUs | None) -> None:
        """Pause, and show the next (+1) or previous (-1) picture after the one shown at `shown_us`."""
        self._held = False
        self._hold_over.stop()
        at = self.playhead_us if shown_us is None else shown_us
        self._set(at, self.clock.speed, True, "step+" if count > 0 else "step-", fresh=True)

    def landed(self, at: UtcUs) -> None:
        """The picture that a step asked for is shown: the playhead stands there."""
        if self.clock.paused and not self._held and self._wanted is None:
            self.clock = PlayClock(at, self._now_us(), self.clock.speed, True, self.clock.generation)
            self.changed.emit()

    def wait_at(self, at: UtcUs) -> None:
        """Nothing can come now: stand at the last picture that was seen, and play on from there with the next one."""
        if self.playing:
            self._hold_over.stop()
            self._set(at, self.clock.speed, True, "seek", fresh=True)
            self._held = True
            self.changed.emit()

    def expect(self) -> None:
        """Pictures can come again."""
        if self._held:
            self._hold_over.start()

    def release(self) -> None:
        """The first picture is there (or did not come in time): run."""
        self._hold_over.stop()
        if self._held:
            self._held = False
            self._set(self.clock.at_us, self.clock.speed, False, "resume")

    def _hold(self, playing: bool) -> None:
        self._held = playing
        if playing:
            self._hold_over.start()
        else:
            self._hold_over.stop()
        self.changed.emit()

    def _scrubbed(self) -> None:
        if self._wanted is not None:
            self.seek(self._wanted)

    def _set(self, at: UtcUs, speed: float, paused: bool, cause: str, fresh: bool = False) -> None:
        generation = next_generation(self.clock.generation) if fresh else self.clock.generation
        self.clock = PlayClock(at, self._now_us(), speed, paused, generation)
        self.last_cause = cause
        self._send(self.clock, cause)
        self.changed.emit()
