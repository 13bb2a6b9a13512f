"""What goes into a package: segments as they were recorded, cut at whole GOPs, their bytes unchanged.

Where the recordings are encrypted or not in local files, segments of the same format are made of what the reader gives.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import CodecConfig
from common.media.mp4.writer import SegmentInfo, fragment_header, init_segment
from server.recording.exporting.pieces import gops, is_plain
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.extents import Extent, ExtentReader

_BLOCK_BYTES = 4 << 20
_SEGMENT_US = 300 * US_PER_S
_SEGMENT_BYTES = 64 << 20


@dataclass(slots=True)
class PackedSegment:
    """One media file of a package. `parts` gives its bytes once; then `fragments` is known: offset, size, UTC, hash.

    `as_recorded`: each fragment is byte for byte what the recorder wrote.
    """

    config: CodecConfig
    start: UtcUs
    end: UtcUs
    size_bytes: int
    as_recorded: bool
    parts: Iterator[bytes]
    fragments: list[tuple[int, int, int, str]] = field(default_factory=list)


def packed_segments(reader: MediaReader, key: TrackKey, span: Span) -> Iterator[PackedSegment]:
    """The GOPs that meet `span` as files, oldest first. Use each before the next. Blocking."""
    extents = reader.extents(key, span) if isinstance(reader, ExtentReader) else None
    if extents is None:
        yield from _made(reader, key, span)
        return
    for extent in extents:
        if is_plain(extent):
            yield _stored(extent)
        else:
            yield from _made(reader, key, Span(extent.fragments[0].start, extent.fragments[-1].end))


def _stored(extent: Extent) -> PackedSegment:
    places = extent.fragments
    size = extent.init_bytes + extent.size_bytes
    segment = PackedSegment(extent.config, places[0].start, places[-1].end, size, True, iter(()))
    segment.parts = _read_stored(extent, segment.fragments)
    return segment


def _read_stored(extent: Extent, fragments: list[tuple[int, int, int, str]]) -> Iterator[bytes]:
    fd = os.open(extent.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield os.pread(fd, extent.init_bytes, 0)
        at = extent.init_bytes
        for place in extent.fragments:
            digest = hashlib.sha256()
            left, offset = place.size_bytes, place.offset
            while left:
                data = os.pread(fd, min(left, _BLOCK_BYTES), offset)
                if not data:
                    raise OSError(0, "the recording was cut short while it was exported", str(extent.path))
                digest.update(data)
                yield data
                left, offset = left - len(data), offset + len(data)
            fragments.append((at, place.size_bytes, place.start, digest.hexdigest()))
            at += place.size_bytes
    finally:
        os.close(fd)


def _made(reader: MediaReader, key: TrackKey, span: Span) -> Iterator[PackedSegment]:
    found = gops(reader, key, span)
    batch: list[Gop] = []
    size = 0
    for gop in found:
        joined = bool(batch) and batch[-1].end == gop.start and batch[-1].config == gop.config
        if batch and (not joined or gop.end - batch[0].start > _SEGMENT_US or size > _SEGMENT_BYTES):
            yield _packed(key, batch)
            batch, size = [], 0
        batch.append(gop)
        size += sum(len(unit.data) for unit in gop.units)
    if batch:
        yield _packed(key, batch)


def _packed(key: TrackKey, batch: list[Gop]) -> PackedSegment:
    config, first = batch[0].config, batch[0].units[0]
    info = SegmentInfo(key.device, key.track, first.utc_us, first.dts, first.utc_us)
    segment = PackedSegment(config, batch[0].start, batch[-1].end, 0, False, iter(()))
    parts = [init_segment(config, info)]
    at, origin, last_dts = len(parts[0]), first.dts, first.dts - 1
    for number, gop in enumerate(batch, 1):
        units = gop.units
        if units[0].dts <= last_dts:  # another run, whose decode times begin anew
            origin = units[0].dts - (last_dts - origin) - 1
        last = units[-1].dts
        following = batch[number].units[0].dts if number < len(batch) else last
        usual = (last - units[0].dts) // (len(units) - 1) if len(units) > 1 else config.timescale // 25
        next_dts = following if last < following <= last + 2 * usual else last + usual
        data = fragment_header(number, units, next_dts, origin, config) + b"".join(unit.data for unit in units)
        segment.fragments.append((at, len(data), gop.start, hashlib.sha256(data).hexdigest()))
        parts.append(data)
        at, last_dts = at + len(data), next_dts - 1
    segment.size_bytes = at
    segment.parts = iter(parts)
    return segment
