"""Finds and reads recordings, those being written included. Blocking; safe from several threads and processes."""

import logging
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, CodecConfig
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.protection import Mp4Locked, Protection
from common.media.mp4.reader import read_init, read_units, scan_fragments
from server.recording.mediadb.contract import Gop, Span, TrackKey
from server.recording.mediadb.extents import Extent, places
from server.recording.mediadb.files import LocalFile, OpenFile
from server.recording.mediadb.fragments import FragmentTable, unpack_table
from server.recording.mediadb.index import SEALED, SegmentIndex, SegmentRow
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.protecting import ContentKeys, NoKeys

log = logging.getLogger(__name__)

_MOST_TABLES = 256  # some 20 kB each
_MOST_REPORTED = 1000
_RUNS = 1000  # read from the index at a time
_CANDIDATES = 8  # segments looked at when the best one cannot be read


@dataclass(slots=True)
class _Segment:
    """A segment as far as it was read. `lock` guards a table that still grows."""

    row: SegmentRow
    path: Path
    config: CodecConfig
    origin_ticks: int
    init_bytes: int
    table: FragmentTable
    scanned: int
    lock: threading.Lock
    protection: Protection | None


class MediaDatabaseReader:
    """Implements MediaReader over the files below `root`.

    The index says which segments there are; the table of one being written is read from its file and followed as it
    grows. `skipped` counts segments that could not be read.
    """

    def __init__(self, root: Path, open_file: OpenFile = LocalFile, keys: ContentKeys | None = None) -> None:
        """`root` holds the index, and the files too unless `open_file` finds them elsewhere. `keys` opens what is
        encrypted."""
        self._keys = keys or NoKeys()
        self._root = root
        self._open_file = open_file
        self._index = SegmentIndex(root, writable=False)
        self._segments: OrderedDict[int, _Segment] = OrderedDict()
        self._lock = threading.Lock()
        self._reported: set[str] = set()
        self.skipped = 0

    def close(self) -> None:
        """Give back the index's connections."""
        self._index.close()

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        if not self._index.exists or span.end <= span.start:
            return ()
        found: list[Span] = []
        start: int = span.start
        while True:
            runs = self._index.runs(key, start, span.end, _RUNS)
            if runs and not found:
                self._add_before(key, runs[0][0].start, found)
            for first, end in runs:
                self._add_spans(first, end, found)
            started = [s for s in found if s.start < span.end and s.end > span.start]
            if len(runs) < _RUNS or len(started) > limit:
                break
            start = runs[-1][0].start + 1
        # Its own table tells where a run without seams to the next goes on: it may end behind `span.end`.
        while (
            found and found[-1].end >= span.end and (more := self._index.runs(key, found[-1].end, found[-1].end + 1, 2))
        ):
            first, end = more[-1]
            if first.start != found[-1].end:
                break
            self._add_spans(first, end, found)
        return [s for s in found if s.start < span.end and s.end > span.start][:limit]

    def _add_before(self, key: TrackKey, start: int, to: list[Span]) -> None:
        """Append what ends where the run at `start` begins: segments whose tables tell where they go on."""
        before: list[tuple[SegmentRow, UtcUs]] = []
        while found := self._index.runs(key, start - 1, start, 1):
            first, end = found[0]
            if first.start >= start or end != start:
                break
            before.append(found[0])
            start = first.start
            if first.gaps:
                break
        for first, end in reversed(before):
            self._add_spans(first, end, to)

    def _add_spans(self, row: SegmentRow, run_end: int, to: list[Span]) -> None:
        """Append what a run holds, joined to what came before where nothing lies between."""
        if row.state == SEALED and not row.gaps:
            _join(to, row.start, run_end)
            return
        segment = self._segment(row)
        if segment is None:
            return
        with segment.lock:
            for start, end in zip(segment.table.starts, segment.table.ends, strict=True):
                _join(to, start, end)

    def next_keyframe(self, key: TrackKey, at: UtcUs) -> UtcUs | None:
        """When the first GOP later than `at` starts, without reading its media; None when there is none."""
        rows = [*self._index.at_or_before(key, at), *self._index.after(key, at)] if self._index.exists else []
        while rows:
            for row in rows:
                starts = self._gop_starts(row)
                place = bisect_right(starts, at)
                if place < len(starts):
                    return UtcUs(starts[place])
            rows = self._index.after(key, max(at, rows[-1].start))
        return None

    def previous_keyframe(self, key: TrackKey, at: UtcUs) -> UtcUs | None:
        """When the last GOP earlier than `at` starts, without reading its media; None when there is none."""
        before = at - 1
        while rows := self._index.at_or_before(key, before) if self._index.exists else []:
            starts = self._gop_starts(rows[0])
            place = bisect_right(starts, at - 1)
            if place:
                return UtcUs(starts[place - 1])
            before = rows[0].start - 1
        return None

    def _gop_starts(self, row: SegmentRow) -> Sequence[int]:
        segment = self._segment(row)
        return () if segment is None else segment.table.gop_starts

    def coverage(self, key: TrackKey) -> Span | None:
        if not self._index.exists:
            return None
        start = end = None
        after = -(1 << 62)
        while start is None and (rows := self._index.after(key, after)):
            after = rows[0].start
            start = rows[0].start if rows[0].state == SEALED and not rows[0].gaps else self._first(rows[0])
        before = 1 << 62
        while end is None and (rows := self._index.at_or_before(key, before)):
            before = rows[0].start - 1
            end = rows[0].end if rows[0].state == SEALED else self._last(rows[0])
        return None if start is None or end is None else Span(start, end)

    def _first(self, row: SegmentRow) -> UtcUs | None:
        segment = self._segment(row)
        return None if segment is None else segment.table.start

    def _last(self, row: SegmentRow) -> UtcUs | None:
        segment = self._segment(row)
        return None if segment is None else segment.table.end

    def extents(self, key: TrackKey, span: Span) -> Sequence[Extent] | None:
        """Implements ExtentReader."""
        if not self._index.exists or span.end <= span.start:
            return ()
        rows = [*self._index.at_or_before(key, span.start), *self._index.spans(key, span.start + 1, span.end)]
        found: list[Extent] = []
        for number, row in enumerate(rows):
            segment = self._segment(row)
            if segment is None:
                continue
            if segment.protection is not None:
                return None
            with segment.lock:
                fragments = places(segment.table, span, rows[number + 1].start if number + 1 < len(rows) else None)
            if fragments:
                init_bytes = segment.init_bytes
                found.append(Extent(segment.path, segment.config, segment.origin_ticks, init_bytes, fragments))
        return found

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._gop_until(key, at)

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._gop_until(key, at - 1)

    def _gop_until(self, key: TrackKey, at: int) -> Gop | None:
        """The last readable GOP that starts at or before `at`."""
        if not self._index.exists:
            return None
        while rows := self._index.at_or_before(key, at, _CANDIDATES):
            for row in rows:
                segment = self._segment(row)
                number = None if segment is None else segment.table.gop_from(at)
                while segment is not None and number is not None and number >= 0:
                    gop = self._read(segment, number)
                    if gop is not None:
                        return gop
                    number -= 1
            at = rows[-1].start - 1
        return None

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        if not self._index.exists:
            return None
        rows = self._index.at_or_before(key, at)
        after: int = at
        while True:
            for row in rows:
                segment = self._segment(row)
                if segment is None:
                    continue
                number = segment.table.gop_from(at)
                number = 0 if number is None else number + 1
                while number < len(segment.table.gops):
                    gop = self._read(segment, number)
                    if gop is not None:
                        return gop
                    number += 1
            rows = self._index.after(key, after, _CANDIDATES)
            if not rows:
                return None
            after = rows[-1].start

    def _read(self, segment: _Segment, number: int) -> Gop | None:
        """Read one GOP, its fragments joined; None, counted and logged, when its bytes are damaged."""
        with segment.lock:
            table = segment.table
            fragments = table.gop_fragments(number)
            places = [(table.offsets[i], table.sizes[i]) for i in fragments]
            start, end = table.starts[fragments[0]], table.ends[fragments[-1]]
            newest = number + 1 == len(table.gops)
        units: list[AccessUnit] = []
        try:
            content_key = None if segment.protection is None else self._keys.content_key(segment.protection)
            with self._open_file(segment.path) as file:
                for offset, size in places:
                    units += read_units(file.read(offset, size), segment.config, segment.origin_ticks, content_key)
        except (OSError, Mp4Damaged, Mp4Locked) as error:
            self._skip(f"{segment.path} at {places[0][0]}", error)
            if not units:
                return None
            # What could be read of the GOP is still worth showing.
        growing = False
        if newest:
            following = self._index.after(segment.row.key, segment.row.start)
            growing = segment.row.state != SEALED and not following
            if following:  # a run that was sent faster than it was shot may claim more time than it had
                end = max(start + 1, min(end, following[0].start))
        return Gop(segment.config, tuple(units), UtcUs(start), UtcUs(end), growing)

    def _segment(self, row: SegmentRow) -> _Segment | None:
        """The segment of a row, its table brought up to date; None, counted and logged, when it cannot be read."""
        with self._lock:
            known = self._segments.get(row.id)
            if known is not None:
                self._segments.move_to_end(row.id)
        try:
            if known is None or known.row != row:
                known = self._open(row)
                with self._lock:
                    self._segments[row.id] = known
                    while len(self._segments) > _MOST_TABLES:
                        self._segments.popitem(last=False)
            if row.state != SEALED:
                self._follow(known)
        except (OSError, Mp4Damaged) as error:
            self._skip(str(segment_path(self._root, row.key, row.start)), error)
            return None
        return known if known.table.gops else None

    def _open(self, row: SegmentRow) -> _Segment:
        path = segment_path(self._root, row.key, row.start)
        with self._open_file(path) as file:
            init = read_init(file.read)
        blob = self._index.table_blob(row.id) if row.state == SEALED else None
        table = FragmentTable(init.config.timescale, row.start) if blob is None else unpack_table(blob)
        origin = 0 if init.info is None else init.info.origin_ticks
        lock, size = threading.Lock(), init.size_bytes
        return _Segment(row, path, init.config, origin, size, table, size, lock, init.protection)

    def _follow(self, segment: _Segment) -> None:
        """Take in what was appended to a growing segment since it was last looked at."""
        with segment.lock, self._open_file(segment.path) as file:
            size = file.size_bytes()
            if size <= segment.scanned:
                return
            scan = scan_fragments(file.read, segment.scanned, size)
            for fragment in scan.fragments:
                segment.table.append(fragment)
            segment.scanned = scan.next_offset

    def _skip(self, what: str, error: Exception) -> None:
        self.skipped += 1
        with self._lock:
            new = what not in self._reported
            if new and len(self._reported) < _MOST_REPORTED:
                self._reported.add(what)
        if new:
            log.warning("recording cannot be read", extra={"path": what, "reason": str(error)})


def _join(spans: list[Span], start: int, end: int) -> None:
    if spans and spans[-1].end >= start:
        if end > spans[-1].end:
            spans[-1] = Span(spans[-1].start, UtcUs(end))
    else:
        spans.append(Span(UtcUs(start), UtcUs(end)))
