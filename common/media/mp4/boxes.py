"""Boxes of the ISO base media file format (ISO/IEC 14496-12, section 4.2): making them, and walking over them."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from common.foundation.errors import VmsError

NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 (NTP, RFC 5905) to 1970."""
MP4_EPOCH_S = 2_082_844_800
"""Seconds from 1904 (ISO/IEC 14496-12, 8.2.2) to 1970."""

SEGMENT_INFO_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f001")
"""Our `uuid` box before `moov`: JSON that says what the file holds (see server/recording/mediadb/FORMAT.md)."""
SAMPLE_UTC_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f002")
"""Our `uuid` box before `moof`: one i32 a sample, microseconds that its UTC differs from what its media time says."""
CHAIN_START_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f003")
"""Our `uuid` box before `moov`: JSON that says from where the chain of seals starts."""
SEAL_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f004")
"""Our `uuid` box behind `prft`: the seal of a fragment."""
TRAILER_UUID = bytes.fromhex("7d0c1a5e6f5b4c0f9a3e5ed0c9d1f0f1")
"""Our `uuid` box at the end of a finished file: its row of the index."""


class Mp4Damaged(VmsError):
    """A recorded file holds bytes that its format does not allow."""

    message_key = "error.mp4_damaged"


class Box(NamedTuple):
    """Where a box lies inside some bytes: `start` of its header, `body` behind it, `end` behind the box."""

    kind: bytes
    start: int
    body: int
    end: int


def box(kind: bytes, *parts: bytes) -> bytes:
    """Make a box of less than 4 GiB."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Make a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def header_at(data: bytes, at: int, end: int) -> tuple[bytes, int, int] | None:
    """Read a box header: type, header size, box size. None when `data[at:end]` is too short to hold it.

    A size of 0 ("to the end of the file") and a size smaller than its own header raise Mp4Damaged: we write neither.
    """
    if end - at < 8:
        return None
    size, kind = struct.unpack_from(">I4s", data, at)
    header = 8
    if size == 1:
        if end - at < 16:
            return None
        (size,) = struct.unpack_from(">Q", data, at + 8)
        header = 16
    if size < header:
        raise Mp4Damaged(f"box {kind!r} has the impossible size {size}")
    return kind, header, size


def children(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Walk the boxes of `data[start:end]`; raise Mp4Damaged where one does not fit."""
    at = start
    while at < end:
        found = header_at(data, at, end)
        if found is None:
            raise Mp4Damaged(f"{end - at} stray bytes after the last box")
        kind, header, size = found
        if size > end - at:
            raise Mp4Damaged(f"box {kind!r} reaches {size - (end - at)} bytes past the one that holds it")
        yield Box(kind, at, at + header, at + size)
        at += size


def child(data: bytes, start: int, end: int, kind: bytes) -> Box:
    """Return the first box of this type; raise Mp4Damaged when there is none."""
    for found in children(data, start, end):
        if found.kind == kind:
            return found
    raise Mp4Damaged(f"box {kind!r} is missing")


def unpack(form: str, data: bytes, at: int, end: int) -> tuple[int, ...]:
    """Unpack integers that must lie before `end`."""
    if at + struct.calcsize(form) > end:
        raise Mp4Damaged("a box is shorter than its fields")
    return struct.unpack_from(form, data, at)
