"""A pre-buffer on a real disk: recorded without gap or duplicate, encrypted, with a full disk, and killed."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, CodecConfig
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.events import Overflow
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.prebuffer.folders import FOLDER
from server.recording.prebuffer.recorder import SpooledRecorder
from server.recording.storages.device_storage import DeviceStorage
from server.recording.storages.events import AnyStorageEvent, PreBuffersInMemory, PreBuffersOnDisk
from server.recording.storages.writers import StorageWriters
from tests.support.media_samples import video_sample

CAMERA = DeviceId("11111111-1111-4111-8111-111111111111")
KEY = TrackKey(CAMERA, PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
SETTINGS = WriterSettings(min_free_bytes=0, cleaning_interval_s=3600)
START_US = 1_700_000_000_000_000


class SteppedClock(SystemClock):
    """Whoever waits for seconds waits for hundredths; time is moved by hand besides."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.passed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


class Track:
    """A track of any length, made of a sample that repeats."""

    def __init__(self, *, unit_bytes: int = 0) -> None:
        self.config, sample = video_sample(frames=50, gop=25)
        self._sample = [replace(unit, data=unit.data + bytes(max(0, unit_bytes - len(unit.data)))) for unit in sample]
        self._tick = self.config.timescale // 25

    def unit(self, number: int) -> AccessUnit:
        sample = self._sample[number % len(self._sample)]
        at = number * self._tick
        return AccessUnit(sample.data, at, at, UtcUs(START_US + number * 40_000), sample.keyframe)


class Bench:
    """A recorder with a pre-buffer on the disk of a real storage."""

    def __init__(self, storages: StorageWriters, tasks: asyncio.TaskGroup, clock: SteppedClock, seconds: int) -> None:
        self.storages = storages
        self.recorder = SpooledRecorder(
            KEY,
            storages.track(KEY),
            DeviceStorage(storages, CAMERA),
            seconds,
            clock=clock,
            start=lambda work, name: tasks.create_task(work, name=name),
            recording=False,
        )
        self.most_memory_bytes = 0

    async def write(self, track: Track, first: int, last: int) -> None:
        for number in range(first, last):
            self.recorder.write(track.unit(number), new_run=False)
            if number % 25 == 0:
                await self.disk_idle()
                self.most_memory_bytes = max(self.most_memory_bytes, self.recorder.memory_bytes)

    async def disk_idle(self) -> None:
        await until(lambda: not self.storages.spool_of(CAMERA).waiting_bytes)


Work = Callable[[Bench], "asyncio.Future[None]"]


async def with_bench(
    root: Path,
    work: Work,
    *,
    seconds: int = 120,
    settings: WriterSettings = SETTINGS,
    clock: SteppedClock | None = None,
) -> list[AnyStorageEvent]:
    events: list[AnyStorageEvent] = []
    clock = clock or SteppedClock()
    async with StorageWriters(root, root / "data", clock, settings, events.append) as storages:
        await storages.apply((), 10_080)
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(storages, tasks, clock, seconds)
            await work(bench)
            await bench.recorder.close()
        await storages.close_track(KEY)
    return events


def stored(root: Path) -> list[tuple[int, bytes]]:
    reader = MediaDatabaseReader(root)
    units: list[tuple[int, bytes]] = []
    at = UtcUs(0)
    while (gop := reader.gop_after(KEY, at)) is not None:
        units += [(unit.utc_us, unit.data) for unit in gop.units]
        at = gop.start
    reader.close()
    return units


def expected(track: Track, first: int, last: int) -> list[tuple[int, bytes]]:
    return [(unit.utc_us, unit.data) for unit in map(track.unit, range(first, last))]


