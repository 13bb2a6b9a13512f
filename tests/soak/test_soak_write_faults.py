"""Each call by which a recorder writes fails once, or for a while, or tears: what was written before and after stays.

Files are written through Python's `os`, so each of those calls can be made to fail in its turn. The index is SQLite's
affair: there the disk is really full.
"""

import asyncio
import errno
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit
from server.recording.mediadb.contract import Gop, TrackKey
from server.recording.mediadb.events import StorageEvent, StorageFailed
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.tools import check, rebuild
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import video_sample
from tests.support.soak import WHOLE, rounds

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
GOP = 25
SETTINGS = WriterSettings(
    segment_s=2,
    sync_interval_s=0.01,
    writer_threads=1,
    min_free_bytes=0,
    retain_minutes=10**9,
    cleaning_interval_s=3600,
    preallocate_bytes=1 << 16,
)
CALLS = ("pwritev", "pwrite", "fdatasync", "fsync", "ftruncate", "open", "mkdir")
OUTAGE_CALLS = 5


@dataclass
class FailingDisk:
    """Counts calls on media files, and lets some of them fail."""

    root: str
    fails: Callable[[int], bool]
    error: int
    torn: bool = False
    calls: list[str] = field(default_factory=list)

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self._ours(name, arguments):
                return real(*arguments, **options)
            self.calls.append(name)
            if not self.fails(len(self.calls) - 1):
                return real(*arguments, **options)
            if self.torn and name == "pwritev":
                fd, parts, offset = arguments
                whole = b"".join(parts)
                os.pwrite(fd, whole[: len(whole) // 2], offset)
            raise OSError(self.error, os.strerror(self.error))

        return call

    def _ours(self, name: str, arguments: tuple[Any, ...]) -> bool:
        if name == "open":
            path, flags = str(arguments[0]), arguments[1]
            return path.endswith(".mp4") and bool(flags & os.O_CREAT)
        if name == "mkdir":
            return str(arguments[0]).startswith(self.root)
        return os.readlink(f"/proc/self/fd/{arguments[0]}").endswith(".mp4")


@contextmanager
def failing(disk: FailingDisk) -> Iterator[FailingDisk]:
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, disk.wrapped(name, getattr(os, name)))
        yield disk


async def record(root: Path, units: Sequence[AccessUnit], events: list[StorageEvent]) -> None:
    config, _ = video_sample(frames=250, gop=GOP)
    async with MediaDatabaseWriter(root, SystemClock(), SETTINGS, events.append) as writer:
        track = writer.track(KEY)
        track.configure(config)
        for number, unit in enumerate(units):
            track.write(unit)
            if number % GOP == 0:
                while writer.queued_bytes:
                    await asyncio.sleep(0.001)


def units_stored(root: Path) -> list[bytes]:
    reader = MediaDatabaseReader(root)
    gops: list[Gop] = []
    while (gop := reader.gop_after(KEY, gops[-1].start if gops else UtcUs(0))) is not None:
        gops.append(gop)
    assert reader.skipped == 0
    reader.close()
    return [unit.data for gop in gops for unit in gop.units]


async def outcome(root: Path, disk: FailingDisk) -> None:
    """Record over the failing disk, and judge what is stored."""
    _, units = video_sample(frames=250, gop=GOP)
    events: list[StorageEvent] = []
    with failing(disk):
        await record(root, units, events)
    stored = units_stored(root)
    order = {unit.data: number for number, unit in enumerate(units)}
    numbers = [order[data] for data in stored]
    assert numbers == sorted(set(numbers)), "out of order or twice"
    lost = sorted(set(order.values()) - set(numbers))
    assert not lost or lost == list(range(lost[0], lost[-1] + 1)), lost
    assert len(lost) <= (OUTAGE_CALLS + 1) * GOP
    assert not lost or any(isinstance(event, StorageFailed) for event in events)
    rebuild(root)
    assert check(root)["ok"], check(root)
    assert units_stored(root) == stored


def times() -> list[int]:
    """Which calls fail, of the about 60 that the recording takes."""
    calls = list(range(60))
    return calls if WHOLE else random.Random(os.getpid()).sample(calls, 6)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("lasting", [1, OUTAGE_CALLS])
@pytest.mark.parametrize("torn", [False, True])
async def test_whichever_write_fails_the_rest_is_stored(tmp_path: Path, error: int, lasting: int, torn: bool) -> None:
    fewest = 1000
    for first in times():
        root = tmp_path / str(first)
        disk = FailingDisk(str(root), lambda call, first=first: first <= call < first + lasting, error, torn)  # type: ignore[misc]
        await outcome(root, disk)
        fewest = min(fewest, len(disk.calls))
        shutil.rmtree(root)
    assert fewest >= 30


@contextmanager
def small_disk(size_kb: int) -> Iterator[Path]:
    """A real file system of that size; skips where none can be mounted."""
    with tempfile.TemporaryDirectory(prefix="vedette-small-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.integration
async def test_a_disk_that_is_really_full_is_used_again_when_there_is_room() -> None:
    _, units = video_sample(frames=250, gop=GOP)
    total = sum(len(unit.data) for unit in units)
    for round_ in range(rounds(3, 60)):
        with small_disk(total // 1024 + 500) as disk:
            ballast = disk / "ballast"
            ballast.write_bytes(b"b" * ((total // 2 + 300_000) // 4096 * 4096 + 4096 * round_))
            root = disk / "media"
            events: list[StorageEvent] = []
            config, _ = video_sample(frames=250, gop=GOP)
            async with MediaDatabaseWriter(root, SystemClock(), SETTINGS, events.append) as writer:
                track = writer.track(KEY)
                track.configure(config)
                for number, unit in enumerate(units):
                    if number == 200:
                        ballast.unlink()
                        await asyncio.sleep(0.1)
                    track.write(unit)
                    if number % GOP == 0:
                        while writer.queued_bytes:
                            await asyncio.sleep(0.001)
            playable = units_stored(root)
            # With no room for the index either, some files wait for the next repair.
            subprocess.run(["mount", "-o", f"remount,size={total * 4 // 1024}k", str(disk)], check=True)
            rebuild(root)
            stored = units_stored(root)
            assert set(playable) <= set(stored)
            order = [unit.data for unit in units]
            numbers = [order.index(data) for data in stored]
            assert numbers == sorted(set(numbers))
            lost = 250 - len(numbers)
            assert lost or not any(isinstance(event, StorageFailed) for event in events)
            assert not lost or any(isinstance(event, StorageFailed) and event.disk_full for event in events), events
            assert set(range(225, 250)) <= set(numbers)
