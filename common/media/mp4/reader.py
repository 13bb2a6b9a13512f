"""Reads the fragmented MP4 that `writer` makes, also while it grows, torn, or with bad bytes in it.

No I/O here: a `ReadAt` is handed in. Nothing in a file can make us hold more than a fragment of `MOST_FRAGMENT_BYTES`.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.mp4.boxes import (
    NTP_EPOCH_S,
    SAMPLE_UTC_UUID,
    SEGMENT_INFO_UUID,
    TRAILER_UUID,
    Mp4Damaged,
    child,
    children,
    header_at,
    unpack,
)
from common.media.mp4.protection import Mp4Locked, Protection, SampleKeying, decrypt, read_key_box, read_keying
from common.media.mp4.sample_entries import key_id_of, read_sample_entry
from common.media.mp4.writer import DISPOSABLE_FLAG, NON_SYNC_FLAGS, SegmentInfo, ticks_to_us

ReadAt = Callable[[int, int], bytes]
"""`read(offset, size)`: at most `size` bytes, fewer at the end of the file."""

MOST_INIT_BYTES = 1 << 20
MOST_HEADER_BYTES = 1 << 20  # prft, uuid and moof of one fragment
MOST_FRAGMENT_BYTES = 256 << 20
_READ_BYTES = 4096
_SEARCH_BYTES = 1 << 20
_NON_SYNC = NON_SYNC_FLAGS & 0x00010000


@dataclass(frozen=True, slots=True)
class InitSegment:
    """What stands before the first fragment."""

    config: CodecConfig
    info: SegmentInfo | None
    size_bytes: int
    protection: Protection | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment, from `prft` to the end of `mdat`. `dts` as in the file, without the segment's origin."""

    offset: int
    size_bytes: int
    utc_us: UtcUs
    dts: int
    duration_ticks: int
    samples: int
    keyframe: bool

    @property
    def end_offset(self) -> int:
        return self.offset + self.size_bytes


@dataclass(slots=True)
class Scan:
    """What `scan_fragments` found. `next_offset`: where to go on when the file has grown."""

    fragments: list[Fragment]
    next_offset: int
    skipped_bytes: int = 0


@dataclass(slots=True)
class _Header:
    """The parts of a fragment before its media data."""

    utc_us: UtcUs | None = None
    corrections: tuple[int, ...] = ()
    dts: int = 0
    durations: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    data_start: int = 0
    keying: list[SampleKeying] | None = None


def read_init(read: ReadAt) -> InitSegment:
    """Read `ftyp`, our information and `moov`; raise Mp4Damaged when they are not there or not understood."""
    data = read(0, _READ_BYTES)
    at, info = 0, None
    while True:
        found = header_at(data, at, len(data))
        if found is None or found[2] > len(data) - at:
            if len(data) >= MOST_INIT_BYTES or len(longer := read(0, min(MOST_INIT_BYTES, len(data) * 4))) <= len(data):
                raise Mp4Damaged("the file ends before its first fragment")
            data = longer
            continue
        kind, header, size = found
        if at == 0 and kind != b"ftyp":
            raise Mp4Damaged("the file does not start with 'ftyp'")
        if kind == b"uuid" and data[at + header : at + header + 16] == SEGMENT_INFO_UUID:
            info = _segment_info(data[at + header + 16 : at + size])
        if kind == b"moov":
            config, protection = _track(data, at + header, at + size)
            return InitSegment(config, info, at + size, protection)
        at += size


