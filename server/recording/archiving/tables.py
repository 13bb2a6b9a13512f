"""The small file beside each segment of a remote archive: what its index knows of the segment, and its SHA-256.

An index that was lost is made again from these, without reading the segments. See `mediadb/FORMAT.md`, Remote archives.
"""

import struct
from dataclasses import dataclass

from common.foundation.clock import UtcUs
from common.media.mp4.boxes import Mp4Damaged
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.index import SealedSegment

_MAGIC = b"VTB1"
_FIXED = struct.Struct("<4sqqQI32s")  # magic, start, end, size, gaps, SHA-256 of the segment


@dataclass(frozen=True, slots=True)
class TableFile:
    """One of these files, read."""

    sealed: SealedSegment
    sha256: bytes


def table_name(segment_name: str) -> str:
    """Where the file of a segment lies."""
    return segment_name.removesuffix(".mp4") + ".table"


def encode_table_file(sealed: SealedSegment, sha256: bytes) -> bytes:
    return _FIXED.pack(_MAGIC, sealed.start, sealed.end, sealed.size_bytes, sealed.gaps, sha256) + sealed.blob


def decode_table_file(key: TrackKey, data: bytes) -> TableFile:
    """Raise Mp4Damaged when it is not one."""
    try:
        magic, start, end, size_bytes, gaps, sha256 = _FIXED.unpack_from(data)
    except struct.error as error:
        raise Mp4Damaged("the table file is cut short") from error
    if magic != _MAGIC:
        raise Mp4Damaged("it is no table file")
    blob = data[_FIXED.size :]
    unpack_table(blob)
    return TableFile(SealedSegment(key, UtcUs(start), UtcUs(end), gaps, size_bytes, blob), sha256)
