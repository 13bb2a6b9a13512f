"""Verifies recordings in folders: every fragment against its seal, and every segment against the next one's."""

import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.media.mp4.boxes import Mp4Damaged
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.files import LocalFile, ReadableFile
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.index import SEALED, SegmentIndex, SegmentRow
from server.recording.mediadb.layout import MARKER, segment_path
from server.recording.mediadb.locks import LockBook, Protected
from server.recording.proof.archives import RemoteArchive
from server.recording.proof.contents import Place
from server.recording.proof.findings import Finding, Kind, SegmentReport, Trust
from server.recording.proof.links import TrackLinks
from server.recording.proof.segments import verify_segment
from server.recording.proof.signing import fingerprint

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and how many there are."""

_THREADS = 2
_BATCH = 32
_MOST_LISTED = 10_000
_EVER = 1 << 62
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_Track = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is verified: recordings of one device (empty: all) in `start_us <= t < end_us`, and whose keys count."""

    device: str = ""
    start_us: int = -_EVER
    end_us: int = _EVER
    trust: Trust = field(default_factory=Trust)

    def meets(self, start_us: int, end_us: int) -> bool:
        return start_us < self.end_us and (end_us > self.start_us or start_us >= self.start_us)


def verify_recordings(
    paths: Sequence[Path],
    wanted: Wanted,
    progress: Progress = lambda done, total: None,
    archives: Sequence[RemoteArchive] = (),
) -> dict[str, Any]:
    """Verify storages, folders of recordings or single files, and archives in object stores, in place; changes nothing,
    and recording may go on meanwhile.

    Several stages of a storage may be given together: then borders between them are checked too. Raises StorageError
    when something that is named cannot be looked at at all.
    """
    with ExitStack() as opened:
        work = _Work(paths, wanted, progress, opened, archives)
        return work.report()