def _segment_info(body: bytes) -> SegmentInfo:
    try:
        found = json.loads(body)
        return SegmentInfo(
            str(found["device"]),
            str(found["track"]),
            int(found["run_utc_us"]),
            int(found["origin_ticks"]),
            int(found["start_utc_us"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Mp4Damaged(f"segment information cannot be read: {error}") from error


def _track(data: bytes, start: int, end: int) -> tuple[CodecConfig, Protection | None]:
    trak = child(data, start, end, b"trak")
    mdia = child(data, trak.body, trak.end, b"mdia")
    mdhd = child(data, mdia.body, mdia.end, b"mdhd")
    wide = data[mdhd.body] == 1 if mdhd.body < mdhd.end else False
    (timescale,) = unpack(">I", data, mdhd.body + (20 if wide else 12), mdhd.end)
    if timescale == 0:
        raise Mp4Damaged("the track has a timescale of 0")
    minf = child(data, mdia.body, mdia.end, b"minf")
    stbl = child(data, minf.body, minf.end, b"stbl")
    stsd = child(data, stbl.body, stbl.end, b"stsd")
    key_id = key_id_of(data, stsd.body, stsd.end)
    protection = None if key_id is None else read_key_box(data, start, end, key_id)
    return read_sample_entry(data, stsd.body, stsd.end, timescale), protection


def scan_fragments(read: ReadAt, offset: int, end: int, *, finished: bool = False) -> Scan:
    """Find the whole fragments in `offset..end` of a file, without reading their media data.

    A fragment that is not complete is left for the next scan, unless the file is `finished`: then it is damage too.
    Bytes that are no fragment are skipped up to the next `prft` box, and counted; our trailer at the end is not.
    """
    scan = Scan([], offset)
    at = offset
    while at < end:
        try:
            fragment = _fragment_at(read, at, end)
        except Mp4Damaged:
            if _is_trailer(read, at, end):
                scan.skipped_bytes += at - scan.next_offset
                scan.next_offset = end if finished else at
                break
            at = _search(read, at + 1, end)
            continue
        if fragment is None:
            if not finished:
                break
            at = _search(read, at + 1, end)
            continue
        scan.skipped_bytes += at - scan.next_offset
        scan.fragments.append(fragment)
        at = scan.next_offset = fragment.end_offset
    return scan


def _fragment_at(read: ReadAt, at: int, end: int) -> Fragment | None:
    """Read one fragment's header; None when the file ends inside the fragment."""
    data = read(at, min(_READ_BYTES, end - at))
    want = len(data)
    position, moof_seen = 0, False
    while True:
        found = header_at(data, position, len(data))
        if found is not None:
            kind, _, size = found
            expected = (b"mdat",) if moof_seen else (b"moof",) if position and kind != b"uuid" else (b"prft", b"uuid")
            if kind not in expected or (position == 0 and kind != b"prft"):
                raise Mp4Damaged(f"box {kind!r} where {expected[0]!r} belongs")
            if kind == b"mdat":
                if position + size > MOST_FRAGMENT_BYTES:
                    raise Mp4Damaged("a fragment is too large")
                header = _parse_header(data, position + found[1])
                _check(header, position + size)
                if at + position + size > end:
                    return None
                return Fragment(
                    at,
                    position + size,
                    header.utc_us if header.utc_us is not None else UtcUs(0),
                    header.dts,
                    sum(header.durations),
                    len(header.sizes),
                    not header.flags[0] & _NON_SYNC,
                )
            if position + size > MOST_HEADER_BYTES:
                raise Mp4Damaged(f"box {kind!r} is too large")
            if position + size <= len(data):
                position += size
                moof_seen = kind == b"moof"
                continue
            want = position + size + 16
        else:
            want = position + 16
        longer = read(at, min(max(want, len(data)), end - at))
        if len(longer) <= len(data):
            return None
        data = longer


def _is_trailer(read: ReadAt, at: int, end: int) -> bool:
    """Whether the rest of the file is the box that a finished one ends with."""
    head = read(at, 24)
    return head[4:8] == b"uuid" and head[8:] == TRAILER_UUID and int.from_bytes(head[:4], "big") == end - at


def _search(read: ReadAt, at: int, end: int) -> int:
    """Return the offset of the next `prft` box header, or `end`."""
    while at < end:
        data = read(at, min(_SEARCH_BYTES, end - at))
        found = data.find(b"prft", 4)
        if found >= 0:
            return at + found - 4
        if at + len(data) >= end or len(data) <= 8:
            return end
        at += len(data) - 7
    return end


def _parse_header(data: bytes, end: int) -> _Header:
    """Parse `prft [uuid] moof` and note where the media data starts (`end`)."""
    header = _Header(data_start=end)
    at = 0
    while True:
        found = header_at(data, at, len(data))
        if found is None:
            raise Mp4Damaged("a fragment's header is cut short")
        kind, size_of_header, size = found
        body, behind = at + size_of_header, at + size
        if kind == b"mdat":
            return header
        if behind > len(data):
            raise Mp4Damaged(f"box {kind!r} is cut short")
        if kind == b"prft":
            (ntp,) = unpack(">Q", data, body + 8, behind)
            us = ((ntp & 0xFFFFFFFF) * US_PER_S + (1 << 31)) >> 32
            header.utc_us = UtcUs(((ntp >> 32) - NTP_EPOCH_S) * US_PER_S + us)
        elif kind == b"uuid" and data[body : body + 16] == SAMPLE_UTC_UUID:
            count = (behind - body - 16) // 4
            header.corrections = struct.unpack_from(f">{count}i", data, body + 16)
        elif kind == b"moof":
            _parse_moof(data, body, behind, header)
        at = behind


def _parse_moof(data: bytes, start: int, end: int, header: _Header) -> None:
    traf = child(data, start, end, b"traf")
    default_flags = 0
    for part in children(data, traf.body, traf.end):
        if part.kind == b"tfhd":
            (flags,) = unpack(">I", data, part.body, part.end)
            if flags & 0x20:
                (default_flags,) = unpack(">I", data, part.body + 8, part.end)
        elif part.kind == b"tfdt":
            (header.dts,) = unpack(">Q", data, part.body + 4, part.end)
        elif part.kind == b"senc":
            header.keying = read_keying(data, part.body, part.end)
        elif part.kind == b"trun":
            flags, count = unpack(">II", data, part.body, part.end)
            flags &= 0xFFFFFF
            if flags not in (0xF01, 0x301):
                raise Mp4Damaged(f"'trun' with flags {flags:#x}, which we do not write")
            columns = 4 if flags == 0xF01 else 2
            table = part.body + 12
            if count * columns * 4 != part.end - table or not count:
                raise Mp4Damaged("'trun' has another size than its samples")
            values = struct.unpack_from(f">{count * columns}I", data, table)
            header.durations = list(values[0::columns])
            header.sizes = list(values[1::columns])
            header.flags = list(values[2::columns]) if columns == 4 else [default_flags] * count
            header.offsets = [v - (v >> 31 << 32) for v in values[3::columns]] if columns == 4 else [0] * count


def _check(header: _Header, fragment_bytes: int) -> None:
    if header.utc_us is None or not header.sizes:
        raise Mp4Damaged("a fragment without wall time or samples")
    if header.data_start + sum(header.sizes) != fragment_bytes:
        raise Mp4Damaged("the samples do not fill their fragment")


def read_units(data: bytes, config: CodecConfig, origin_ticks: int = 0, key: bytes | None = None) -> list[AccessUnit]:
    """Cut one whole fragment into access units, decrypted; raise Mp4Damaged when it is not one, Mp4Locked when it is
    encrypted and there is no `key`."""
    position = 0
    while True:
        found = header_at(data, position, len(data))
        if found is None:
            raise Mp4Damaged("a fragment without media data")
        kind, size_of_header, size = found
        if kind == b"mdat":
            break
        position += size
    header = _parse_header(data, position + size_of_header)
    _check(header, len(data))
    assert header.utc_us is not None  # _check
    corrections = header.corrections if len(header.corrections) == len(header.sizes) else (0,) * len(header.sizes)
    keying = header.keying
    if keying is not None and key is None:
        raise Mp4Locked("the recording is encrypted")
    if keying is not None and len(keying) != len(header.sizes):
        raise Mp4Damaged("'senc' is about other samples")
    units: list[AccessUnit] = []
    at, dts = header.data_start, header.dts + origin_ticks
    first_pts = dts + header.offsets[0]
    all_keyframes = config.kind is not MediaKind.VIDEO
    for number, (duration, sample_bytes, flags, offset, correction) in enumerate(
        zip(header.durations, header.sizes, header.flags, header.offsets, corrections, strict=True)
    ):
        sample = data[at : at + sample_bytes]
        if keying is not None and key is not None:
            sample = decrypt(sample, keying[number], key)
        pts = dts + offset
        utc_us = UtcUs(header.utc_us + ticks_to_us(pts - first_pts, config.timescale) + correction)
        units.append(
            AccessUnit(
                sample,
                pts,
                dts,
                utc_us,
                all_keyframes or not flags & _NON_SYNC,
                bool(flags & DISPOSABLE_FLAG),
            )
        )
        at += sample_bytes
        dts += duration
    return units
