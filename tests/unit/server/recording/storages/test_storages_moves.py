"""Devices that change their storage while they are recorded and played, and storages that fail."""

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.events import Overflow, StorageFailed, StorageRecovered
from server.recording.mediadb.layout import MARKER, segments_on_disk
from server.recording.mediadb.settings import WriterSettings
from server.recording.storages import spilling
from server.recording.storages.events import AnyStorageEvent, SpillBegan, SpillEnded
from server.recording.storages.reading import StoragesReader
from server.recording.storages.writers import StorageWriters
from tests.support.media_samples import video_sample

DEVICE = DeviceId("11111111-1111-4111-8111-111111111111")
OTHER = DeviceId("22222222-2222-4222-8222-222222222222")
KEY, OTHER_KEY = TrackKey(DEVICE, PRIMARY), TrackKey(OTHER, PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
SETTINGS = WriterSettings(
    segment_s=300,
    min_free_bytes=0,
    reserve_bytes=0,
    retain_minutes=10**9,
    cleaning_interval_s=3600,
    preallocate_bytes=0,
)
CONFIG, UNITS = video_sample(frames=250, gop=25)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def two(tmp_path: Path, spill_to: str = "") -> tuple[RecordedStorage, RecordedStorage]:
    one = RecordedStorage(id="one", name="One", path=str(tmp_path / "one"), retain_minutes=10**9, spill_to=spill_to)
    return one, RecordedStorage(id="two", name="Two", path=str(tmp_path / "two"), retain_minutes=10**9)


@asynccontextmanager
async def writers(
    tmp_path: Path, storages: Sequence[RecordedStorage], events: list[AnyStorageEvent]
) -> AsyncIterator[StorageWriters]:
    made = StorageWriters(tmp_path / "own", tmp_path / "data", SystemClock(), SETTINGS, events.append)
    async with made, asyncio.TaskGroup() as tasks:
        await made.apply(storages, 10**9)
        running = tasks.create_task(made.run())
        yield made
        running.cancel()


def read_all(reader: MediaReader, key: TrackKey = KEY) -> list[AccessUnit]:
    gops: list[Gop] = []
    while (gop := reader.gop_after(key, gops[-1].start if gops else UtcUs(0))) is not None:
        gops.append(gop)
    return [unit for gop in gops for unit in gop.units]


def recorded_in(root: Path, key: TrackKey = KEY) -> int:
    return sum(found.key == key for found in segments_on_disk(root))


async def test_a_device_that_moves_loses_no_picture_and_keeps_its_old_recordings(tmp_path: Path) -> None:
    storages, events = two(tmp_path), list[AnyStorageEvent]()
    reader = StoragesReader(tmp_path / "own")
    reader.follow(storages)
    async with writers(tmp_path, storages, events) as made:
        made.assign({DEVICE: "one", OTHER: "two"})
        tracks = [made.track(key) for key in (KEY, OTHER_KEY)]
        for track in tracks:
            track.configure(CONFIG)
        for at, unit in enumerate(UNITS):
            if at == 60:  # in the middle of a GOP
                made.assign({DEVICE: "two", OTHER: "two"})
            if at == 160:
                made.assign({DEVICE: "one"})  # the other one goes to the default storage
            for track in tracks:
                track.write(unit)
            if at in (80, 180):
                shown = [None]
                await until(lambda: made.queued_bytes == 0)
                while shown[0] is None:  # what was written before is found while it grows
                    shown[0] = reader.gop_at(KEY, UNITS[at - 25].utc_us)
        for key in (KEY, OTHER_KEY):
            await made.close_track(key)
    assert events == []
    for key in (KEY, OTHER_KEY):
        assert read_all(reader, key) == list(UNITS)
        assert len(reader.sequences(key, EVER)) == 1
        part = Span(UNITS[100].utc_us, UNITS[101].utc_us)
        assert reader.sequences(key, part) == reader.sequences(key, EVER)
    assert recorded_in(tmp_path / "one") >= 2
    assert recorded_in(tmp_path / "two") >= 1
    assert recorded_in(tmp_path / "two", OTHER_KEY) >= 1
    for at in (0, 74, 75, 120, 174, 175, 249):
        found = reader.gop_at(KEY, UNITS[at].utc_us)
        assert found is not None
        assert UNITS[at] in found.units
        assert not found.growing
    reader.close()


async def test_a_storage_that_goes_is_closed_and_its_recordings_stay_playable(tmp_path: Path) -> None:
    storages, events = two(tmp_path), list[AnyStorageEvent]()
    async with writers(tmp_path, storages, events) as made:
        made.assign({DEVICE: "two"})
        track = made.track(KEY)
        track.configure(CONFIG)
        for unit in UNITS[:60]:
            track.write(unit)
        await made.apply(storages[:1], 10**9)
        for unit in UNITS[60:]:
            track.write(unit)
        await made.close_track(KEY)
    reader = StoragesReader(tmp_path / "own")
    reader.follow(storages)
    assert read_all(reader) == list(UNITS)
    assert recorded_in(tmp_path / "two") >= 1
    reader.close()
    assert events == []


async def test_a_failing_storage_spills_and_takes_its_devices_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilling, "FIRST_HOLD_S", 0.2)
    monkeypatch.setattr("server.recording.storages.writers.TICK_S", 0.02)
    storages, events = two(tmp_path, spill_to="two"), list[AnyStorageEvent]()
    failing = False
    real = os.pwritev

    def sometimes(fd: int, parts: Sequence[bytes], offset: int) -> int:
        if failing and os.readlink(f"/proc/self/fd/{fd}").startswith(str(tmp_path / "one")):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(fd, parts, offset)

    monkeypatch.setattr(os, "pwritev", sometimes)
    async with writers(tmp_path, storages, events) as made:
        made.assign({DEVICE: "one"})
        track = made.track(KEY)
        track.configure(CONFIG)
        for unit in UNITS[:51]:
            track.write(unit)
        await until(lambda: made.queued_bytes == 0)
        failing = True
        for unit in UNITS[51:76]:
            track.write(unit)
        await until(lambda: any(isinstance(event, SpillBegan) for event in events))
        for unit in UNITS[76:150]:
            track.write(unit)
        failing = False
        await until(lambda: any(isinstance(event, SpillEnded) for event in events))
        for unit in UNITS[150:]:
            track.write(unit)
        await made.close_track(KEY)
    kinds = [type(event) for event in events]
    assert kinds.index(StorageFailed) < kinds.index(SpillBegan) < kinds.index(StorageRecovered)
    assert kinds.count(SpillBegan) == kinds.count(SpillEnded) == 1
    reader = StoragesReader(tmp_path / "own")
    reader.follow(storages)
    stored = read_all(reader)
    lost = [at for at, unit in enumerate(UNITS) if unit not in stored]
    assert set(lost) <= set(range(50, 100))  # the GOPs in which the disk failed
    assert recorded_in(tmp_path / "one") >= 2
    assert recorded_in(tmp_path / "two") >= 1
    reader.close()


