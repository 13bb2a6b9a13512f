"""The recordings of one track as pieces that are copied whole, in the order of time.

Where a plain local file holds them, a piece is a place in that file and its bytes are never touched by Python. From
everything else (encrypted, in an archive elsewhere) pieces come through the reader, GOP by GOP.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.mp4.blocks import SampleBlock, block_of_fragment, block_of_units
from common.media.mp4.boxes import Mp4Damaged
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.extents import Extent, ExtentReader

log = logging.getLogger(__name__)

_HEADER_BYTES = 1024
_MOST_HEADER_BYTES = 1 << 20
_ENCRYPTED_ENTRIES = (b"encv", b"enca")  # sample entries of ISO/IEC 23001-7


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Samples of one track and where their bytes are: `data`, or `size_bytes` of a file from `offset` on."""

    config: CodecConfig
    block: SampleBlock
    end: UtcUs
    keyframe: bool
    size_bytes: int
    path: Path | None = None
    offset: int = 0
    data: bytes = b""

    @property
    def start(self) -> UtcUs:
        return self.block.start


def pieces(reader: MediaReader, key: TrackKey, span: Span) -> Iterator[Piece]:
    """The GOPs that meet `span`; damaged parts are left out, and seen as gaps. Blocking."""
    extents = reader.extents(key, span) if isinstance(reader, ExtentReader) else None
    if extents is None:
        yield from read_pieces(reader, key, span)
        return
    for extent in extents:
        if is_plain(extent):
            yield from _stored_pieces(extent)
        else:
            yield from read_pieces(reader, key, Span(extent.fragments[0].start, extent.fragments[-1].end))


def gops(reader: MediaReader, key: TrackKey, span: Span) -> Iterator[Gop]:
    """The GOPs that meet `span`, oldest first. Blocking."""
    gop = reader.gop_at(key, span.start)
    if gop is None or gop.end <= span.start:
        gop = reader.gop_after(key, span.start)
    while gop is not None and gop.start < span.end:
        yield gop
        gop = reader.gop_after(key, gop.start)


def read_pieces(reader: MediaReader, key: TrackKey, span: Span) -> Iterator[Piece]:
    """Pieces whose bytes went through the reader."""
    for gop in gops(reader, key, span):
        yield piece_of_units(gop.config, gop.units, gop.end)


def piece_of_units(config: CodecConfig, units: tuple[AccessUnit, ...], end: UtcUs) -> Piece:
    """A piece of whole access units; the last one lasts until `end`."""
    last = units[-1]
    rest_us = max(1, end - max(unit.utc_us for unit in units))
    end_dts = last.dts + max(1, round(rest_us * config.timescale / 1_000_000))
    if len(units) > 1:
        typical = (last.dts - units[0].dts) // (len(units) - 1)
        if end_dts - last.dts > 2 * typical:  # a gap follows: that is no duration
            end_dts = last.dts + typical
    data = b"".join(unit.data for unit in units)
    block = block_of_units(units, end_dts, config)
    return Piece(config, block, end, units[0].keyframe or config.kind is MediaKind.AUDIO, len(data), data=data)


def is_plain(extent: Extent) -> bool:
    """Whether the file of an extent holds its samples in the clear."""
    try:
        fd = os.open(extent.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = os.pread(fd, extent.init_bytes, 0)
        finally:
            os.close(fd)
    except OSError:
        return False  # the reader knows how to report it
    return not any(entry in head for entry in _ENCRYPTED_ENTRIES)


def _stored_pieces(extent: Extent) -> Iterator[Piece]:
    wanted = _HEADER_BYTES
    broken = False
    try:
        fd = os.open(extent.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _report(extent.path, error)
        return
    try:
        for place in extent.fragments:
            if broken and not place.keyframe:
                continue  # the rest of a GOP that lost a part cannot be decoded
            broken = False
            try:
                while True:
                    header = os.pread(fd, min(wanted, place.size_bytes), place.offset)
                    block = block_of_fragment(header, place.size_bytes, extent.origin_ticks)
                    if block is not None:
                        break
                    if wanted >= min(_MOST_HEADER_BYTES, place.size_bytes):
                        raise Mp4Damaged("a fragment whose header does not end")
                    wanted *= 4
            except (OSError, Mp4Damaged) as error:
                _report(extent.path, error)
                broken = True
                continue
            yield Piece(extent.config, block, place.end, place.keyframe, place.size_bytes, extent.path, place.offset)
    finally:
        os.close(fd)


def _report(path: Path, error: OSError | Mp4Damaged) -> None:
    log.warning("recording cannot be exported", extra={"path": path, "reason": str(error)})
