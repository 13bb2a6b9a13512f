"""Moving segments between stages: whatever fails or is killed at whatever step, everything stays playable once."""

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock
from common.foundation.errors import StorageError
from server.recording.archiving.moving import CopyDiffers, Mover, SourceUnreadable, finish_deletions
from server.recording.archiving.pacing import Pace, Stopped
from server.recording.archiving.stage import Stage, archive_readers, open_stages
from server.recording.mediadb.index import SEALED
from server.recording.mediadb.layout import StorageNotMounted
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.tools import check
from tests.support.archive_rig import KEY, hashes, indexed, playable, recorded, storage


class Killed(BaseException):
    """Stands for the end of the process: no `except` of the code under test handles it."""


class Site:
    """A recorded storage with one archive, both in folders."""

    def __init__(self, folder: Path, frames: int = 100) -> None:
        self.data = folder / "data"
        self.root, self.archive = folder / "media", folder / "archive"
        self.units = [unit.data for unit in recorded(self.root, frames)]
        self.hashes = hashes(self.root)
        self.storage = storage(self.archive)

    @contextmanager
    def stages(self) -> Iterator[list[Stage]]:
        """The stages as a process opens them that has just started."""
        stages = open_stages(self.storage, self.root, self.data)
        try:
            for stage in stages:
                stage.prepare(self.data)
            yield stages
        finally:
            for stage in stages:
                stage.index.close()

    def move_all(self) -> None:
        with self.stages() as (source, target):
            mover = Mover(source, target, Pace(0, threading.Event()), readers_s=0)
            finish_deletions(source, threading.Event())
            for row in source.index.rows("state=? ORDER BY end_us", (SEALED,)):
                mover.move(row)
            mover.delete_hidden(wait=True)

    def playable(self) -> list[bytes]:
        readers = [MediaDatabaseReader(self.root), *archive_readers(self.storage, self.data)]
        try:
            found = playable(readers)
            assert [reader.skipped for reader in readers] == [0, 0]
            return found
        finally:
            for reader in readers:
                reader.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_segments_move_whole_and_stay_playable(site: Site) -> None:
    site.move_all()
    assert hashes(site.root) == {}
    assert hashes(site.archive) == site.hashes
    assert site.playable() == site.units
    assert check(site.archive)["ok"]
    assert check(site.root)["ok"]
    assert not list((site.archive / ".incoming").iterdir())


_CALLS = [(os, name) for name in ("open", "write", "fdatasync", "fsync", "rename", "unlink", "rmdir", "pread", "mkdir")]


