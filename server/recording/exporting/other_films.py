"""Films as Matroska (bytes as recorded) and AVI (coded anew), and stills."""

import hashlib
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from common.api.exporting import ExportFile
from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import StorageError
from common.media.access_unit import AccessUnit, CodecConfig
from common.media.decoding import AudioDecoder, DecodeError, Picture
from common.media.edge_encoding import decoded
from common.media.film_file import AviFilm, RemuxedFilm, counted_units, still
from server.recording.exporting.copying import PART
from server.recording.exporting.errors import NotAsWritten
from server.recording.exporting.film_time import FilmTime
from server.recording.exporting.names import safe_name, utc_name
from server.recording.exporting.track_gops import SOUND, VIDEO, film_gops, gop_bytes
from server.recording.exporting.work import Film, Progress, Work
from server.recording.mediadb.contract import Gop, Span

_BLOCK_BYTES = 4 << 20
_MOST_FPS = 120
_LOOK_AHEAD = 64  # GOPs looked at to learn which tracks a film has
Found = tuple[int, Gop]


def write_mkv(work: Work, film: Film, spans: list[Span]) -> list[ExportFile]:
    """Write one film as Matroska, a file for each configuration."""
    main = VIDEO if film.video is not None else SOUND
    rest: Iterator[Found] = film_gops(work, film)
    made: list[ExportFile] = []
    while True:
        ahead = _until_known(rest, 2 if film.video and film.sound else 1)
        if not any(number == main for number, _ in ahead):
            return made
        name = f"{film.name}{f' part {len(made) + 1}' if made else ''}.mkv"
        file, rest = _mkv_part(work, film, _Ahead(spans, ahead, main), rest, work.folder / name)
        made.append(file)


def _until_known(rest: Iterator[Found], tracks: int) -> list[Found]:
    """Take GOPs until each track was seen, or it is clear that one has nothing here."""
    ahead: list[Found] = []
    for found in rest:
        ahead.append(found)
        if len({number for number, _ in ahead}) == tracks or len(ahead) >= _LOOK_AHEAD:
            break
    return ahead


class _Ahead(NamedTuple):
    """What is known before a film is begun."""

    spans: list[Span]
    gops: list[Found]
    main: int


def _mkv_part(
    work: Work, film: Film, known: _Ahead, rest: Iterator[Found], path: Path
) -> tuple[ExportFile, Iterator[Found]]:
    spans, ahead, main = known
    found = chain(ahead, rest)
    firsts: dict[int, tuple[CodecConfig, AccessUnit]] = {}
    for number, gop in ahead:
        firsts.setdefault(number, (gop.config, gop.units[0]))
    order = {number: place for place, number in enumerate(sorted(firsts))}
    start = next(gop.start for number, gop in ahead if number == main)
    time = FilmTime(start, spans if work.request.gaps == "cut" else None)
    part = path.with_name(path.name + PART)
    counts = [0] * len(order)
    left: list[Found] = []
    end = start
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with RemuxedFilm(part, [firsts[number] for number in sorted(firsts)]) as file:
            for number, gop in found:
                if number not in order:
                    continue  # sound that begins long after the film
                if gop.config != firsts[number][0]:
                    left.append((number, gop))
                    break
                for unit in gop.units:
                    shown_us = time.shown_us(unit.utc_us)
                    if shown_us is not None and shown_us >= 0:
                        file.write(order[number], unit, shown_us)
                        counts[order[number]] += 1
                if number == main:
                    end = max(end, gop.end)
                work.progress.step(gop_bytes(gop))
        _prove(work, part, counts)
        made = finished(part, path, work.progress, Span(start, end))
    finally:
        part.unlink(missing_ok=True)
    return made, chain(left, found)


def write_avi(work: Work, film: Film, spans: list[Span]) -> list[ExportFile]:
    """Write one film as AVI, exact to the picture. A change of size is scaled to what the film began with."""
    rest = film_gops(work, film, recode=True)
    ahead = _until_known(rest, 2 if film.video and film.sound else 1)
    video = next((gop for number, gop in ahead if number == VIDEO), None)
    if not ahead or (film.video is not None and video is None):
        return []
    exact = Span(film.span.start, film.span.end) if work.request.cut == "frame" else None
    start = _first_shown(ahead[0][1] if video is None else video, exact)
    time = FilmTime(start, spans if work.request.gaps == "cut" else None)
    fps = _fps(video)
    path = work.folder / f"{film.name}.avi"
    part = path.with_name(path.name + PART)
    end = start
    sounds: dict[CodecConfig, AudioDecoder] = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        size = None if video is None else (video.config.width_px & ~1, video.config.height_px & ~1)
        with AviFilm(part, size, fps, sound=any(number == SOUND for number, _ in ahead)) as file:
            for number, gop in chain(ahead, rest):
                try:
                    if number == VIDEO:
                        for picture in decoded(gop.config, gop.units):
                            if exact is None or exact.start <= picture.utc_us < exact.end:
                                _show(file, time, picture)
                    else:
                        _hear(file, time, gop, sounds)
                except DecodeError as broken:
                    work.note(f"{film.name}: a part at {utc_name(gop.start)} could not be decoded ({broken}).")
                end = max(end, gop.end)
                work.progress.step(gop_bytes(gop))
        if file.left_out:
            work.note(
                f"{film.name}: {file.left_out} pictures that came faster than {float(fps):g} a second are left out."
            )
        made = finished(part, path, work.progress, Span(start, end))
    finally:
        part.unlink(missing_ok=True)
    return [made]


