"""A device is lost when its media time stands still, whatever else it sends."""

import asyncio

import pytest

from common.foundation.clock import SystemClock
from common.foundation.errors import DeviceError
from server.recording.ingest.watchdog import FIRST_MEDIA_S, Watchdog


class SkippingClock(SystemClock):
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


async def test_a_device_that_sends_nothing_is_lost_after_the_longer_first_wait() -> None:
    clock = SkippingClock()
    with pytest.raises(DeviceError, match="no pictures for 30 s"):
        await Watchdog(clock, "Gate").watch()
    assert clock.now_s == 100 + FIRST_MEDIA_S


async def test_a_device_that_falls_silent_is_lost_after_the_silence_allowed() -> None:
    clock = SkippingClock()
    watchdog = Watchdog(clock, "Gate", silence_s=10)
    clock.now_s = 105
    watchdog.feed(105, 3600)
    with pytest.raises(DeviceError, match="no pictures for 10 s"):
        await watchdog.watch()
    assert clock.now_s == 115


async def test_the_same_picture_for_ever_is_no_sign_of_life() -> None:
    clock = SkippingClock()
    watchdog = Watchdog(clock, "Gate", silence_s=10)
    for at_s in range(100, 105):
        watchdog.feed(at_s, 3600)
    with pytest.raises(DeviceError, match="its time stands still for 10 s") as lost:
        await watchdog.watch()
    assert lost.value.params["camera"] == "Gate"
    assert clock.now_s == 110
