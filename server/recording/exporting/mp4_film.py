"""Films as progressive MP4: bytes are copied as they were recorded, and tables of them are made.

The room for `moov` is reserved at the beginning, so that a film can be played while it is still being downloaded.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from common.api.exporting import MOST_TIME_US, ExportFile
from common.foundation.clock import UtcUs
from common.media.access_unit import Codec, CodecConfig, MediaKind
from common.media.edge_encoding import hev1_record
from common.media.mp4.progressive import FTYP, MDAT_HEADER_BYTES, TrackTable, moov, most_moov_bytes
from common.media.mp4.sample_entries import sample_entry
from server.recording.exporting.copying import ResultFile
from server.recording.exporting.edges import Edges, cut_edges
from server.recording.exporting.film_time import FilmTime
from server.recording.exporting.pieces import Piece, gops, piece_of_units, pieces
from server.recording.exporting.work import Film, Work
from server.recording.mediadb.contract import Span, TrackKey

VIDEO, SOUND = 0, 1
_MOST_LATER = 64  # pieces of sound that wait for the film they belong to


@dataclass(slots=True)
class _Track:
    """One track while its film is written."""

    key: TrackKey
    edges: Edges
    pieces: Iterator[Piece]


def write_mp4(work: Work, film: Film, spans: list[Span]) -> list[ExportFile]:
    """Write one film; `spans`: what is recorded of it. Returns the files made, one for each configuration."""
    tracks: list[_Track | None] = [_track(work, key, film.span) for key in (film.video, film.sound)]
    for track in tracks:
        for note in track.edges.notes if track else ():
            work.note(f"{film.name}: {note}")
    main = VIDEO if film.video is not None else SOUND
    merged = heapq.merge(
        *(_numbered(number, track.pieces) for number, track in enumerate(tracks) if track is not None),
        key=lambda found: found[1].start,
    )
    made: list[ExportFile] = []
    waiting: list[tuple[int, Piece]] = []
    while True:
        first, waiting = _first_of(main, waiting, merged)
        if first is None:
            return made
        name = f"{film.name}{f' part {len(made) + 1}' if made else ''}.mp4"
        part = _Part(work, film, spans, tracks, name, main)
        film_made, waiting = part.write(first, chain(waiting, merged))
        made.append(film_made)


def _first_of(
    main: int, waiting: list[tuple[int, Piece]], merged: Iterator[tuple[int, Piece]]
) -> tuple[tuple[int, Piece] | None, list[tuple[int, Piece]]]:
    """The next piece of the main track, and the sound that comes shortly before it or waits already."""
    before: list[tuple[int, Piece]] = []
    for found in chain(waiting, merged):
        if found[0] == main:
            behind = [later for later in waiting if later[0] != main and later not in before]
            return found, [*before, *behind]
        before = [*before[-_MOST_LATER:], found]
    return None, []


def _numbered(number: int, found: Iterator[Piece]) -> Iterator[tuple[int, Piece]]:
    for piece in found:
        yield number, piece


def _track(work: Work, key: TrackKey | None, span: Span) -> _Track | None:
    if key is None:
        return None
    if work.request.cut == "gop":
        return _Track(key, Edges(span), pieces(work.reader, key, span))
    edges = cut_edges(work.reader, key, span)
    return _Track(key, edges, _cut_pieces(work, key, edges))


def _cut_pieces(work: Work, key: TrackKey, edges: Edges) -> Iterator[Piece]:
    """The pieces of an exact cut, with the configuration as it was recorded: `_Part` knows what to write for it."""
    if edges.head is not None:
        yield piece_of_units(edges.head.config, edges.head.units, edges.head.end)
    middle = edges.middle
    if middle.end > middle.start and edges.in_band:
        for gop in gops(work.reader, key, middle):
            if gop.start >= middle.start:
                yield piece_of_units(gop.config, edges.units(gop), gop.end)
    elif middle.end > middle.start:
        for piece in pieces(work.reader, key, middle):
            if piece.start >= middle.start or edges.hidden_start:
                yield piece
    if edges.tail is not None:
        yield piece_of_units(edges.tail.config, edges.tail.units, edges.tail.end)


class _Places(NamedTuple):
    """Where in a file what is known last goes."""

    moov_at: int
    moov_bytes: int
    mdat_at: int


@dataclass(slots=True)
class _Part:
    """One file: the stretch of a film that has one configuration a track."""

    work: Work
    film: Film
    spans: list[Span]
    tracks: list[_Track | None]
    name: str
    main: int
    tables: dict[int, TrackTable] = field(default_factory=dict)
    configs: dict[int, CodecConfig] = field(default_factory=dict)

    def write(
        self, first: tuple[int, Piece], rest: Iterator[tuple[int, Piece]]
    ) -> tuple[ExportFile, list[tuple[int, Piece]]]:
        """Write until the configuration changes; return the film and what belongs to the next one."""
        exact = self.work.request.cut == "frame"
        zero = max(first[1].start, self.film.span.start) if exact else first[1].start
        time = FilmTime(zero, self.spans if self.work.request.gaps == "cut" else None)
        end: int = zero
        film_end = self.film.span.end if exact else MOST_TIME_US
        later: list[tuple[int, Piece]] = []
        with ResultFile(self.work.folder / self.name) as file:
            file.append(FTYP)
            reserved = self._reserve(first[1])
            moov_at = file.skip(reserved)
            mdat_at = file.skip(MDAT_HEADER_BYTES)
            for number, piece in chain([first], rest):
                config = self.configs.setdefault(number, piece.config)
                if number == self.main:
                    if config != piece.config or (later and piece.keyframe):
                        later.append((number, piece))
                        break
                elif later or config != piece.config:
                    if len(later) < _MOST_LATER:
                        later.append((number, piece))
                    continue
                shown_us = time.shown_us(piece.start)
                if shown_us is None:
                    continue
                self._put(file, number, piece, shown_us)
                if number == self.main:
                    end = max(end, piece.end)
                self.work.progress.step(piece.size_bytes)
            self._finish(file, zero, _Places(moov_at, reserved, mdat_at), end)
            sha256 = file.finish(self.work.progress if self.work.request.verify else None)
        made = ExportFile(
            name=self.name, size_bytes=file.size_bytes, sha256=sha256, start_us=zero, end_us=min(end, film_end)
        )
        return made, later

    def _put(self, file: ResultFile, number: int, piece: Piece, shown_us: int) -> None:
        table = self.tables.get(number)
        if table is None:
            if not piece.keyframe:
                return
            table = self.tables[number] = self._table(number, piece.config)
        stored = piece.path
        at = file.append(piece.data) if stored is None else file.copy(stored, piece.offset, piece.size_bytes)
        table.add(piece.block, shown_us, at + piece.block.data_offset)

    def _table(self, number: int, config: CodecConfig) -> TrackTable:
        track = self.tracks[number]
        edges = None if track is None else track.edges
        if edges is None:
            return TrackTable(config)
        written = edges.written(config)
        if edges.in_band and config.codec is Codec.H265:
            entry = sample_entry(written).replace(b"hvc1", b"hev1", 1).replace(written.record, hev1_record(written), 1)
            return TrackTable(written, entry)
        return TrackTable(written)

    def _reserve(self, first: Piece) -> int:
        """Guess how large `moov` becomes: from how many samples a second the first piece has."""
        seconds = max(1, (self.film.span.end - first.start) // 1_000_000) + 60
        block = first.block
        rate = len(block.sizes) * first.config.timescale / max(1, int(block.durations.sum()))
        sound = 60.0 if any(number != VIDEO for number, track in enumerate(self.tracks) if track) else 0.0
        samples = int(seconds * (rate if first.config.kind is MediaKind.VIDEO else 0.0) * 1.1 + seconds * sound)
        return min(most_moov_bytes(samples, seconds * 4), 1 << 28)

    def _finish(self, file: ResultFile, zero: UtcUs, places: _Places, end: int) -> None:
        moov_at, reserved, mdat_at = places
        video = self.tracks[VIDEO]
        for table in self.tables.values():
            if video is not None and video.edges.hidden_end:
                table.trim_end_us = min(end, self.film.span.end) - zero
        mdat_bytes = file.size_bytes - mdat_at
        file.write_at(b"\x00\x00\x00\x01mdat" + mdat_bytes.to_bytes(8, "big"), mdat_at)
        packed = moov([self.tables[number] for number in sorted(self.tables)], zero)
        room = reserved - len(packed)
        if room == 0 or room >= 8:
            file.write_at(packed + (room.to_bytes(4, "big") + b"free" if room else b""), moov_at)
        else:  # many more samples than guessed: it goes to the end, where players find it too
            file.write_at(reserved.to_bytes(4, "big") + b"free", moov_at)
            file.append(packed)
