"""Putting the index back in step with the files: a little at each start, all of it when asked."""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import InitSegment, read_init, scan_fragments
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import LocalFile, OpenFile
from server.recording.mediadb.fragments import FragmentTable, pack_table
from server.recording.mediadb.index import OPEN, SealedSegment, SegmentIndex, SegmentRow, ended_by
from server.recording.mediadb.layout import INDEX, SegmentPath, segment_path, segments_on_disk
from server.recording.mediadb.trailer import read_trailer
from server.recording.sqlite_threads import tells_damage

log = logging.getLogger(__name__)

_NEWEST_DAYS = 2  # whose folders a start looks through for files that the index does not know
_BATCH = 500
_MOST_INIT_BYTES = 65_536


@dataclass(slots=True)
class RepairReport:
    """What was found. `damaged`: files from which nothing could be read; they are left as they are."""

    files: int = 0
    indexed: int = 0
    in_use: int = 0
    forgotten: int = 0
    skipped_bytes: int = 0
    damaged: tuple[str, ...] = ()


@dataclass(slots=True)
class ScannedFile:
    """A segment read from its file alone."""

    sealed: SealedSegment
    init: InitSegment
    next_dts: int  # where the run goes on, in the run's ticks
    skipped_bytes: int

    @property
    def first_dts(self) -> int:
        return 0 if self.init.info is None else self.init.info.origin_ticks


def scan_file(path: Path, key: TrackKey, open_file: OpenFile = LocalFile) -> ScannedFile:
    """Read the fragment table of a finished file; raise Mp4Damaged when it holds no whole fragment, or OSError."""
    with open_file(path) as file:
        size = file.size_bytes()
        init = read_init(file.read)
        scan = scan_fragments(file.read, init.size_bytes, size, finished=True)
    name = UtcUs(int(path.stem)) if path.stem.isdecimal() else None
    table = FragmentTable(init.config.timescale, name)
    for fragment in scan.fragments:
        table.append(fragment)
    if not table.gops:
        raise Mp4Damaged("no keyframe in the file")
    # A segment is known by its file's name, also when its first fragments are damaged; the table says what is left.
    start = table.start if name is None else name
    gaps = table.gaps + (table.start != start)
    sealed = SealedSegment(key, start, UtcUs(max(table.end, start + 1)), gaps, size, pack_table(table))
    origin = 0 if init.info is None else init.info.origin_ticks
    return ScannedFile(sealed, init, origin + (table.next_dts or 0), scan.skipped_bytes)


def known_file(path: Path, key: TrackKey) -> ScannedFile:
    """As `scan_file`, but believes what the writer noted at the end of the file, if that fits the file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size

        def read(offset: int, wanted: int) -> bytes:
            return os.pread(fd, wanted, offset)

        found = read_trailer(read, size)
        init = read_init(read) if found is not None else None
    finally:
        os.close(fd)
    if found is None or init is None or init.info is None or init.info.start_utc_us != found[0].start:
        return scan_file(path, key)
    trailer, _ = found
    if path.stem != str(trailer.start):
        return scan_file(path, key)
    sealed = SealedSegment(key, UtcUs(trailer.start), UtcUs(trailer.end), trailer.gaps, size, trailer.blob)
    return ScannedFile(sealed, init, init.info.origin_ticks + trailer.next_dts, 0)


@contextmanager
def exclusively(root: Path, name: str) -> Iterator[bool]:
    """Hold a lock of the storage among all processes; False when another one has it."""
    fd = os.open(root / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def being_written(path: Path) -> bool:
    """Whether a living process holds the segment open for writing."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Keep writers out of a file; False when one has it. A writer that is just making it waits, and makes it anew if
    it was removed meanwhile."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def holds_no_media(path: Path) -> bool:
    """Whether a file was created but its writer died before it wrote any picture into it."""
    try:
        return path.stat().st_size <= _MOST_INIT_BYTES and b"mdat" not in path.read_bytes()
    except OSError:
        return False