class _Work:
    """One verification."""

    def __init__(
        self,
        paths: Sequence[Path],
        wanted: Wanted,
        progress: Progress,
        opened: ExitStack,
        archives: Sequence[RemoteArchive],
    ) -> None:
        self._wanted = wanted
        self._progress = progress
        self._opened = opened
        self._indexes: dict[Path, SegmentIndex | None] = {}
        self._locks: dict[Path, Protected] = {}
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._storages = [path for path in paths if (path / MARKER).exists()]
        self._archives = {archive.root: archive for archive in archives}
        files = [str(file) for path in paths for file in _files(path)]
        files += [url for archive in archives for url in sorted(archive.sizes)]
        self._places = [self._place(file) for file in files]
        self._places = [place for place in self._places if wanted.device in ("", place.device)]

    def report(self) -> dict[str, Any]:
        """Do all of it."""
        tracks: dict[_Track, list[Place]] = defaultdict(list)
        for place in self._places:
            tracks[place.device, place.track].append(place)
        chosen = [place for places in tracks.values() for place in self._in_time(places)]
        reports = list(self._verified(chosen))
        for each in reports:
            self._findings += each.findings
            self._notes += [f"{each.path}: {note}" for note in each.notes]
        by_track: dict[_Track, list[SegmentReport]] = defaultdict(list)
        for each in reports:
            by_track[each.device, each.track].append(each)
        for track, segments in by_track.items():
            starts = [place.start_us for place in tracks.get(track, [])] or [each.start_us for each in segments]
            links = TrackLinks(segments, starts, self._kept, self._open)
            self._findings += links.findings
            self._notes += links.notes
        self._look_for_lost(tracks)
        return self._summed_up(reports)

    # what there is

    def _archive(self, path: str) -> RemoteArchive | None:
        """The object store that a segment is in; None where it is a file."""
        return self._archives.get(_root(path)) if self._archives and "://" in path else None

    def _open(self, path: str) -> ReadableFile:
        archive = self._archive(path)
        return LocalFile(Path(path)) if archive is None else archive.open(path)

    def _size(self, path: str) -> int:
        archive = self._archive(path)
        return _size(path) if archive is None else archive.sizes[path]

    def _place(self, path: str) -> Place:
        """Which segment a file should be by its path, and what the index knows of it."""
        file, place = Path(path), Place(path)
        parents = file.absolute().parents
        if not file.stem.isdecimal() or len(parents) < 4 or not _DAY.fullmatch(parents[0].name):
            return place
        start_us = int(file.stem)
        try:
            day = datetime.fromtimestamp(start_us // US_PER_S, UTC).strftime("%Y-%m-%d")
        except (OverflowError, ValueError, OSError):
            return place
        if day != parents[0].name:
            return place
        return replace(place, device=parents[2].name, track=parents[1].name, start_us=start_us)

    def _in_time(self, places: list[Place]) -> Iterator[Place]:
        places.sort(key=lambda place: place.start_us)
        for number, place in enumerate(places):
            until = places[number + 1].start_us if number + 1 < len(places) else _EVER
            if not place.device or self._wanted.meets(place.start_us, until):
                yield place

    def _index(self, root: Path) -> SegmentIndex | None:
        if root not in self._indexes:
            found: SegmentIndex | None = None
            archive = self._archives.get(root)
            folder = root if archive is None else archive.index
            if folder is not None and (archive is not None or (folder / MARKER).exists()):
                found = self._opened.enter_context(closing(SegmentIndex(folder, writable=False)))
                try:
                    if not found.exists:
                        found = None
                except StorageError as error:
                    self._notes.append(f"the index was not asked: {error}")
                    found = None
            self._indexes[root] = found
        return self._indexes[root]

    def _row(self, place: Place) -> SegmentRow | None:
        index = self._index(_root(place.path)) if place.device else None
        if index is None:
            return None
        key = TrackKey(DeviceId(place.device), TrackName(place.track))
        try:
            rows = index.at_or_before(key, place.start_us)
        except StorageError:
            return None
        return rows[0] if rows and rows[0].start == place.start_us and rows[0].state == SEALED else None

    def _with_index(self, place: Place) -> Place:
        """What the index knows of a segment; nothing where it cannot be asked."""
        row = self._row(place)
        index = None if row is None else self._index(_root(place.path))
        if row is None or index is None:
            return place
        try:
            blob = index.table_blob(row.id)
            fragments = 0 if blob is None else len(unpack_table(blob).starts)
        except (StorageError, Mp4Damaged):
            fragments = 0
        return replace(place, fragments=fragments, end_us=row.end)

    # looking

    def _verified(self, places: list[Place]) -> Iterator[SegmentReport]:
        sizes = [self._size(place.path) for place in places]
        total, done = sum(sizes), 0
        self._progress(0, total)
        with ThreadPoolExecutor(_THREADS, "verify") as threads:
            for first in range(0, len(places), _BATCH):
                batch = [
                    replace(self._with_index(place), in_use=self._archive(place.path) is None and _in_use(place.path))
                    for place in places[first : first + _BATCH]
                ]
                for report, size in zip(threads.map(self._look_at, batch), sizes[first:], strict=False):
                    done += size
                    self._progress(done, total)
                    if report is not None:
                        yield report

    def _look_at(self, place: Place) -> SegmentReport | None:
        try:
            with self._open(place.path) as file:
                return verify_segment(file, place, self._wanted.trust)
        except FileNotFoundError:
            return None  # deleted or archived meanwhile
        except OSError as error:
            report = SegmentReport(place.path, place.device, place.track, place.start_us, place.end_us)
            why = f"the disk does not give it back: {error.strerror or error}"
            report.found(Kind.UNREADABLE, why, (place.start_us, max(place.start_us, place.end_us)))
            return report

    def _kept(self, path: str, device: str, start_us: int, end_us: int) -> bool:
        """Whether an evidence lock of the storage keeps a span of a device."""
        root, archive = _root(path), self._archive(path)
        folder = root if archive is None else archive.locks
        if folder is None:
            return False
        if root not in self._locks:
            self._locks[root] = LockBook((folder,), SystemClock().now_us).protected()
        return self._locks[root].meets(DeviceId(device), Span(UtcUs(start_us), UtcUs(end_us)))

    def _look_for_lost(self, tracks: dict[_Track, list[Place]]) -> None:
        """Segments that the index of a storage knows, and of which there is no file."""
        here = {(place.device, place.track, place.start_us) for places in tracks.values() for place in places}
        for root in (*self._storages, *self._archives):
            index = self._index(root.absolute())
            if index is None:
                continue
            try:
                lost = [row for row in index.rows("state=?", (SEALED,)) if self._is_lost(root, row, here)]
                lost = [row for row in lost if index.rows("id=? AND state=?", (row.id, SEALED))]  # not just deleted
            except StorageError as error:
                self._notes.append(f"the index was not asked: {error}")
                continue
            told = {finding.path for finding in self._findings}
            for row in lost:
                path = self._segment(root, row)
                if path not in told and str(Path(path).absolute()) not in told:
                    why = "its file is gone, and the index still knows it"
                    self._findings.append(
                        Finding(Kind.MISSING, row.key.device, row.key.track, row.start, row.end, path, why)
                    )

    def _is_lost(self, root: Path, row: SegmentRow, here: set[tuple[str, str, int]]) -> bool:
        known = (row.key.device, row.key.track, row.start) in here
        if known or not self._is_wanted(row):
            return False
        path, archive = self._segment(root, row), self._archives.get(root)
        return not (Path(path).exists() if archive is None else archive.has(path))

    def _segment(self, root: Path, row: SegmentRow) -> str:
        """The path, or URL, of a segment that an index knows."""
        archive = self._archives.get(root)
        if archive is not None:
            return f"{archive.url}/{segment_path(Path(), row.key, row.start).as_posix()}"
        return str(segment_path(root, row.key, row.start))

    def _is_wanted(self, row: SegmentRow) -> bool:
        return self._wanted.device in ("", row.key.device) and self._wanted.meets(row.start, row.end)

    # saying

    def _summed_up(self, reports: list[SegmentReport]) -> dict[str, Any]:
        findings = [one for one in self._findings if self._wanted.meets(one.start_us, one.end_us)]
        findings.sort(key=lambda one: (one.device, one.track, one.start_us, one.first))
        keys: dict[bytes, int] = defaultdict(int)
        for report in reports:
            for key, count in report.keys.items():
                keys[key] += count
        trusted = self._wanted.trust.keys
        return {
            "ok": not findings,
            "files": len(reports),
            "in_use": sum(report.in_use for report in reports),
            "fragments": sum(report.fragments for report in reports),
            "sealed_fragments": sum(report.good for report in reports),
            "signed_fragments": sum(report.signed for report in reports),
            "not_sealed_files": sum(not report.is_sealed for report in reports),
            "not_sealed_fragments": sum(report.fragments for report in reports if not report.is_sealed),
            "keys": [
                {"fingerprint": fingerprint(key), "fragments": count, "known": None if trusted is None else True}
                for key, count in sorted(keys.items())
            ],
            "findings": [one.listed() for one in findings[:_MOST_LISTED]],
            "findings_left_out": max(0, len(findings) - _MOST_LISTED),
            "notes": self._notes[:_MOST_LISTED],
        }


def _root(path: str) -> Path:
    """The storage or archive that a segment's path says it is in."""
    return Path(path).absolute().parents[3]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.mp4"))
    if not path.exists():
        raise StorageError("there is nothing", path=str(path))
    return [path]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _in_use(path: str) -> bool:
    """Whether a living process writes to the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