class _Faults:
    """Counts calls of the system, and makes one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int, error: BaseException) -> None:
        self.calls = 0
        self._fail_at = fail_at
        self._error = error
        for module, name in _CALLS:
            monkeypatch.setattr(module, name, self._wrapped(getattr(module, name)))
        connect = sqlite3.connect

        def connected(*arguments: object, **named: object) -> object:
            return _FailingConnection(connect(*arguments, **named), self)

        monkeypatch.setattr(sqlite3, "connect", connected)

    def _wrapped(self, real):
        def call(*arguments: object, **named: object) -> object:
            self.count()
            return real(*arguments, **named)

        return call

    def count(self) -> None:
        self.calls += 1
        if self.calls == self._fail_at:
            raise self._error


class _FailingConnection:
    """A connection of SQLite whose statements count as calls too."""

    def __init__(self, real: sqlite3.Connection, faults: _Faults) -> None:
        self._real = real
        self._faults = faults

    def execute(self, sql: str, *arguments: object) -> object:
        if sql.startswith(("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE")):
            self._faults.count()
        return self._real.execute(sql, *arguments)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def _steps(folder: Path) -> int:
    """How many calls moving everything takes."""
    with pytest.MonkeyPatch.context() as patched:
        site = Site(folder, frames=50)
        faults = _Faults(patched, -1, Killed())
        site.move_all()
        return faults.calls


@pytest.mark.parametrize("error", [Killed(), OSError(errno.EIO, os.strerror(errno.EIO))], ids=["killed", "EIO"])
def test_interrupted_at_any_call_everything_is_playable_once_and_the_next_run_finishes(
    tmp_path: Path, error: BaseException
) -> None:
    steps = _steps(tmp_path / "counted")
    assert steps > 60
    site = Site(tmp_path / "site", frames=50)
    for step in range(1, steps + 1):
        with pytest.MonkeyPatch.context() as patched:
            _Faults(patched, step, error)
            with suppress(Killed, OSError, StorageError):
                site.move_all()
        assert site.playable() == site.units, f"call {step}"
        site.move_all()
        assert hashes(site.archive) == site.hashes, f"call {step}"
        assert hashes(site.root) == {}
        assert site.playable() == site.units
        _move_back(site)


def _move_back(site: Site) -> None:
    """Have the site as it was when nothing was archived yet."""
    for path in site.archive.rglob("*.mp4"):
        back = site.root / path.relative_to(site.archive)
        back.parent.mkdir(parents=True, exist_ok=True)
        path.rename(back)
    with site.stages() as (source, target):
        rows = target.index.rows("state=? ORDER BY start_us", (SEALED,))
        for row in rows:
            sealed = Mover(target, source, Pace(0, threading.Event()))._sealed(row)
            source.index.record([sealed], [])
        target.index.clear()


def test_a_copy_that_reads_back_otherwise_is_thrown_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:-1]) + b"\0"))
    with pytest.raises(CopyDiffers):
        site.move_all()
    monkeypatch.undo()
    assert hashes(site.archive) == {}
    assert hashes(site.root) == site.hashes
    assert site.playable() == site.units
    site.move_all()
    assert hashes(site.archive) == site.hashes


def test_an_archive_that_is_unmounted_is_not_replaced_by_the_disk_below(site: Site) -> None:
    with site.stages():
        pass  # remembers which archive it is
    site.archive.rename(site.archive.with_name("unmounted"))
    site.archive.mkdir()  # what is left of a mount point
    with pytest.raises(StorageNotMounted):
        site.move_all()
    assert not any(site.archive.iterdir())
    assert hashes(site.root) == site.hashes
    site.archive.rmdir()
    site.archive.with_name("unmounted").rename(site.archive)
    site.move_all()
    assert hashes(site.archive) == site.hashes


def test_an_archive_unmounted_in_mid_copy_costs_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = site.archive.with_name("unmounted")
    real, calls = os.fdatasync, 0

    def pull_the_plug(fd: int) -> None:
        nonlocal calls
        calls += 1
        real(fd)
        if calls == 2:
            site.archive.rename(gone)
            (site.archive / ".incoming").mkdir(parents=True)

    monkeypatch.setattr(os, "fdatasync", pull_the_plug)
    with pytest.raises((OSError, StorageNotMounted)):
        site.move_all()
    monkeypatch.undo()
    assert len(hashes(gone)) == 1
    assert len(hashes(site.root)) == len(site.hashes) - 1
    assert hashes(site.archive) == {}
    shutil.rmtree(site.archive)
    gone.rename(site.archive)
    assert site.playable() == site.units
    site.move_all()
    assert hashes(site.archive) == site.hashes


def test_a_segment_that_cannot_be_read_does_not_hold_up_the_others(site: Site) -> None:
    with site.stages() as (source, target):
        rows = source.index.rows("state=? ORDER BY end_us", (SEALED,))
        (site.root / sorted(site.hashes)[0]).unlink()
        mover = Mover(source, target, Pace(0, threading.Event()), readers_s=0)
        with pytest.raises(SourceUnreadable):
            mover.move(rows[0])
        mover.move(rows[1])
        mover.delete_hidden(wait=True)
        assert indexed(target) == [rows[1].start]
        assert not list((site.archive / ".incoming").iterdir())


def test_a_stop_ends_in_mid_segment_and_leaves_nothing_half_done(site: Site) -> None:
    stop = threading.Event()
    with site.stages() as (source, target):
        mover = Mover(source, target, Pace(0, stop), moved=lambda size: stop.set())
        with pytest.raises(Stopped):
            mover.move(source.index.rows("state=?", (SEALED,))[0])
    assert hashes(site.archive) == {}
    assert site.playable() == site.units


def test_the_bandwidth_that_was_set_is_kept() -> None:
    stop = threading.Event()
    clock = SystemClock()
    began_s = clock.monotonic_s()
    pace = Pace(1_000_000, stop)
    for _ in range(8):
        pace.spend(100_000)
    assert clock.monotonic_s() - began_s >= 0.25  # 0.8 s of work, of which half a second may be a burst
    stop.set()
    with pytest.raises(Stopped):
        pace.spend(1)


def test_what_is_at_both_stages_counts_once(site: Site) -> None:
    with site.stages() as (source, target):
        mover = Mover(source, target, Pace(0, threading.Event()), readers_s=3600)
        for row in source.index.rows("state=? ORDER BY end_us", (SEALED,))[:2]:
            mover.move(row)  # hidden, and not yet deleted
        assert len(hashes(site.root)) == len(site.hashes)
        assert site.playable() == site.units
        assert indexed(source) == sorted(int(Path(name).stem) for name in site.hashes)[2:]
    assert KEY.device in next(iter(site.hashes))