def spooled(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*/*.spool"))


async def test_two_minutes_are_recorded_without_gap_or_duplicate_and_never_held_in_memory(tmp_path: Path) -> None:
    track = Track(unit_bytes=20_000)

    async def work(bench: Bench) -> None:
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 25 * 150)
        assert len(spooled(tmp_path)) in range(12, 16)  # 10 s each
        bench.recorder.set_recording(True)
        await bench.write(track, 25 * 150, 25 * 160)  # live goes on meanwhile
        await until(lambda: bench.recorder._state.name == "RECORDING")
        await bench.write(track, 25 * 160, 25 * 165)
        bench.recorder.set_recording(False)
        assert bench.most_memory_bytes < 8 << 20

    assert await with_bench(tmp_path, work) == []
    units = stored(tmp_path)
    first = (units[0][0] - START_US) // 40_000
    assert 25 * 28 <= first <= 25 * 30  # whole GOPs cover 120 s
    assert units == expected(track, first, 25 * 165)
    assert spooled(tmp_path) == []
    assert [entry.name for entry in (tmp_path / FOLDER).iterdir()] == ["lock"]


async def test_recording_that_stops_and_starts_while_it_catches_up_leaves_nothing_out(tmp_path: Path) -> None:
    track = Track()

    async def work(bench: Bench) -> None:
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 510)
        for on in (True, False, True, False, True):  # none of it has begun to be written yet
            bench.recorder.set_recording(on)
        for number in range(510, 520):
            bench.recorder.write(track.unit(number), new_run=False)
        bench.recorder.set_recording(False)
        for number in range(520, 560):
            bench.recorder.write(track.unit(number), new_run=False)
        await until(lambda: bench.recorder._state.name == "WAITING")
        await bench.write(track, 560, 600)
        bench.recorder.set_recording(True)

    await with_bench(tmp_path, work)
    # Stopped at 520, in the middle of a GOP: what is kept again begins with the next one.
    assert stored(tmp_path) == expected(track, 0, 520) + expected(track, 525, 600)


async def test_a_break_of_the_stream_stays_a_break(tmp_path: Path) -> None:
    track = Track()

    async def work(bench: Bench) -> None:
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 60)
        bench.recorder.end_run()
        bench.recorder.configure(CodecConfig(**{**_fields(track.config), "width_px": track.config.width_px + 2}))
        await bench.write(track, 100, 160)
        bench.recorder.set_recording(True)

    await with_bench(tmp_path, work)
    assert stored(tmp_path) == expected(track, 0, 60) + expected(track, 100, 160)
    reader = MediaDatabaseReader(tmp_path)
    assert len(reader.sequences(KEY, EVER)) == 2
    reader.close()


def _fields(config: CodecConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in CodecConfig.__slots__}


async def test_a_full_disk_leaves_fifteen_seconds_in_memory_until_it_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track, clock = Track(), SteppedClock()
    really, full = os.pwrite, True

    def pwrite(file: int, data: memoryview, offset: int) -> int:
        if full and os.readlink(f"/proc/self/fd/{file}").endswith(".spool"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(file, data, offset)

    monkeypatch.setattr("server.recording.prebuffer.spool.os.pwrite", pwrite)

    async def work(bench: Bench) -> None:
        nonlocal full
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 25 * 60)
        bench.recorder.set_recording(True)
        await until(lambda: bench.recorder._state.name == "RECORDING")
        await bench.write(track, 25 * 60, 25 * 61)
        bench.recorder.set_recording(False)
        full = False
        clock.passed_s += 11
        await bench.write(track, 25 * 61, 25 * 90)
        assert spooled(tmp_path)
        bench.recorder.set_recording(True)

    events = await with_bench(tmp_path, work, clock=clock)
    assert [type(event) for event in events] == [PreBuffersInMemory, PreBuffersOnDisk]
    assert isinstance(events[0], PreBuffersInMemory)
    assert events[0].reason == "No space left on device"
    units = stored(tmp_path)
    first = (units[0][0] - START_US) // 40_000
    assert 25 * 43 <= first <= 25 * 45
    assert units == expected(track, first, 25 * 90)


async def test_a_disk_that_is_nearly_full_is_left_to_recordings(tmp_path: Path) -> None:
    track = Track()

    async def work(bench: Bench) -> None:
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 100)
        assert spooled(tmp_path) == []

    settings = replace(SETTINGS, min_free_bytes=1 << 60, short_free_bytes=1 << 60, reserve_bytes=0)
    events = await with_bench(tmp_path, work, settings=settings)
    assert [event.reason for event in events if isinstance(event, PreBuffersInMemory)] == [
        f"less than {(1 << 60) >> 20} MB would stay free"
    ]


async def test_a_damaged_piece_is_told_and_does_not_end_recording(tmp_path: Path) -> None:
    track = Track()

    async def work(bench: Bench) -> None:
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 25 * 8)
        await bench.write(track, 25 * 8, 25 * 8 + 1)
        (file,) = spooled(tmp_path)
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 2)
            opened.write(b"\xff" * 8)
        bench.recorder.set_recording(True)

    events = await with_bench(tmp_path, work)
    lost = [event for event in events if isinstance(event, Overflow)]
    assert [(event.gops, event.over) for event in lost] == [(0, False), (1, True)]
    everything = expected(track, 0, 25 * 8 + 1)
    units = stored(tmp_path)
    assert len(units) == len(everything) - 25
    assert set(units) < set(everything)


async def test_what_belongs_to_an_encrypted_storage_is_not_to_be_read_on_its_disk(tmp_path: Path) -> None:
    track = Track(unit_bytes=5_000)
    track._sample = [replace(unit, data=unit.data + b"nobody may read this") for unit in track._sample]

    async def work(bench: Bench) -> None:
        opened = bench.storages._open["default"]
        opened.storage = opened.storage.model_copy(update={"encryption": "Strong"})  # keys have tests of their own
        bench.recorder.configure(track.config)
        await bench.write(track, 0, 200)
        found = spooled(tmp_path)
        assert found
        assert not any(b"nobody may read this" in file.read_bytes() for file in found)
        bench.recorder.set_recording(True)

    await with_bench(tmp_path, work)
    assert stored(tmp_path) == expected(track, 0, 200)


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from tests.integration.test_prebuffer_on_disk import Track, with_bench

async def work(bench):
    track = Track()
    bench.recorder.configure(track.config)
    await bench.write(track, 0, 500)
    print("spooled", flush=True)
    await asyncio.sleep(60)

asyncio.run(with_bench(Path(sys.argv[1]), work))
"""


async def test_what_a_killed_engine_leaves_is_deleted_but_not_that_of_one_that_lives(tmp_path: Path) -> None:
    async def other() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE, env=os.environ
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"spooled\n"
        return process

    killed, living = await other(), await other()
    try:
        before = {file.parent for file in spooled(tmp_path)}
        assert len(before) == 2
        killed.kill()
        await killed.wait()

        async def work(bench: Bench) -> None:
            watching = asyncio.ensure_future(bench.storages.run())
            await until(lambda: len({file.parent for file in spooled(tmp_path)}) == 1)
            watching.cancel()

        await with_bench(tmp_path, work)
    finally:
        living.kill()
        await living.wait()
    assert stored(tmp_path) == []
    assert {file.parent for file in spooled(tmp_path)} < before
