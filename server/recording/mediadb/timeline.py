"""What a timeline shows: time cut into as many buckets as it has pixels, and how much of each is recorded.

The cost is one look into the index a track and a step for each recorded run and each bucket: a month costs what an hour
does, as long as it has not more gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from server.recording.mediadb.contract import Span, TrackKey

MOST_BUCKETS = 10_000
_MOST_RUNS = 1_000_000


class HasSequences(Protocol):
    """See MediaReader."""

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]: ...


@dataclass(frozen=True, slots=True)
class Buckets:
    """`count` equal parts of `span`. A bucket is `width_us` long, which may be a fraction of microseconds."""

    span: Span
    count: int

    @property
    def width_us(self) -> float:
        return (self.span.end - self.span.start) / self.count

    def amounts_us(self, spans: Sequence[Span]) -> list[float]:
        """How much of each bucket `spans` (not overlapping) cover."""
        amounts = [0.0] * self.count
        width, origin = self.width_us, self.span.start
        for span in spans:
            low, high = max(span.start, self.span.start) - origin, min(span.end, self.span.end) - origin
            if high <= low:
                continue
            first, last = int(low / width), min(int(high / width), self.count - 1)
            if first >= last:
                amounts[last] += high - low
                continue
            amounts[first] += (first + 1) * width - low
            amounts[last] += high - last * width
            if last > first + 1:
                amounts[first + 1 : last] = [width] * (last - first - 1)
        return amounts

    def shares(self, spans: Sequence[Span]) -> list[float]:
        """The share of each bucket that `spans` cover: 1 only where that is all of it, to half a microsecond."""
        width = self.width_us
        return [1.0 if width - amount < 0.5 else amount / width for amount in self.amounts_us(spans)]


def timeline(reader: HasSequences, keys: Sequence[TrackKey], buckets: Buckets) -> dict[TrackKey, list[float]]:
    """The recorded share of each bucket, for each track."""
    return {key: buckets.shares(reader.sequences(key, buckets.span, _MOST_RUNS)) for key in keys}
