"""A day of a large system under a clock moved by hand: cameras come and go, the recorder restarts, old footage is
deleted; every instant is recorded, or was not sent."""

import asyncio
import os
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import psutil

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.events import StorageEvent
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.tools import check
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.soak import rounds

CAMERAS = rounds(20, 600)
HOURS = rounds(3, 24)
RETAIN_MINUTES = rounds(60, 360)
GOP_S = 10
UNITS = 2  # a GOP; more would measure this test, not the recorder
CONFIG = CodecConfig(Codec.H264, 90_000, b"\x01\x42\x00\x1e\xff\xe1\x00\x00\x01\x00\x00", 64, 48)
START_US = 1_761_440_400 * US_PER_S  # 2025-10-26T01:00Z: the hour that Europe's clocks show twice
SETTINGS = WriterSettings(
    fragment_s=GOP_S,
    min_free_bytes=0,
    retain_minutes=RETAIN_MINUTES,
    cleaning_interval_s=1e9,
    preallocate_bytes=0,
    queue_bytes=16 << 20,
    sync_interval_s=30,
)


class HandClock:
    """A Clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START_US

    def now_us(self) -> UtcUs:
        return UtcUs(self.now)

    def monotonic_s(self) -> float:
        return self.now / US_PER_S

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def key_of(number: int) -> TrackKey:
    return TrackKey(DeviceId(f"00000000-0000-4000-8000-{number:012d}"), PRIMARY)


def gop(at_us: int, origin_us: int) -> list[AccessUnit]:
    step_us = GOP_S * US_PER_S // UNITS
    return [
        AccessUnit(
            at_us.to_bytes(8, "big") + bytes([n]) * 40,
            (at_us - origin_us + n * step_us) * 9 // 100,
            (at_us - origin_us + n * step_us) * 9 // 100,
            UtcUs(at_us + n * step_us),
            n == 0,
        )
        for n in range(UNITS)
    ]


async def test_a_day_of_many_cameras(tmp_path: Path) -> None:
    chance, clock = random.Random(7), HandClock()
    expected: dict[TrackKey, list[Span]] = defaultdict(list)  # what was sent without a break
    away_until = dict.fromkeys(range(CAMERAS), 0)
    run_from: dict[int, int] = {}
    events: list[StorageEvent] = []
    process = psutil.Process()
    peak_files = 0
    end_us = START_US + HOURS * 3600 * US_PER_S

    async def until_restart(writer: MediaDatabaseWriter, restart_us: int) -> None:
        nonlocal peak_files
        cleaned = clock.now
        while clock.now < min(restart_us, end_us):
            for number in range(CAMERAS):
                track = writer.track(key_of(number))
                if clock.now < away_until[number]:
                    continue
                if number in run_from and chance.random() < 0.002:  # lost for up to ten minutes
                    away_until[number] = clock.now + chance.randint(1, 60) * GOP_S * US_PER_S
                    del run_from[number]
                    track.end_run()
                    continue
                spans = expected[key_of(number)]
                if number not in run_from:
                    run_from[number] = clock.now
                    track.configure(CONFIG)
                    spans.append(Span(UtcUs(clock.now), UtcUs(clock.now)))
                for unit in gop(clock.now, run_from[number]):
                    track.write(unit)
                spans[-1] = replace(spans[-1], end=UtcUs(clock.now + GOP_S * US_PER_S))
            clock.now += GOP_S * US_PER_S
            while writer.queued_bytes > 1 << 20:
                await asyncio.sleep(0.001)
            if clock.now - cleaned >= 600 * US_PER_S:
                cleaned = clock.now
                while writer.queued_bytes:  # the clock runs ahead of the disk: what is new must count
                    await asyncio.sleep(0.001)
                while await asyncio.to_thread(writer.cleaner.clean_once):
                    pass
                peak_files = max(peak_files, process.num_fds())

    while clock.now < end_us:
        async with MediaDatabaseWriter(tmp_path, clock, SETTINGS, events.append) as writer:
            await until_restart(writer, clock.now + chance.randint(1, 4) * 3600 * US_PER_S)
        run_from.clear()
        clock.now += 3 * GOP_S * US_PER_S  # a restart takes a while

    async with MediaDatabaseWriter(tmp_path, clock, SETTINGS, events.append) as writer:
        assert await asyncio.to_thread(writer.cleaner.wait_repaired, 60)
        for _ in range(100):
            await asyncio.to_thread(writer.cleaner.clean_once)
    assert events == []
    report = check(tmp_path)
    assert report["ok"], {name: value for name, value in report.items() if value}
    oldest = clock.now - RETAIN_MINUTES * 60 * US_PER_S
    assert all(found.start >= oldest - SETTINGS.segment_s * US_PER_S for found in segments_on_disk(tmp_path))
    reader = MediaDatabaseReader(tmp_path)
    for key, spans in expected.items():
        kept = clock.now - RETAIN_MINUTES * 60 * US_PER_S
        wanted = [span for span in spans if span.end > kept]
        found = list(reader.sequences(key, Span(UtcUs(kept), UtcUs(end_us * 2)), 100_000))
        assert [span.end for span in found] == [span.end for span in wanted], (key, found[:3], wanted[:3])
        assert [span.start for span in found[1:]] == [span.start for span in wanted[1:]]
        assert found[0].start <= max(kept, wanted[0].start)
    reader.close()
    assert peak_files < CAMERAS + 200
    assert len(os.listdir("/proc/self/fd")) < 200