def release_preallocation(path: Path) -> None:
    """Give back what a dead writer had allocated behind the end of its file."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def repair_at_start(root: Path, index: SegmentIndex) -> RepairReport:
    """Seal in the index what a killed process left open, and take in recent files that it does not know.

    Files are not changed. An index that SQLite cannot read is moved aside and rebuilt from all files.
    """
    with exclusively(root, "repair") as ours:
        if not ours:
            return RepairReport()
        try:
            broken = index.check() if index.path.exists() else []
        except StorageError as error:
            broken = [str(error)]
        if not broken:
            try:
                return _repair(root, index)
            except StorageError as error:  # SQLite's own check does not look into everything that is read here
                if not tells_damage(error):
                    raise
                broken = [str(error)]
        move_aside(index, broken[0])
        return reindex(root, index, thorough=False)


def _repair(root: Path, index: SegmentIndex) -> RepairReport:
    """Put a sound index right; raise StorageError."""
    report = RepairReport()
    for row in index.rows("state=? ORDER BY start_us", (OPEN,)):
        _repair_file(SegmentPath(segment_path(root, row.key, row.start), row.key, row.start), index, report)
        if not segment_path(root, row.key, row.start).exists():
            index.remove([row.id])
            report.forgotten += 1
    for found in segments_on_disk(root, _NEWEST_DAYS):
        if not index.spans(found.key, found.start, found.start + 1):
            _repair_file(found, index, report)
    return report


def move_aside(index: SegmentIndex, reason: str) -> None:
    """Take a damaged index out of the way, so that the next use makes a new one."""
    index.close()
    aside = index.path.with_name(f"{INDEX}.damaged")
    log.error("index damaged, rebuilding", extra={"path": str(index.path), "reason": reason})
    for suffix in ("", "-wal", "-shm"):
        part = index.path.with_name(INDEX + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))


def _repair_file(found: SegmentPath, index: SegmentIndex, report: RepairReport) -> None:
    report.files += 1
    try:
        with claimed(found.path) as ours:
            if ours:
                _repair_claimed(found, index, report)
            else:
                report.in_use += 1
    except FileNotFoundError:
        return


def _repair_claimed(found: SegmentPath, index: SegmentIndex, report: RepairReport) -> None:
    try:
        scanned = scan_file(found.path, found.key)
        release_preallocation(found.path)
    except FileNotFoundError:
        return
    except (OSError, Mp4Damaged) as error:
        if holds_no_media(found.path):
            found.path.unlink(missing_ok=True)
            report.forgotten += 1
            return
        log.warning("segment cannot be read", extra={"path": str(found.path), "reason": str(error)})
        report.damaged = (*report.damaged, str(found.path))
        return
    report.indexed += 1
    report.skipped_bytes += scanned.skipped_bytes
    index.record_found([scanned.sealed])
    _link(found.path.parents[3], index, scanned)


def _link(root: Path, index: SegmentIndex, scanned: ScannedFile) -> None:
    """Correct where the repaired segment, and the one before it, end: where the next goes on without a gap."""
    sealed = scanned.sealed
    for row in index.at_or_before(sealed.key, sealed.start - 1):
        _link_two(_scan_again(root, row), scanned, index)
    for row in index.after(sealed.key, sealed.start):
        _link_two(scanned, _scan_again(root, row), index)


def _link_two(before: ScannedFile | None, after: ScannedFile | None, index: SegmentIndex) -> None:
    if before is not None and after is not None and _goes_on(before, after):
        index.set_end(before.sealed.key, before.sealed.start, after.sealed.start)


def _scan_again(root: Path, row: SegmentRow) -> ScannedFile | None:
    try:
        return known_file(segment_path(root, row.key, row.start), row.key)
    except (OSError, Mp4Damaged):
        return None


def reindex(
    root: Path, index: SegmentIndex, progress: Callable[[int], None] = lambda _: None, *, thorough: bool = True
) -> RepairReport:
    """Forget the index and rebuild it from every file below `root`.

    Not `thorough`: finished files are believed what they say of themselves at their end, which takes two reads a file;
    damage inside them is then found when they are played.

    Recording may go on meanwhile: segments being written are entered as such, and their writer completes them.
    """
    index.clear()
    report = RepairReport()
    batch: list[SealedSegment] = []
    before: ScannedFile | None = None
    for found in segments_on_disk(root):
        report.files += 1
        progress(report.files)
        try:
            if being_written(found.path):
                report.in_use += 1
                index.record([], [(found.key, found.start)])
                continue
            scanned = (scan_file if thorough else known_file)(found.path, found.key)
        except (OSError, Mp4Damaged) as error:
            log.warning("segment cannot be read", extra={"path": str(found.path), "reason": str(error)})
            report.damaged = (*report.damaged, str(found.path))
            continue
        report.indexed += 1
        report.skipped_bytes += scanned.skipped_bytes
        if before is not None and batch and _goes_on(before, scanned):
            last = batch[-1]
            batch[-1] = SealedSegment(last.key, last.start, scanned.sealed.start, last.gaps, last.size_bytes, last.blob)
        elif before is not None and batch and before.sealed.key == scanned.sealed.key:
            batch[-1] = ended_by(batch[-1], scanned.sealed.start)
        if len(batch) >= _BATCH:
            index.record_found(batch[:-1])
            del batch[:-1]
        batch.append(scanned.sealed)
        before = scanned
    index.record_found(batch)
    return report


def _goes_on(before: ScannedFile, after: ScannedFile) -> bool:
    """Whether a file continues the one before it without a gap: same run, and decode time goes on where it ended."""
    one, two = before.init.info, after.init.info
    return (
        one is not None
        and two is not None
        and before.sealed.key == after.sealed.key
        and one.run_utc_us == two.run_utc_us
        and before.next_dts == after.first_dts
        and before.sealed.start < after.sealed.start
    )