def _first_shown(gop: Gop, exact: Span | None) -> UtcUs:
    """When the film begins: with the first picture that is in it."""
    if exact is None:
        return gop.start
    return min((unit.utc_us for unit in gop.units if unit.utc_us >= exact.start), default=gop.end)


def _show(file: AviFilm, time: FilmTime, picture: Picture) -> None:
    shown_us = time.shown_us(picture.utc_us)
    if shown_us is not None and shown_us >= 0:
        file.picture(picture, shown_us)


def _hear(file: AviFilm, time: FilmTime, gop: Gop, sounds: dict[CodecConfig, AudioDecoder]) -> None:
    if gop.config not in sounds:
        sounds.clear()
        sounds[gop.config] = AudioDecoder(gop.config)
    for unit in gop.units:
        block = sounds[gop.config].decode(unit)
        shown_us = time.shown_us(block.utc_us)
        if shown_us is not None and shown_us >= 0:
            file.sound(block.samples, shown_us)


def _fps(gop: Gop | None) -> Fraction:
    """The rate of a GOP's pictures: the usual distance between two, as a whole number a second or 1/n."""
    if gop is None or len(gop.units) < 2:
        return Fraction(25)
    times = sorted(unit.utc_us for unit in gop.units)
    distances = sorted(b - a for a, b in pairwise(times))
    rate = US_PER_S / max(1, distances[len(distances) // 2])
    return Fraction(min(_MOST_FPS, round(rate))) if rate >= 1 else Fraction(1, max(1, round(1 / rate)))


def write_stills(work: Work, film: Film, spans: list[Span]) -> list[ExportFile]:
    """Write a picture every `every_s` seconds, named after its time."""
    if film.video is None:
        return []
    kind = work.request.format
    suffix = "jpg" if kind == "jpeg" else "png"
    every_us = round(work.request.every_s * US_PER_S)
    folder = film.name
    due: int = film.span.start
    made: list[ExportFile] = []
    for _, gop in film_gops(work, Film(film.number, film.name, film.device, film.video, None, film.span), recode=True):
        if gop.end > due:
            try:
                for picture in decoded(gop.config, _needed(gop, due, every_us)):
                    if max(due, film.span.start) <= picture.utc_us < film.span.end:
                        name = f"{folder}/{safe_name(film.device)} {utc_name(picture.utc_us)}.{suffix}"
                        made.append(small_file(work.folder / name, name, still(picture, kind), picture.utc_us))
                        due += every_us * max(1, -(-(picture.utc_us + 1 - due) // every_us))
            except DecodeError as broken:
                work.note(f"{film.name}: a part at {utc_name(gop.start)} could not be decoded ({broken}).")
        work.progress.step(gop_bytes(gop))
    return made


def _needed(gop: Gop, due: int, every_us: int) -> tuple[AccessUnit, ...]:
    """Only the keyframe, where that is the one that is wanted of this GOP."""
    if gop.units[0].utc_us >= due and due + every_us >= gop.end and gop.units[0].utc_us + every_us >= gop.end:
        return gop.units[:1]
    return gop.units


def small_file(path: Path, name: str, data: bytes, at: UtcUs) -> ExportFile:
    """Write a file whole or not at all. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + PART)
        part.write_bytes(data)
        part.replace(path)
    except OSError as failed:
        raise StorageError(failed.strerror or str(failed), path=str(path)) from failed
    digest = hashlib.sha256(data).hexdigest()
    return ExportFile(name=name, size_bytes=len(data), sha256=digest, start_us=at, end_us=at)


def _prove(work: Work, part: Path, counts: list[int]) -> None:
    """Count what can be read of a film: all that was put in must be there."""
    if work.request.verify and (read := counted_units(part)) != counts:
        raise NotAsWritten(f"{counts} units were written and {read} can be read", file=part.name)


def finished(part: Path, path: Path, progress: Progress, shown: Span) -> ExportFile:
    """Make a film durable, hash it as the disk gives it back, and give it its name."""
    try:
        fd = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            size = os.fstat(fd).st_size
            digest = hashlib.sha256()
            for at in range(0, size, _BLOCK_BYTES):
                digest.update(os.pread(fd, _BLOCK_BYTES, at))
                progress.step(0)
        finally:
            os.close(fd)
        part.replace(path)
    except OSError as failed:
        raise StorageError(failed.strerror or str(failed), path=str(path)) from failed
    return ExportFile(
        name=path.name, size_bytes=size, sha256=digest.hexdigest(), start_us=shown.start, end_us=shown.end
    )