async def test_a_storage_that_is_too_slow_spills_whole_gops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.recording.storages.writers.TICK_S", 0.02)
    storages, events = two(tmp_path, spill_to="two"), list[AnyStorageEvent]()
    slow = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = os.pwritev

    def slowly(fd: int, parts: Sequence[bytes], offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{fd}").startswith(str(tmp_path / "one")):
            asyncio.run_coroutine_threadsafe(slow.wait(), loop).result(20)
        return real(fd, parts, offset)

    monkeypatch.setattr(os, "pwritev", slowly)
    settings = replace(SETTINGS, queue_bytes=20_000)
    made = StorageWriters(tmp_path / "own", tmp_path / "data", SystemClock(), settings, events.append)
    async with made, asyncio.TaskGroup() as tasks:
        await made.apply(storages, 10**9)
        running = tasks.create_task(made.run())
        made.assign({DEVICE: "one"})
        track = made.track(KEY)
        track.configure(CONFIG)
        for at, unit in enumerate(UNITS):
            track.write(unit)
            if at % 25 == 0:
                await asyncio.sleep(0.02)
        assert any(isinstance(event, Overflow) and not event.over for event in events)
        assert any(isinstance(event, SpillBegan) and event.reason == "it is too slow" for event in events)
        await until(lambda: recorded_in(tmp_path / "two"))
        slow.set()
        await made.close_track(KEY)
        running.cancel()
    assert recorded_in(tmp_path / "two") >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_a_disk_that_is_not_mounted_is_not_replaced_by_the_disk_below(tmp_path: Path) -> None:
    one, second = two(tmp_path, spill_to="two")
    root, events = tmp_path / "one", list[AnyStorageEvent]()
    root.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(root)], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        async with writers(tmp_path, (one, second), events) as made:
            track = made.track(KEY)
            track.configure(CONFIG)
            for unit in UNITS[:50]:
                track.write(unit)
            await made.close_track(KEY)
            await until(lambda: "one" in _remembered(tmp_path))
    finally:
        subprocess.run(["umount", str(root)], check=True)
    async with writers(tmp_path, (one, second), events) as made:
        track = made.track(KEY)
        track.configure(CONFIG)
        for at, unit in enumerate(UNITS[50:]):
            track.write(unit)
            if at == 50:
                await until(lambda: any(isinstance(event, SpillBegan) for event in events))
        await made.close_track(KEY)
    assert list(root.iterdir()) == []
    assert recorded_in(tmp_path / "two") >= 1
    assert not (root / MARKER).exists()


def _remembered(tmp_path: Path) -> str:
    path = tmp_path / "data" / "storages.json"
    return path.read_text() if path.exists() else ""
