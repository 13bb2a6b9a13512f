"""Notices that a device stopped sending, or its media time stands still, although its connection lives."""

from common.foundation.clock import Clock
from common.foundation.errors import DeviceError

FIRST_MEDIA_S = 30.0


class Watchdog:
    """Raises once media time has not moved for `silence_s`. The first unit may take longer: connecting has deadlines
    of its own. A camera that hangs often sends its last picture for ever, so bytes alone are no sign of life."""

    def __init__(self, clock: Clock, name: str, silence_s: float = 10.0) -> None:
        self._clock = clock
        self._name = name
        self._silence_s = silence_s
        self._last_s = clock.monotonic_s()
        self._fed = False
        self._newest_pts: int | None = None
        self._still = False

    def feed(self, at_s: float, pts: int) -> None:
        """A unit of this media time came at this monotonic time."""
        self._still = pts == self._newest_pts
        if self._still:
            return
        self._newest_pts = pts
        self._last_s = at_s
        self._fed = True

    async def watch(self) -> None:
        """Run beside the driver until cancelled; raise DeviceError when the device is silent."""
        while True:
            allowed_s = self._silence_s if self._fed else max(self._silence_s, FIRST_MEDIA_S)
            left_s = self._last_s + allowed_s - self._clock.monotonic_s()
            if left_s <= 0:
                wrong = "its time stands still" if self._still else "no pictures"
                raise DeviceError(f"{wrong} for {allowed_s:.0f} s although it is connected", camera=self._name)
            await self._clock.sleep(left_s)
