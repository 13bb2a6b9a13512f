"""The last box of a finished segment: its own row of the index, so that this is rebuilt without reading the media.

A `uuid` box: i64 start, i64 end (UTC microseconds), u64 decode time at which the run goes on, u32 gaps inside, the
packed fragment table as in the index, then u32 CRC-32 of all that, u32 size of the box and 8 bytes `vdtrailr`, all
little-endian. It is found from the end of the file, and counts only when the fragments end where it begins.
"""

import struct
import zlib
from dataclasses import dataclass

from common.media.mp4.boxes import TRAILER_UUID, box
from common.media.mp4.reader import ReadAt

_HEAD = struct.Struct("<qqQI")
_TAIL = struct.Struct("<II8s")
_MAGIC = b"vdtrailr"
_BOX_BYTES = 8 + 16
_MOST_BYTES = 4 << 20
_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Trailer:
    """What the writer knew when it finished the file. `next_dts` in the file's own ticks."""

    start: int
    end: int
    next_dts: int
    gaps: int
    blob: bytes


def trailer_box(trailer: Trailer) -> bytes:
    """Make the box."""
    about = _HEAD.pack(trailer.start, trailer.end, trailer.next_dts, trailer.gaps) + trailer.blob
    size = _BOX_BYTES + len(about) + _TAIL.size
    return box(b"uuid", TRAILER_UUID, about, _TAIL.pack(zlib.crc32(about), size, _MAGIC))


def read_trailer(read: ReadAt, size_bytes: int) -> tuple[Trailer, int] | None:
    """Return the trailer of a file and where it begins; None when there is none that is whole."""
    tail = read(max(0, size_bytes - _READ_BYTES), _READ_BYTES)
    if len(tail) < _TAIL.size or not tail.endswith(_MAGIC):
        return None
    crc, size, _ = _TAIL.unpack_from(tail, len(tail) - _TAIL.size)
    if not _BOX_BYTES + _HEAD.size + _TAIL.size <= size <= min(_MOST_BYTES, size_bytes):
        return None
    data = tail[-size:] if size <= len(tail) else read(size_bytes - size, size)
    about = data[_BOX_BYTES : -_TAIL.size]
    if len(data) != size or data[:8] != struct.pack(">I4s", size, b"uuid") or data[8:24] != TRAILER_UUID:
        return None
    if zlib.crc32(about) != crc:
        return None
    start, end, next_dts, gaps = _HEAD.unpack_from(about)
    return Trailer(start, end, next_dts, gaps, about[_HEAD.size :]), size_bytes - size
