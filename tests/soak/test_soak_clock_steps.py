"""The recorder's clock is stepped by an hour, to and fro, and local time changes for summer: no picture is lost, none
is stored twice or out of order, and only a step forward leaves a gap."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, Codec, CodecConfig
from server.recording.drivers.contract import DeviceAddress, DeviceTrack, RawUnit
from server.recording.ingest.bus import AccessUnitBus
from server.recording.ingest.recording import TrackRecorder
from server.recording.ingest.session import DeviceFeed
from server.recording.ingest.watchdog import Watchdog
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.events import StorageEvent
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.tools import check
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.soak import rounds

CAMERA = DeviceId("11111111-1111-4111-8111-111111111111")
KEY = TrackKey(CAMERA, PRIMARY)
CONFIG = CodecConfig(Codec.H264, 90_000, b"\x01\x42\x00\x1e\xff\xe1\x00\x00\x01\x00\x00", 64, 48)
SETTINGS = WriterSettings(
    segment_s=60, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600, preallocate_bytes=0
)
FPS = 25
HOUR_US = 3600 * US_PER_S
SUMMER_BEGINS_US = 1_774_745_940 * US_PER_S  # 2026-03-29T00:59Z, a minute before Europe's summer time
SUMMER_ENDS_US = 1_792_889_940 * US_PER_S  # 2026-10-25T00:59Z, a minute before its end


class SteppedClock:
    """Time that passes when told, and whose wall clock somebody sets."""

    def __init__(self, start_us: int) -> None:
        self.wall_us = start_us
        self.passed_s = 1000.0

    def now_us(self) -> UtcUs:
        return UtcUs(self.wall_us)

    def monotonic_s(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def advance(self, by_us: int) -> None:
        self.wall_us += by_us
        self.passed_s += by_us / US_PER_S


async def recorded(root: Path, start_us: int, seconds: int, steps: dict[int, int]) -> tuple[list[int], list[Span]]:
    """Record so many seconds while the clock steps at given pictures; return picture numbers and recorded spans."""
    clock, events, bus = SteppedClock(start_us), list[StorageEvent](), AccessUnitBus()
    address = DeviceAddress(camera=CAMERA, name="Gate", url="rtsp://gate")
    async with MediaDatabaseWriter(root, clock, SETTINGS, events.append) as writer:
        recorder = TrackRecorder(writer.track(KEY), 3.0, recording=True)
        feed = DeviceFeed(address, bus, clock, recorder_for=lambda key: recorder, recorded_until=lambda key: 0)
        feed.begin(Watchdog(clock, "Gate"))
        feed.tracks([DeviceTrack(CAMERA, PRIMARY, CONFIG)])
        for number in range(seconds * FPS):
            clock.wall_us += steps.get(number, 0)
            data = number.to_bytes(4, "big") * 10
            feed.unit(0, RawUnit(data, number * 3600, number * 3600, number % FPS == 0, clock.monotonic_s()))
            clock.advance(US_PER_S // FPS)
            if number % 250 == 0:
                await asyncio.sleep(0)
        feed.ended()
    assert events == []
    assert check(root)["ok"]
    reader = MediaDatabaseReader(root)
    found, at = [], UtcUs(0)
    while (gop := reader.gop_after(KEY, at)) is not None:
        assert all(unit.utc_us >= gop.start for unit in gop.units)
        found += [int.from_bytes(unit.data[:4], "big") for unit in gop.units]
        at = gop.start
    spans = list(reader.sequences(KEY, Span(UtcUs(0), UtcUs(1 << 60))))
    reader.close()
    return found, spans


@pytest.mark.parametrize("start_us", [SUMMER_BEGINS_US, SUMMER_ENDS_US])
async def test_summer_time_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_us: int) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        numbers, spans = await recorded(tmp_path, start_us, 120, {})
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert numbers == list(range(120 * FPS))
    assert spans == [Span(UtcUs(start_us), UtcUs(start_us + 120 * US_PER_S))]


@pytest.mark.parametrize("seed", range(rounds(3, 100)))
async def test_a_clock_set_by_an_hour_loses_no_picture(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    steps = {
        chance.randrange(FPS, 170 * FPS): chance.choice((-HOUR_US, HOUR_US, -2_000_000, 2_000_000)) for _ in range(3)
    }
    numbers, spans = await recorded(tmp_path, SUMMER_ENDS_US, 180, steps)
    assert numbers == list(range(180 * FPS))
    forward = sum(step > 0 for step in steps.values())
    assert len(spans) <= forward + 1
    assert sum(span.end - span.start for span in spans) >= (180 - forward) * US_PER_S * 0.999
