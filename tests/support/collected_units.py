"""A sink that keeps what a driver delivers, and waits for enough of it."""

import asyncio
from collections.abc import Callable, Sequence

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from server.recording.drivers.contract import DeviceAddress, DeviceTrack, RawUnit
from server.recording.drivers.opening import driver_for
from server.recording.drivers.paced_reader import PacedReader

CAMERA, MICROPHONE = DeviceId("camera"), DeviceId("microphone")


class CollectedUnits:
    """See DeviceSink."""

    def __init__(self) -> None:
        self.known: list[DeviceTrack] = []
        self.units: list[tuple[DeviceTrack, RawUnit]] = []
        self.reports: list[tuple[int, UtcUs, int]] = []

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        self.known = list(tracks)

    def unit(self, index: int, unit: RawUnit) -> None:
        self.units.append((self.known[index], unit))

    def sender_report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None:
        self.reports.append((index, device_utc_us, ticks))

    def of(self, codec: str, track: str = "primary") -> list[RawUnit]:
        return [unit for known, unit in self.units if known.config.codec == codec and known.track == track]


async def run_until(address: DeviceAddress, sink: CollectedUnits, enough: Callable[[], bool]) -> None:
    """Run the address's driver as an engine does until `enough`, then cancel it; raises what it raises before."""
    async with PacedReader() as paced:
        driving = asyncio.create_task(driver_for(address, paced).run(address, sink))
        try:
            async with asyncio.timeout(30):
                while not enough() and not driving.done():
                    await asyncio.sleep(0.02)
            if driving.done():
                driving.result()
        finally:
            driving.cancel()
            await asyncio.wait([driving])
