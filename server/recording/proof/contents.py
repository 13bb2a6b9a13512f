"""Reads a segment for verification: its beginning, its fragments each with the seal it should have, and its end."""

from bisect import bisect_left
from dataclasses import dataclass

from common.foundation.clock import US_PER_S
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import Fragment, InitSegment, read_init, scan_fragments
from common.media.mp4.writer import ticks_to_us
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.seals import head_hash, segment_name
from server.recording.mediadb.trailer import read_trailer
from server.recording.proof.fragments import Checked, check_fragment

_ANY_TIMESCALE = 90_000
_MOST_CLOCK_ERROR_US = 3600 * US_PER_S
_MOST_EMPTY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Place:
    """Which segment a file should be, by its path; empty and 0 where that says nothing. `fragments`, `end_us`: what the
    index knows of it, 0 where it does not."""

    path: str
    device: str = ""
    track: str = ""
    start_us: int = 0
    in_use: bool = False
    fragments: int = 0
    end_us: int = 0


class SegmentContents:
    """A segment's bytes as far as they can be understood. Raises OSError.

    `items`: its fragments in the order of the file. `head`: the bytes before the first. `media_end`: where fragments
    end. `finished`: the writer got to its end. `known`, `end_us`: how many fragments it had and when the last ended, as
    the index or the file's own end says; 0 where they do not. `said`: what the file says it is.
    """

    def __init__(self, file: ReadableFile, place: Place) -> None:
        self._file = file
        size = file.size_bytes()
        init = _init(file)
        info = None if init is None else init.info
        self.understood = init is not None  # the beginning can be read
        self.said = None if info is None else (info.device, info.track, info.start_utc_us)
        scan = scan_fragments(file.read, 0, size, finished=not place.in_use)
        trailer = None if place.in_use else read_trailer(file.read, size)
        self.finished = trailer is not None
        self.media_end = size if trailer is None else trailer[1]
        self.known, self.end_us = place.fragments, place.end_us
        if trailer is not None:
            self.known, self.end_us = max(self.known, _fragments_in(trailer[0].blob)), trailer[0].end
        start = place.start_us or (0 if info is None else info.start_utc_us)
        timescale = _ANY_TIMESCALE if init is None else init.config.timescale
        self.items = [self._checked(fragment, start, timescale) for fragment in scan.fragments]
        self._offsets = [item.fragment.offset for item in self.items]
        self.head = file.read(0, self._end_of_head(init))
        self.nothing_yet = init is None and not self.items and size <= _MOST_EMPTY_BYTES and self._begins_well(size)

    @property
    def said_name(self) -> str:
        """What the file says it is, as seals name it."""
        return "" if self.said is None else segment_name(*self.said)

    def between(self, begin: int, end: int) -> tuple[list[Checked], int]:
        """The fragments of `begin..end` that are not what was sealed, and how many bytes there are no fragment."""
        items = self.items[bisect_left(self._offsets, begin) : bisect_left(self._offsets, end)]
        junk = end - begin - sum(item.fragment.size_bytes for item in items)
        return [item for item in items if item.fault], junk

    def _checked(self, fragment: Fragment, start_us: int, timescale: int) -> Checked:
        expected = start_us + ticks_to_us(fragment.dts, timescale)
        # Its own wall time counts, unless that was damaged: then nobody would find it by such a time.
        damaged = start_us and abs(fragment.utc_us - expected) > _MOST_CLOCK_ERROR_US
        begin_us = expected if damaged else fragment.utc_us
        return check_fragment(
            self._file, fragment, begin_us, begin_us + ticks_to_us(fragment.duration_ticks, timescale)
        )

    def _end_of_head(self, init: InitSegment | None) -> int:
        """Where the beginning of the file ends; what it says of itself counts only when the seals say the same."""
        first = self.items[0] if self.items else None
        if first is None:
            return 0 if init is None else init.size_bytes
        if init is None or init.size_bytes > first.fragment.offset:
            return first.fragment.offset if first.number == 1 else 0
        if first.seal is None or first.number != 1 or first.fault:
            return init.size_bytes
        same = head_hash(self._file.read(0, init.size_bytes)) == first.seal.head
        return init.size_bytes if same else first.fragment.offset

    def _begins_well(self, size: int) -> bool:
        """Whether a file without any fragment is one whose writer died at once."""
        data = self._file.read(0, size)
        return b"mdat" not in data and data[4:8] in (b"ftyp", b"ftyp"[: max(0, size - 4)])


def _init(file: ReadableFile) -> InitSegment | None:
    try:
        return read_init(file.read)
    except Mp4Damaged:
        return None


def _fragments_in(blob: bytes) -> int:
    try:
        return len(unpack_table(blob).starts)
    except Mp4Damaged:
        return 0
