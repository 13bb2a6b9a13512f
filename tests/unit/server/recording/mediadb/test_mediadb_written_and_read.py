"""The media database: what is written is what is read, growing, split, joined, damaged, full."""

import asyncio
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from server.recording.mediadb.contract import Gop, Span, TrackKey
from server.recording.mediadb.events import Overflow, StorageEvent, StorageFailed, StorageRecovered
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.layout import MARKER, prepare_root, segments_on_disk
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.repair import reindex
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import START_UTC, audio_sample, video_sample

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
SETTINGS = WriterSettings(segment_s=4, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600)


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def writing(
    root: Path, settings: WriterSettings = SETTINGS, events: list[StorageEvent] | None = None
) -> AsyncIterator[MediaDatabaseWriter]:
    heard: list[StorageEvent] = [] if events is None else events
    async with MediaDatabaseWriter(root, SystemClock(), settings, heard.append) as writer:
        yield writer


async def store(root: Path, config: CodecConfig, runs: Sequence[Sequence[AccessUnit]]) -> None:
    async with writing(root) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for run in runs:
            for unit in run:
                track.write(unit)
            track.end_run()
        await track.close()


def all_gops(reader: MediaDatabaseReader) -> list[Gop]:
    gops: list[Gop] = []
    at = UtcUs(0)
    while (gop := reader.gop_after(KEY, at)) is not None:
        gops.append(gop)
        at = gop.start
    return gops


def later(units: Sequence[AccessUnit], by_us: int) -> list[AccessUnit]:
    return [replace(unit, utc_us=UtcUs(unit.utc_us + by_us)) for unit in units]


@pytest.fixture
def reader(tmp_path: Path) -> MediaDatabaseReader:
    return MediaDatabaseReader(tmp_path)


@pytest.mark.parametrize("b_frames", [0, 2])
async def test_long_gops_are_split_on_disk_and_joined_again(
    tmp_path: Path, reader: MediaDatabaseReader, b_frames: int
) -> None:
    config, units = video_sample(frames=250, gop=75, b_frames=b_frames)
    await store(tmp_path, config, [units])
    gops = all_gops(reader)
    assert [unit for gop in gops for unit in gop.units] == list(units)
    assert [len(gop.units) for gop in gops] == [75, 75, 75, 25]
    assert all(before.end == after.start for before, after in pairwise(gops))
    assert reader.sequences(KEY, EVER) == [Span(units[0].utc_us, gops[-1].end)]
    assert len(list(segments_on_disk(tmp_path))) > 1
    for at in (units[0].utc_us, units[100].utc_us, units[-1].utc_us):
        found = reader.gop_at(KEY, at)
        assert found is not None
        assert found.start <= at < found.end
    assert reader.gop_before(KEY, gops[1].start) == gops[0]
    assert reader.gop_before(KEY, gops[0].start) is None
    reader.close()


async def test_every_file_plays(tmp_path: Path) -> None:
    config, units = video_sample(frames=250, gop=50, b_frames=2)
    await store(tmp_path, config, [units])
    frames = 0
    for segment in segments_on_disk(tmp_path):
        command = ["ffprobe", "-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries"]
        probed = subprocess.run(
            [*command, "stream=nb_read_frames", str(segment.path)], capture_output=True, check=True, timeout=60
        )
        assert probed.stderr == b""
        frames += int(probed.stdout)
    assert frames == 250


