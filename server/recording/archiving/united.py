"""The stages of a storage read as one: a recording is found wherever it is by now."""

from collections.abc import Sequence

from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey


class UnitedReader:
    """Implements MediaReader over the readers of several stages, in the order in which recordings move through them.

    The order matters: a segment appears at the next stage before it vanishes from the one before, so whoever asks in
    this order always finds it. What is found at two stages meanwhile is the same, and counts once.
    """

    def __init__(self, stages: Sequence[MediaReader]) -> None:
        self._stages = tuple(stages)

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        found = self._spans(key, span, limit)
        # A recording goes on across the border between two stages, which may lie outside of `span`.
        while found and (earlier := self._touching(key, found[0], at_start=True)) is not None:
            found[0] = earlier
        while found and len(found) <= limit and (later := self._touching(key, found[-1], at_start=False)) is not None:
            found[-1] = later
        return found[:limit]

    def _spans(self, key: TrackKey, span: Span, limit: int) -> list[Span]:
        # One more than asked for: where one stage was cut off, another must not seem to go on behind it.
        parts = [stage.sequences(key, span, limit + 1) for stage in self._stages]
        cuts = [part[-1].start for part in parts if len(part) > limit]
        joined: list[Span] = []
        for each in sorted((each for part in parts for each in part), key=lambda each: each.start):
            if cuts and each.start > min(cuts):
                break
            if joined and each.start <= joined[-1].end:
                joined[-1] = Span(joined[-1].start, max(joined[-1].end, each.end))
            else:
                joined.append(each)
        return joined

    def _touching(self, key: TrackKey, span: Span, *, at_start: bool) -> Span | None:
        """`span` made longer by what adjoins it at one end; None when nothing does."""
        edge = Span(UtcUs(span.start - 1), span.start) if at_start else Span(span.end, UtcUs(span.end + 1))
        near = self._spans(key, edge, 1)
        if not near:
            return None
        longer = Span(min(span.start, near[0].start), max(span.end, near[0].end))
        return longer if longer != span else None

    def coverage(self, key: TrackKey) -> Span | None:
        found = [span for stage in self._stages if (span := stage.coverage(key)) is not None]
        return Span(min(span.start for span in found), max(span.end for span in found)) if found else None

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        best: Gop | None = None
        for stage in self._stages:
            found = stage.gop_at(key, at)
            if found is not None and (best is None or found.start > best.start):
                best = found
            if best is not None and best.start <= at < best.end:
                break
        return best

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        best: Gop | None = None
        for stage in self._stages:
            if best is not None and ((span := stage.coverage(key)) is None or span.end <= at):
                continue  # nothing of it can come first
            found = stage.gop_after(key, at)
            if found is not None and (best is None or found.start < best.start):
                best = found
        return best

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        best: Gop | None = None
        for stage in self._stages:
            found = stage.gop_before(key, at)
            if found is not None and (best is None or found.start > best.start):
                best = found
        return best
