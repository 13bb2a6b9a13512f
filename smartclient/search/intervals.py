"""A span cut into equal parts, and the way into ever smaller ones and back."""

import itertools
from dataclasses import dataclass, field

LEAST_US = 1_000_000
"""A part is not cut further: a click on it goes to playback."""
_MOST_LEVELS = 32

Span = tuple[int, int]


def parts(span: Span, count: int) -> list[Span]:
    """Return `count` equal parts that follow each other without a gap; fewer when they would be too short."""
    start, end = span
    count = max(1, min(count, (end - start) // LEAST_US))
    edges = [start + (end - start) * place // count for place in range(count + 1)]
    return list(itertools.pairwise(edges))


@dataclass(slots=True)
class Path:
    """Where the explorer is: spans, each within the one before."""

    spans: list[Span] = field(default_factory=list)

    @property
    def span(self) -> Span:
        return self.spans[-1]

    def narrow(self, part: Span) -> bool:
        """Go into a part; False when it is too short to be cut."""
        if part[1] - part[0] < 2 * LEAST_US or len(self.spans) >= _MOST_LEVELS:
            return False
        self.spans.append(part)
        return True

    def widen(self) -> bool:
        """Go back; from the first span, to one three times as long. False at the beginning of time."""
        if len(self.spans) > 1:
            self.spans.pop()
            return True
        start, end = self.span
        wider = (max(0, start - (end - start)), end + (end - start))
        if wider == self.span:
            return False
        self.spans = [wider]
        return True
