"""The media database on a disk that fails or fills up, and under a clock that is set back."""

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit
from server.recording.mediadb import cleaning
from server.recording.mediadb.contract import Gop, Span, TrackKey
from server.recording.mediadb.events import SpaceReclaimed, StorageEvent, StorageFailed, StorageRecovered
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import reindex
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import START_UTC, video_sample

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
SETTINGS = WriterSettings(
    segment_s=1, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600, preallocate_bytes=0
)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def shifted(units: Sequence[AccessUnit], by_us: int) -> list[AccessUnit]:
    return [replace(unit, utc_us=UtcUs(unit.utc_us + by_us)) for unit in units]


def gops_of(root: Path) -> list[Gop]:
    reader = MediaDatabaseReader(root)
    gops: list[Gop] = []
    while (gop := reader.gop_after(KEY, gops[-1].start if gops else UtcUs(0))) is not None:
        gops.append(gop)
    assert reader.skipped == 0
    reader.close()
    return gops


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
async def test_a_disk_that_fails_for_a_while_costs_only_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    config, units = video_sample(frames=250, gop=25)
    failing = False
    real = getattr(os, call)

    def sometimes(*arguments: object) -> object:
        if failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*arguments)

    monkeypatch.setattr(os, call, sometimes)
    events: list[StorageEvent] = []
    async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, events.append) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for part, fails in ((units[:101], False), (units[101:176], True), (units[176:], False)):
            failing = fails
            for unit in part:
                track.write(unit)
            await until(lambda: writer.queued_bytes == 0)
    assert [event.reason for event in events if isinstance(event, StorageFailed)][:1] == ["Input/output error"]
    assert any(isinstance(event, StorageRecovered) for event in events)
    stored = {unit.data for gop in gops_of(tmp_path) for unit in gop.units}
    assert {unit.data for unit in (*units[:100], *units[200:])} <= stored
    index = SegmentIndex(tmp_path, writable=True)
    assert reindex(tmp_path, index).damaged == ()
    index.close()
    assert {unit.data for gop in gops_of(tmp_path) for unit in gop.units} == stored


async def test_a_disk_nearly_full_gives_up_its_oldest_recordings_but_not_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, units = video_sample(frames=250, gop=25)
    now = SystemClock().now_us()
    old = shifted(units, now - START_UTC - 3600_000_000)
    new = shifted(units, now - START_UTC - 11_000_000)
    settings = replace(SETTINGS, min_free_bytes=1_000_000, keep_newest_minutes=30)
    events: list[StorageEvent] = []

    def used_bytes() -> int:
        return sum(found.path.stat().st_size for found in segments_on_disk(tmp_path))

    disk_bytes = 1 << 40
    monkeypatch.setattr(cleaning, "_free_bytes", lambda root: disk_bytes - used_bytes())
    async with MediaDatabaseWriter(tmp_path, SystemClock(), settings, events.append) as writer:
        assert await asyncio.to_thread(writer.cleaner.wait_repaired, 30)
        track = writer.track(KEY)
        track.configure(config)
        for run in (old, new):
            for unit in run:
                track.write(unit)
            track.end_run()
        await track.close()
        segments = sorted(found.start for found in segments_on_disk(tmp_path))
        three_bytes = sum(
            found.path.stat().st_size for found in segments_on_disk(tmp_path) if found.start in segments[:3]
        )
        disk_bytes = used_bytes() + settings.min_free_bytes - three_bytes + 1
        assert await asyncio.to_thread(writer.cleaner.clean_once) == 3
        assert sorted(found.start for found in segments_on_disk(tmp_path)) == segments[3:]
        disk_bytes = 0  # there is no room to be had: what is recent stays
        await asyncio.to_thread(writer.cleaner.clean_once)
        assert await asyncio.to_thread(writer.cleaner.clean_once) == 0
    kept = [found.start for found in segments_on_disk(tmp_path)]
    assert kept
    assert min(kept) == new[0].utc_us
    assert [unit.data for gop in gops_of(tmp_path) for unit in gop.units] == [unit.data for unit in new]
    reclaimed = [event for event in events if isinstance(event, SpaceReclaimed)]
    assert (reclaimed[0].segments, reclaimed[0].size_bytes) == (3, three_bytes)


