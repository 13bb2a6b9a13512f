"""What an exporter is handed: where recordings come from, where results go, and whom to tell how far it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from common.api.exporting import ExportFile, ExportGap, ExportRequest
from common.foundation.clock import UtcUs
from common.media.access_unit import PRIMARY, TrackName
from server.recording.exporting.names import film_name
from server.recording.mediadb.contract import MediaReader, Span, TrackKey


class Progress(Protocol):
    """Told by an exporter after each piece. May wait (paused) and may raise ExportCancelled."""

    def step(self, done_bytes: int) -> None:
        """`done_bytes` more of the recordings are dealt with."""


class NoProgress:
    """For those who only want the result."""

    def step(self, done_bytes: int) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Film:
    """One span of one item: what becomes one film, or several where the codec changes in between."""

    number: int
    name: str  # of its files, without a suffix
    device: str  # as people call it
    video: TrackKey | None
    sound: TrackKey | None
    span: Span

    @property
    def main(self) -> TrackKey:
        key = self.video or self.sound
        assert key is not None
        return key


@dataclass(slots=True)
class Work:
    """One export as exporters see it. `notes` and `gaps` grow while it is made; `files`: what is finished."""

    reader: MediaReader
    request: ExportRequest
    folder: Path
    progress: Progress
    files: list[ExportFile] = field(default_factory=list)
    gaps: list[ExportGap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def film_done(self, film: str, files: list[ExportFile]) -> None:
        """A film's files are finished; a job that is interrupted goes on behind it."""

    def note(self, sentence: str) -> None:
        if sentence not in self.notes and len(self.notes) < 1000:
            self.notes.append(sentence)


def films(request: ExportRequest, sound_alone: frozenset[str]) -> list[Film]:
    """The films of a request. `sound_alone`: devices that are microphones."""
    found: list[Film] = []
    taken: set[str] = set()
    for item in request.items:
        key = TrackKey(item.device, TrackName(item.track))
        alone = item.device in sound_alone
        sound = key if alone else None if item.microphone is None else TrackKey(item.microphone, PRIMARY)
        for span in item.spans:
            whole = Span(UtcUs(span.start_us), UtcUs(span.end_us))
            shown = item.name or item.device
            name = film_name(shown, whole.start, taken)
            found.append(Film(len(found), name, shown, None if alone else key, sound, whole))
    return found


def gaps_in(spans: Sequence[Span], whole: Span) -> Iterator[Span]:
    """What of `whole` lies outside `spans`, which are in order and do not overlap."""
    at = whole.start
    for span in spans:
        if span.start > at:
            yield Span(at, min(span.start, whole.end))
        at = max(at, span.end)
    if at < whole.end:
        yield Span(at, whole.end)
