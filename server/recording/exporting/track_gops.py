"""The tracks of a film GOP by GOP, in the order of time, for formats whose pictures are handled one by one."""

import heapq
from collections.abc import Iterator
from dataclasses import replace

from common.media.access_unit import MediaKind
from server.recording.exporting.edges import cut_edges, cut_gops
from server.recording.exporting.pieces import gops
from server.recording.exporting.work import Film, Work
from server.recording.mediadb.contract import Gop, Span, TrackKey

VIDEO, SOUND = 0, 1


def film_gops(work: Work, film: Film, *, recode: bool = False) -> Iterator[tuple[int, Gop]]:
    """GOPs of video (0) and sound (1). Exact cuts come with coded edges; `recode`: without, as the caller decodes."""
    tracks = []
    for number, key in enumerate((film.video, film.sound)):
        if key is not None:
            tracks.append(_numbered(number, _track(work, film, key, recode=recode)))
    return heapq.merge(*tracks, key=lambda found: found[1].start)


def _numbered(number: int, found: Iterator[Gop]) -> Iterator[tuple[int, Gop]]:
    for gop in found:
        yield number, gop


def _track(work: Work, film: Film, key: TrackKey, *, recode: bool) -> Iterator[Gop]:
    if recode or work.request.cut == "gop":
        for gop in gops(work.reader, key, film.span):
            if gop.config.kind is MediaKind.AUDIO and work.request.cut == "frame":
                units = tuple(unit for unit in gop.units if film.span.start <= unit.utc_us < film.span.end)
                if units:
                    yield replace(gop, units=units, start=units[0].utc_us)
            else:
                yield gop
        return
    edges = cut_edges(work.reader, key, film.span)
    for note in edges.notes:
        work.note(f"{film.name}: {note}")
    yield from cut_gops(work.reader, key, edges)


def gop_bytes(gop: Gop) -> int:
    return sum(len(unit.data) for unit in gop.units)


def recorded(work: Work, film: Film) -> list[Span]:
    """What is recorded of a film's main track."""
    return list(work.reader.sequences(film.main, film.span))