async def test_a_new_run_is_a_gap_and_a_new_file(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = video_sample(frames=50, gop=25)
    await store(tmp_path, config, [units, later(units, 10_000_000)])
    assert reader.sequences(KEY, EVER) == [
        Span(START_UTC, UtcUs(START_UTC + 2_000_000)),
        Span(UtcUs(START_UTC + 10_000_000), UtcUs(START_UTC + 12_000_000)),
    ]
    assert reader.sequences(KEY, Span(UtcUs(START_UTC + 3_000_000), UtcUs(START_UTC + 9_000_000))) == []
    in_gap = reader.gop_at(KEY, UtcUs(START_UTC + 5_000_000))
    assert in_gap is not None
    assert in_gap.end == START_UTC + 2_000_000
    assert reader.coverage(KEY) == Span(START_UTC, UtcUs(START_UTC + 12_000_000))
    reader.close()


async def test_sound_comes_in_blocks_of_a_second(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = audio_sample(Codec.PCMA, seconds=5)
    await store(tmp_path, config, [units])
    gops = all_gops(reader)
    assert [unit for gop in gops for unit in gop.units] == list(units)
    assert {len(gop.units) for gop in gops} == {50}
    reader.close()


async def test_the_growing_segment_is_read_and_followed(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = video_sample(frames=250, gop=250)
    async with writing(tmp_path, replace(SETTINGS, segment_s=3600)) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for count in range(1, 6):
            for unit in units[(count - 1) * 26 : count * 26]:
                track.write(unit)
            seen = count * 26 // 25 * 25
            seen -= 25 * (seen == count * 26)
            async with asyncio.timeout(10):
                await until(lambda seen=seen: (g := reader.gop_at(KEY, EVER.end)) and len(g.units) == seen)
            gop = reader.gop_at(KEY, EVER.end)
            assert gop is not None
            assert gop.growing
            assert gop.units == units[:seen]
            assert reader.sequences(KEY, EVER) == [Span(gop.start, gop.end)]
    sealed = reader.gop_at(KEY, EVER.end)
    assert sealed is not None
    assert not sealed.growing
    assert sealed.units == units[:130]
    reader.close()


async def test_configuration_changes_begin_a_segment(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    small, units = video_sample(frames=25)
    large, more = video_sample(frames=25, width_px=320, height_px=192)
    more_later = [replace(u, pts=u.pts + 90_000, dts=u.dts + 90_000, utc_us=UtcUs(u.utc_us + 1_000_000)) for u in more]
    async with writing(tmp_path) as writer:
        track = writer.track(KEY)
        for config, part in ((small, units), (large, more_later)):
            track.configure(config)
            for unit in part:
                track.write(unit)
    assert [gop.config for gop in all_gops(reader)] == [small, large]
    assert reader.sequences(KEY, EVER) == [Span(START_UTC, UtcUs(START_UTC + 2_000_000))]
    reader.close()


async def test_an_index_can_be_thrown_away(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = video_sample(frames=250, gop=50)
    await store(tmp_path, config, [units, later(units, 60_000_000)])
    spans, gops = reader.sequences(KEY, EVER), all_gops(reader)
    reader.close()
    for file in tmp_path.glob("index.sqlite3*"):
        file.unlink()
    index = SegmentIndex(tmp_path, writable=True)
    report = reindex(tmp_path, index)
    index.close()
    assert report.indexed == report.files == len(list(segments_on_disk(tmp_path)))
    again = MediaDatabaseReader(tmp_path)
    assert again.sequences(KEY, EVER) == spans
    assert all_gops(again) == gops
    again.close()


async def test_a_damaged_index_is_rebuilt_at_the_next_start(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    await store(tmp_path, config, [units])
    (tmp_path / "index.sqlite3").write_bytes(b"this is no database" * 1000)
    async with writing(tmp_path) as writer:
        assert await asyncio.to_thread(writer.cleaner.wait_repaired, 30)
        reader = MediaDatabaseReader(tmp_path)
        assert reader.sequences(KEY, EVER) == [Span(START_UTC, UtcUs(START_UTC + 2_000_000))]
        reader.close()
    assert (tmp_path / "index.sqlite3.damaged").exists()


async def test_a_missing_file_does_not_hide_the_others(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = video_sample(frames=250, gop=25)
    await store(tmp_path, config, [units])
    files = [segment.path for segment in segments_on_disk(tmp_path)]
    files[1].unlink()
    assert len(all_gops(reader)) > 0
    assert reader.skipped > 0
    reader.close()


async def test_a_slow_disk_drops_whole_gops_and_says_so(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, encoded = video_sample(frames=250, gop=25)
    units = [replace(unit, data=bytes(400)) for unit in encoded]
    events: list[StorageEvent] = []
    settings = replace(SETTINGS, queue_bytes=2 * 25 * 400, writer_threads=1, segment_s=3600)
    release = threading.Event()
    async with writing(tmp_path, settings, events) as writer:
        track = writer.track(KEY)
        track.configure(config)
        # A job that waits stands for a disk that does.
        writer._threads[0].jobs.put(_waiting(release))
        for unit in units[:200]:
            track.write(unit)
        release.set()
        async with asyncio.timeout(10):
            await until(lambda: writer.queued_bytes == 0)
        for unit in units[200:]:
            track.write(unit)
            async with asyncio.timeout(10):
                await until(lambda: writer.queued_bytes == 0)
    begin, over = [event for event in events if isinstance(event, Overflow)]
    assert not begin.over
    assert over.over
    gops = all_gops(reader)
    stored = [unit for gop in gops for unit in gop.units]
    assert len(stored) + over.units == 250
    assert all(gop.units[0].keyframe and len(gop.units) == 25 for gop in gops)
    assert len(reader.sequences(KEY, EVER)) == 2
    reader.close()


def _waiting(release: threading.Event) -> object:
    from server.recording.mediadb.writer import _Sealed

    return _Sealed(TrackKey(DeviceId("other"), PRIMARY), lambda: release.wait(10))


async def test_an_unmounted_disk_is_not_filled_on_the_system_disk(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    identity = prepare_root(mount, None)
    (mount / MARKER).rename(tmp_path / "kept")
    config, units = video_sample(frames=250, gop=25)
    events: list[StorageEvent] = []
    async with writing(mount, replace(SETTINGS, expected_storage_id=identity), events) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for unit in units[:100]:
            track.write(unit)
        async with asyncio.timeout(10):
            await until(lambda: writer.queued_bytes == 0)
            await until(lambda: any(isinstance(event, StorageFailed) for event in events))
        assert list(mount.iterdir()) == []
        (tmp_path / "kept").rename(mount / MARKER)
        for unit in units[100:]:
            track.write(unit)
    assert any(isinstance(event, StorageRecovered) for event in events)
    reader = MediaDatabaseReader(mount)
    assert all_gops(reader)[-1].units[-1] == units[-1]
    reader.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
async def test_a_full_disk_harms_nothing_and_recording_resumes(tmp_path: Path) -> None:
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(root)], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        config = CodecConfig(Codec.MJPEG, 90_000, width_px=64, height_px=48)
        units = [
            AccessUnit(bytes([n % 256]) * 20_000, n * 3600, n * 3600, UtcUs(START_UTC + n * 40_000), True)
            for n in range(400)
        ]
        ballast = root / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        events: list[StorageEvent] = []
        async with writing(root, replace(SETTINGS, segment_s=1, preallocate_bytes=0), events) as writer:
            track = writer.track(KEY)
            track.configure(config)
            for unit in units[:100]:
                track.write(unit)
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                await until(lambda: writer.queued_bytes == 0)
            failed = [event for event in events if isinstance(event, StorageFailed)]
            assert [event.disk_full for event in failed] == [True]
            ballast.unlink()
            for unit in units[100:130]:
                track.write(unit)
        assert any(isinstance(event, StorageRecovered) for event in events)
        reader = MediaDatabaseReader(root)
        stored = [unit for gop in all_gops(reader) for unit in gop.units]
        reader.close()
        assert len(stored) > 25
        assert stored[-1] == units[129]
        known = {unit.utc_us: unit for unit in units}
        assert all(known[unit.utc_us].data == unit.data for unit in stored)
    finally:
        subprocess.run(["umount", str(root)], check=True)


async def test_retention_deletes_the_oldest_whole_segments(tmp_path: Path) -> None:
    config, units = video_sample(frames=250, gop=25)
    now = SystemClock().now_us()
    aged = later(units, now - START_UTC - 3600_000_000)
    fresh = later(units, now - START_UTC - 11_000_000)
    await store(tmp_path, config, [aged, fresh])
    async with writing(tmp_path) as writer:
        assert await asyncio.to_thread(writer.cleaner.wait_repaired, 30)
        writer.set_retention(30)
        async with asyncio.timeout(30):  # the writer's own first round may be at it
            while min(found.start for found in segments_on_disk(tmp_path)) != fresh[0].utc_us:
                await asyncio.to_thread(writer.cleaner.clean_once)
    reader = MediaDatabaseReader(tmp_path)
    assert reader.coverage(KEY) == Span(fresh[0].utc_us, UtcUs(fresh[0].utc_us + 10_000_000))
    assert min(segment.start for segment in segments_on_disk(tmp_path)) == fresh[0].utc_us
    reader.close()


async def test_mjpeg_is_written_and_read_by_the_second(tmp_path: Path, reader: MediaDatabaseReader) -> None:
    config, units = video_sample(Codec.MJPEG, frames=90, gop=1)
    await store(tmp_path, config, [units])
    gops = all_gops(reader)
    assert [unit for gop in gops for unit in gop.units] == list(units)
    assert [len(gop.units) for gop in gops] == [25, 25, 25, 15]
    assert all(before.end == after.start for before, after in pairwise(gops))
    for number in (0, 30, 89):
        found = reader.gop_at(KEY, units[number].utc_us)
        assert found is not None
        assert units[number] in found.units
    reader.close()
