"""Notices that a device stopped sending although its connection lives."""

from common.foundation.clock import Clock
from common.foundation.errors import DeviceError

FIRST_MEDIA_S = 30.0


class Watchdog:
    """Raises once no unit came for `silence_s`. The first may take longer: connecting has deadlines of its own."""

    def __init__(self, clock: Clock, name: str, silence_s: float = 10.0) -> None:
        self._clock = clock
        self._name = name
        self._silence_s = silence_s
        self._last_s = clock.monotonic_s()
        self._fed = False

    def feed(self, at_s: float) -> None:
        """New media came at this monotonic time."""
        self._last_s = at_s
        self._fed = True

    async def watch(self) -> None:
        """Run beside the driver until cancelled; raise DeviceError when the device is silent."""
        while True:
            allowed_s = self._silence_s if self._fed else max(self._silence_s, FIRST_MEDIA_S)
            left_s = self._last_s + allowed_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise DeviceError(f"no pictures for {allowed_s:.0f} s although it is connected", camera=self._name)
            await self._clock.sleep(left_s)
