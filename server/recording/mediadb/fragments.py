"""The table of a segment's fragments: when each starts and ends, and where it lies. Kept in memory and in the index."""

import bisect
import struct
import zlib
from dataclasses import dataclass, field

from common.foundation.clock import US_PER_S, UtcUs
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import Fragment
from common.media.mp4.writer import ticks_to_us

KEY = 1  # starts with a keyframe
BREAK = 2  # does not follow the one before it without a gap
_MOST_CLOCK_ERROR_US = 5 * US_PER_S
_MOST_MEDIA_TIME_ERROR_US = 3600 * US_PER_S


@dataclass(slots=True)
class FragmentTable:
    """Columns, one entry a fragment, rising in time. `ends[i]` is `starts[i + 1]` where no gap lies between."""

    timescale: int
    file_start: int | None = None  # what the file's name says, if it is known
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    gops: list[int] = field(default_factory=list)  # index of each fragment that starts with a keyframe
    gop_starts: list[int] = field(default_factory=list)
    next_dts: int | None = None

    def append(self, fragment: Fragment) -> None:
        """Add the next fragment of the file.

        Its wall time counts unless it contradicts the media time of an unbroken stream by seconds or runs backward:
        then it was damaged on disk, and is put where the one before it ends. At the beginning of a file, its name
        is the judge.
        """
        start = self._believed(fragment)
        duration_us = ticks_to_us(fragment.duration_ticks, self.timescale)
        follows = self.next_dts is not None and self.next_dts == fragment.dts
        if self.starts:
            if follows and abs(start - self.ends[-1]) > _MOST_CLOCK_ERROR_US:
                start = self.ends[-1]
            start = max(start, self.starts[-1] + 1)
            if follows or self.ends[-1] > start:
                self.ends[-1] = start
        self.next_dts = fragment.dts + fragment.duration_ticks
        flags = KEY * fragment.keyframe | BREAK * (not follows and bool(self.starts))
        self.add(start, start + max(duration_us, 1), fragment.offset, fragment.size_bytes, flags)

    def _believed(self, fragment: Fragment) -> int:
        """The wall time of a fragment, unless it cannot be true for this file."""
        if self.file_start is None:
            return fragment.utc_us
        expected = self.file_start + ticks_to_us(fragment.dts, self.timescale)
        # Only the first fragment is where the name says: a camera may send the beginning of a run in a burst, and
        # then wall time falls behind media time.
        allowed_us = _MOST_CLOCK_ERROR_US if fragment.dts == 0 else _MOST_MEDIA_TIME_ERROR_US
        return fragment.utc_us if abs(fragment.utc_us - expected) <= allowed_us else expected

    def add(self, start: int, end: int, offset: int, size: int, flags: int) -> None:
        """Add an entry as it is."""
        if flags & KEY:
            self.gops.append(len(self.starts))
            self.gop_starts.append(start)
        self.starts.append(start)
        self.ends.append(end)
        self.offsets.append(offset)
        self.sizes.append(size)
        self.flags.append(flags)

    @property
    def start(self) -> UtcUs:
        return UtcUs(self.starts[0])

    @property
    def end(self) -> UtcUs:
        return UtcUs(self.ends[-1])

    @property
    def gaps(self) -> int:
        """How many breaks lie inside."""
        return sum(1 for before, after in zip(self.ends, self.starts[1:], strict=False) if before < after)

    def gop_from(self, at: int) -> int | None:
        """Number of the last GOP that starts at or before `at`."""
        found = bisect.bisect_right(self.gop_starts, at) - 1
        return found if found >= 0 else None

    def gop_fragments(self, gop: int) -> range:
        """The fragments of a GOP. One that lost its beginning ends the GOP before it: a break is no continuation."""
        first = self.gops[gop]
        behind = self.gops[gop + 1] if gop + 1 < len(self.gops) else len(self.starts)
        for index in range(first + 1, behind):
            if self.flags[index] & BREAK:
                return range(first, index)
        return range(first, behind)


_COUNT = struct.Struct("<BII")
_COLUMNS = {1: "I", 2: "Q"}
_FIRST = struct.Struct("<qqQ")


def pack_table(table: FragmentTable) -> bytes:
    """Encode for the index: version, count, timescale, first start, last end, first offset; then four columns, of u32
    in version 1, of u64 in version 2 (where damage left times or sizes that do not fit), and one of flags."""
    count = len(table.starts)
    behind = [offset + size for offset, size in zip(table.offsets, table.sizes, strict=True)]
    columns = (
        [0, *(b - a for a, b in zip(table.starts, table.starts[1:], strict=False))],
        [*(b - a for a, b in zip(table.ends, table.starts[1:], strict=False)), 0][:count],
        [0, *(b - a for a, b in zip(behind, table.offsets[1:], strict=False))],
        table.sizes,
    )
    values = [value for column in columns for value in column]
    version = 1 if max(values) <= 0xFFFFFFFF else 2
    numbers = struct.pack(f"<{4 * count}{_COLUMNS[version]}", *values)
    body = _FIRST.pack(table.starts[0], table.ends[-1], table.offsets[0]) + numbers + bytes(table.flags)
    return _COUNT.pack(version, count, table.timescale) + zlib.compress(body, 1)


def unpack_table(blob: bytes) -> FragmentTable:
    """Decode what `pack_table` made; raise Mp4Damaged otherwise."""
    try:
        version, count, timescale = _COUNT.unpack_from(blob)
        if version not in _COLUMNS or count == 0:
            raise Mp4Damaged(f"fragment table of version {version} with {count} entries")
        columns = f"<{4 * count}{_COLUMNS[version]}"
        most = _FIRST.size + struct.calcsize(columns) + count
        body = zlib.decompressobj().decompress(blob[_COUNT.size :], most + 1)
        if len(body) != most:
            raise Mp4Damaged("fragment table of the wrong length")
        start, last_end, offset = _FIRST.unpack_from(body)
        numbers = struct.unpack_from(columns, body, _FIRST.size)
    except (struct.error, zlib.error) as error:
        raise Mp4Damaged(f"fragment table cannot be read: {error}") from error
    table, flags = FragmentTable(timescale), body[most - count :]
    steps, gaps = numbers[:count], numbers[count : 2 * count]
    skips, sizes = numbers[2 * count : 3 * count], numbers[3 * count :]
    for index in range(count):
        start += steps[index]
        offset += skips[index]
        end = start + steps[index + 1] - gaps[index] if index + 1 < count else last_end
        table.add(start, end, offset, sizes[index], flags[index])
        offset += sizes[index]
    return table
