"""What a timeline shows, as one frozen value."""

from bisect import bisect_left
from dataclasses import dataclass

from smartclient.playback.spans import Missing, Span


@dataclass(frozen=True, slots=True)
class Flag:
    """A bookmark or a lock: a span with a name. `key`: its id."""

    start: int
    end: int
    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """Spans are sorted and do not overlap. `known`: the first answer came. `note`: what went wrong, or nothing."""

    selected: tuple[Span, ...] = ()
    all_in_view: tuple[Span, ...] = ()
    audio: tuple[Span, ...] = ()
    gaps: tuple[Missing, ...] = ()
    bookmarks: tuple[Flag, ...] = ()
    locks: tuple[Flag, ...] = ()
    known: bool = False
    note: str = ""


def visible(spans: tuple[Span, ...], start: int, end: int) -> tuple[Span, ...]:
    """Return the spans that overlap `start`..`end`."""
    first = max(0, bisect_left(spans, (start, 0)) - 1)
    return tuple(span for span in spans[first : bisect_left(spans, (end, 0))] if span[1] > start)
