"""Makes a whole result: every film of a request in its format, the list of gaps, and a note of what was exported."""

import json
from collections.abc import Callable, Sequence

from common.api.exporting import ExportEstimate, ExportFile, ExportGap, ExportItem, ExportRequest
from common.foundation.clock import US_PER_S, UtcUs, iso_utc
from common.media.access_unit import PRIMARY, TrackName
from server.recording.exporting.errors import NothingRecorded
from server.recording.exporting.mp4_film import write_mp4
from server.recording.exporting.names import safe_name, utc_name
from server.recording.exporting.other_films import small_file, write_avi, write_mkv, write_stills
from server.recording.exporting.package import Origin, write_package
from server.recording.exporting.pieces import gops
from server.recording.exporting.work import Film, Work, films, gaps_in
from server.recording.mediadb.contract import MediaReader, Span, TrackKey
from server.recording.mediadb.extents import ExtentReader

NOT_RECORDED = "not recorded"
INFORMATION = "export.json"
_SMALLEST_GAP_US = 100_000  # what lies between two runs anyway
_SPARE_BYTES = 64 << 20
_MOST_GAPS = 10_000

GapReasons = Callable[[TrackKey, Span], Sequence[tuple[Span, str]]]
"""Splits a span in which nothing is recorded by why."""


def unexplained(key: TrackKey, span: Span) -> Sequence[tuple[Span, str]]:
    """For recorders that keep no ledger of reasons."""
    return [(span, NOT_RECORDED)]


def sound_alone(reader: MediaReader, request: ExportRequest) -> frozenset[str]:
    """The devices of a request that hold sound instead of pictures, as their recordings say."""
    found = set()
    for item in request.items:
        for span in item.spans:
            key = TrackKey(item.device, TrackName(item.track))
            gop = next(gops(reader, key, Span(UtcUs(span.start_us), UtcUs(span.end_us))), None)
            if gop is not None:
                if gop.config.width_px == 0 and gop.config.sample_rate_hz:
                    found.add(item.device)
                break
    return frozenset(found)


def make(work: Work, origin: Origin, reasons: GapReasons = unexplained, done: frozenset[str] = frozenset()) -> None:
    """Write the result into `work.folder`; films whose names are in `done` are there already. Blocking.

    Raises NothingRecorded, StorageError, NotAsWritten, ExportCancelled and others of VmsError.
    """
    request = work.request
    wanted = films(request, sound_alone(work.reader, request))
    recorded = {film.number: list(work.reader.sequences(film.main, film.span)) for film in wanted}
    if not any(recorded.values()):
        names = ", ".join(sorted({film.device for film in wanted}))
        raise NothingRecorded("nothing is recorded", device=names)
    for film in wanted:
        _note_gaps(work, film, recorded[film.number], reasons)
    if request.format == "package":
        name = f"{safe_name(_title(request))} {utc_name(origin.created)}.zip"
        if name not in done:
            work.files.append(write_package(work, wanted, origin, name))
        return
    write = {"mp4": write_mp4, "mkv": write_mkv, "avi": write_avi}.get(request.format, write_stills)
    for film in wanted:
        if film.name in done:
            continue
        made = write(work, film, recorded[film.number])
        work.files += made
        work.film_done(film.name, made)
    work.files.append(_information(work, origin))


def _title(request: ExportRequest) -> str:
    first = request.items[0].name or request.items[0].device
    return first if len(request.items) == 1 else f"{first} and {len(request.items) - 1} more"


def _note_gaps(work: Work, film: Film, spans: Sequence[Span], reasons: GapReasons) -> None:
    for gap in gaps_in(spans, film.span):
        if gap.end - gap.start < _SMALLEST_GAP_US:
            continue
        for part, reason in reasons(film.main, gap):
            if len(work.gaps) < _MOST_GAPS:
                key = film.main
                work.gaps.append(
                    ExportGap(device=key.device, track=key.track, start_us=part.start, end_us=part.end, reason=reason)
                )


def _information(work: Work, origin: Origin) -> ExportFile:
    """Who exported what, when, why, and what is missing, beside the films."""
    about = {
        "exported": iso_utc(origin.created),
        "exported_by": origin.user,
        "recorder": origin.recorder_name,
        "comment": work.request.comment,
        "format": work.request.format,
        "cut": work.request.cut,
        "gaps_in_films": work.request.gaps,
        "items": [item.model_dump() for item in work.request.items],
        "files": [file.model_dump() for file in work.files],
        "gaps": [gap.model_dump() for gap in work.gaps],
        "notes": work.notes,
    }
    data = json.dumps(about, indent=1, ensure_ascii=False).encode()
    return small_file(work.folder / INFORMATION, INFORMATION, data, UtcUs(0))


def estimate(reader: MediaReader, request: ExportRequest, free_bytes: int) -> ExportEstimate:
    """What a request will take on disk, before anything is written. Blocking."""
    media = sum(recorded_bytes(reader, item) for item in request.items)
    match request.format:
        case "avi":
            needed = media * 8  # JPEG pictures of what H.264 took; more than that is rare
        case "jpeg" | "png":
            each = 1 << 20 if request.format == "jpeg" else 6 << 20
            spans = [span for item in request.items for span in item.spans]
            needed = sum(int((s.end_us - s.start_us) / US_PER_S / request.every_s + 1) * each for s in spans)
            needed = min(needed, media * (8 if request.format == "jpeg" else 40)) + (1 << 20)
        case _:
            needed = media + media // 50 + (1 << 20)
    return ExportEstimate(media_bytes=media, needed_bytes=needed + _SPARE_BYTES, free_bytes=free_bytes)


def recorded_bytes(reader: MediaReader, item: ExportItem) -> int:
    """How much is recorded of an item, its microphone included."""
    keys = [TrackKey(item.device, TrackName(item.track))]
    if item.microphone is not None:
        keys.append(TrackKey(item.microphone, PRIMARY))
    total = 0
    for key in keys:
        for span in item.spans:
            total += _span_bytes(reader, key, Span(UtcUs(span.start_us), UtcUs(span.end_us)))
    return total


def _span_bytes(reader: MediaReader, key: TrackKey, span: Span) -> int:
    extents = reader.extents(key, span) if isinstance(reader, ExtentReader) else None
    if extents is not None:
        return sum(extent.size_bytes for extent in extents)
    # Not in local files: two GOPs of each sequence tell the rate of the rest.
    total = 0
    for sequence in reader.sequences(key, span):
        start, end = max(sequence.start, span.start), min(sequence.end, span.end)
        sizes = seconds = 0.0
        for number, gop in enumerate(gops(reader, key, Span(start, end))):
            if number == 2:
                break
            sizes += sum(len(unit.data) for unit in gop.units)
            seconds += (gop.end - gop.start) / US_PER_S
        if seconds:
            total += int(sizes / seconds * (end - start) / US_PER_S * 1.3)
    return total