async def test_a_clock_set_back_overwrites_nothing(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    events: list[StorageEvent] = []
    for _ in range(2):  # the second time at exactly the instants that are recorded already
        async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, events.append) as writer:
            track = writer.track(KEY)
            track.configure(config)
            for unit in units:
                track.write(unit)
    assert events == []
    starts = sorted(found.start for found in segments_on_disk(tmp_path))
    assert len(starts) == 4
    assert [starts[1] - starts[0], starts[3] - starts[2]] == [1, 1]
    for found in segments_on_disk(tmp_path):
        assert found.path.stat().st_size > 1000
    index = SegmentIndex(tmp_path, writable=True)
    assert len(index.rows("state=1", ())) == 4
    assert reindex(tmp_path, index).indexed == 4
    index.close()
    assert len(gops_of(tmp_path)) == 4


async def test_a_burst_at_the_end_of_a_run_does_not_reach_into_the_next(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    burst = [replace(unit, utc_us=UtcUs(START_UTC + n)) for n, unit in enumerate(units[:25])]
    behind = shifted(units[25:], 300_000 - 1_000_000)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), SETTINGS, print) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for run in (burst, behind):
            for unit in run:
                track.write(unit)
            track.end_run()
        await track.close()
    index = SegmentIndex(tmp_path, writable=True)
    for _ in range(2):
        first, second = index.rows("state=1 ORDER BY start_us", ())
        assert (first.end, second.start) == (START_UTC + 300_000, START_UTC + 300_000)
        gops = gops_of(tmp_path)
        assert [len(gop.units) for gop in gops] == [25, 25]
        assert gops[0].end == gops[1].start
        reindex(tmp_path, index)
    index.close()


def _flip_wall_time(path: Path) -> None:
    """Damage the first fragment's wall time: 2**12 s are added or taken."""
    data = bytearray(path.read_bytes())
    data[data.index(b"prft") + 12 + 2] ^= 0x10
    path.write_bytes(data)


async def test_a_file_whose_first_wall_time_is_damaged_stays_where_its_name_says(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), replace(SETTINGS, segment_s=60), print) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for unit in units:
            track.write(unit)
    before = [(gop.start, gop.end) for gop in gops_of(tmp_path)]
    (found,) = segments_on_disk(tmp_path)
    _flip_wall_time(found.path)
    index = SegmentIndex(tmp_path, writable=True)
    reindex(tmp_path, index)
    index.close()
    assert [(gop.start, gop.end) for gop in gops_of(tmp_path)] == before


async def test_a_file_that_lost_its_first_fragment_is_still_found(tmp_path: Path) -> None:
    config, units = video_sample(frames=75, gop=25)
    async with MediaDatabaseWriter(tmp_path, SystemClock(), replace(SETTINGS, segment_s=60), print) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for unit in units:
            track.write(unit)
    (found,) = segments_on_disk(tmp_path)
    data = bytearray(found.path.read_bytes())
    at = data.index(b"moof")
    data[at : at + 4] = b"lost"
    found.path.write_bytes(data)
    index = SegmentIndex(tmp_path, writable=True)
    reindex(tmp_path, index)
    index.close()
    assert [unit.data for gop in gops_of(tmp_path) for unit in gop.units] == [unit.data for unit in units[25:]]
    reader = MediaDatabaseReader(tmp_path)
    assert [span.start for span in reader.sequences(KEY, EVER)] == [units[25].utc_us]
    assert reader.coverage(KEY) == Span(units[25].utc_us, reader.sequences(KEY, EVER)[0].end)
    reader.close()
