"""An exact cut: the pictures at both edges are coded anew, everything between stays as the camera sent it.

Where that cannot be made playable, the whole GOP is kept and an edit list hides what is too much; the result says so.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.media.access_unit import AccessUnit, Codec, CodecConfig, MediaKind
from common.media.decoding import DecodeError
from common.media.edge_encoding import (
    CodedEdge,
    code_edge,
    decoded,
    free_set_numbers,
    in_band,
    record_sets,
    with_sets,
)
from server.recording.exporting.pieces import gops
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Edges:
    """How one span of one track is cut. `head` and `tail` replace the GOPs there; between lies `middle`.

    `configs`: the configuration to be written in place of the recorded one. `hidden_start`, `hidden_end`: more is in
    the GOPs than was asked for, and an edit list has to hide it. `in_band`: H.265 parameter sets go before keyframes.
    """

    middle: Span
    head: Gop | None = None
    tail: Gop | None = None
    configs: dict[CodecConfig, CodecConfig] = field(default_factory=dict)
    in_band: bool = False
    hidden_start: bool = False
    hidden_end: bool = False
    notes: list[str] = field(default_factory=list)

    def written(self, config: CodecConfig) -> CodecConfig:
        return self.configs.get(config, config)

    def units(self, gop: Gop) -> tuple[AccessUnit, ...]:
        """The units of a GOP of the middle, as they are written."""
        return in_band(gop.units, record_sets(gop.config)) if self.in_band else gop.units


def cut_edges(reader: MediaReader, key: TrackKey, span: Span) -> Edges:
    """Find and make the edges of an exact cut. Blocking; decodes at most two GOPs, and those beside them."""
    first = next(gops(reader, key, span), None)
    if first is None:
        return Edges(span)
    last = reader.gop_at(key, UtcUs(span.end - 1)) or first
    edges = Edges(span)
    cut_head = first.start < span.start
    cut_tail = any(unit.utc_us >= span.end for unit in last.units)
    if first.config.kind is MediaKind.AUDIO or first.config.codec is Codec.MJPEG:
        _trim(edges, first, last, span, cut_head=cut_head, cut_tail=cut_tail)
        return edges
    try:
        _code(edges, reader, key, first, last, cut_head=cut_head, cut_tail=cut_tail)
    except (VmsError, ValueError, IndexError) as refused:  # a strange parameter set, a damaged GOP
        log.info("edges of an export not coded", extra={"device": key.device, "reason": str(refused)})
        edges = Edges(span, hidden_start=cut_head, hidden_end=cut_tail)
        edges.notes.append(
            "The pictures at the edges could not be coded anew: the film holds whole groups of pictures, and an edit"
            " list tells players what to leave out."
        )
    return edges


def _trim(edges: Edges, first: Gop, last: Gop, span: Span, *, cut_head: bool, cut_tail: bool) -> None:
    """Every unit can stand alone: leave out those outside."""

    def inside(gop: Gop) -> Gop | None:
        units = tuple(unit for unit in gop.units if span.start <= unit.utc_us < span.end)
        return replace(gop, units=units, start=units[0].utc_us, end=min(gop.end, span.end)) if units else None

    start, end = span.start, span.end
    if cut_head:
        edges.head, start = inside(first), first.end
    if cut_tail and not (cut_head and last.start == first.start):
        edges.tail, end = inside(last), last.start
    edges.middle = Span(start, max(start, end))


def _code(
    edges: Edges, reader: MediaReader, key: TrackKey, first: Gop, last: Gop, *, cut_head: bool, cut_tail: bool
) -> None:
    span = edges.middle
    one = last.start == first.start
    numbers = free_set_numbers(first.config) if first.config.codec is Codec.H264 else [0, 0]
    coded: list[tuple[Gop, CodedEdge]] = []
    start, end = span.start, span.end
    reordered = any(unit.pts != unit.dts for unit in last.units)
    # Without reordering a GOP can simply end earlier: nothing that stays refers to what is left out.
    if cut_tail and not reordered and not (one and cut_head):
        kept = tuple(unit for unit in last.units if unit.utc_us < span.end)
        edges.tail, end = replace(last, units=kept, end=span.end), last.start
    elif cut_tail and not (one and cut_head):
        edge = code_edge(last.config, last.units, last.start, span.end, numbers[1])
        edges.tail, end = _as_gop(last, edge, span.end), last.start
        if edge is not None:
            coded.append((last, edge))
    if cut_head:
        edge = code_edge(first.config, first.units, span.start, span.end, numbers[0])
        edges.head, start = _as_gop(first, edge, min(first.end, span.end)), first.end
        if edge is not None:
            coded.append((first, edge))
        if one:
            end = start
    edges.middle = Span(start, max(start, end))
    if not coded:
        return
    edges.in_band = first.config.codec is Codec.H265
    for config in {gop.config for gop, _ in coded}:
        own = [edge for gop, edge in coded if gop.config == config]
        edges.configs[config] = with_sets(config, own)
    if edges.in_band:
        _carry_sets(edges, coded)
    _prove(edges, reader, key)


def _as_gop(of: Gop, edge: CodedEdge | None, end: UtcUs) -> Gop | None:
    return None if edge is None else Gop(of.config, edge.units, edge.units[0].utc_us, end)


def _carry_sets(edges: Edges, coded: list[tuple[Gop, CodedEdge]]) -> None:
    by_units = {id(edge.units): edge.sets for _, edge in coded}
    for name in ("head", "tail"):
        gop: Gop | None = getattr(edges, name)
        if gop is not None:
            sets = by_units.get(id(gop.units)) or record_sets(gop.config)
            setattr(edges, name, replace(gop, units=in_band(gop.units, sets)))


def _prove(edges: Edges, reader: MediaReader, key: TrackKey) -> None:
    """Decode over both seams as a player would; raise DecodeError when a picture is missing."""
    beside = next(gops(reader, key, edges.middle), None) if edges.middle.end > edges.middle.start else None
    if beside is not None and beside.start < edges.middle.start:
        beside = None
    for parts in ([edges.head, beside], [beside, edges.tail]):
        run = [part for part in parts if part is not None]
        units: list[AccessUnit] = []
        for part in run:
            units += edges.units(part) if part is beside else part.units
        if units:
            shown = sum(1 for _ in decoded(edges.written(run[0].config), units))
            if shown != len(units):
                raise DecodeError(f"only {shown} of {len(units)} pictures can be seen across the seam")


def cut_gops(reader: MediaReader, key: TrackKey, edges: Edges) -> Iterator[Gop]:
    """All GOPs of the cut, with the configuration and units that are to be written."""
    if edges.head is not None:
        yield replace(edges.head, config=edges.written(edges.head.config))
    if edges.middle.end > edges.middle.start:
        for gop in gops(reader, key, edges.middle):
            if gop.start >= edges.middle.start or edges.hidden_start:
                yield replace(gop, config=edges.written(gop.config), units=edges.units(gop))
    if edges.tail is not None:
        yield replace(edges.tail, config=edges.written(edges.tail.config))
