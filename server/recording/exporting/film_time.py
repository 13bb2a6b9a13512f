"""Where in a film a recorded instant is shown: gaps stay as time, or are left out."""

import bisect
from collections.abc import Sequence

from common.foundation.clock import UtcUs
from server.recording.mediadb.contract import Span


class FilmTime:
    """Counts from the first picture of a film. `spans`: what is recorded when gaps are cut; None when they stay."""

    def __init__(self, zero: UtcUs, spans: Sequence[Span] | None) -> None:
        self._zero = zero
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._before: list[int] = []  # shown time ahead of each span
        shown = 0
        for span in spans or ():
            if span.end <= zero:
                continue
            start = max(span.start, zero)
            self._starts.append(start)
            self._ends.append(span.end)
            self._before.append(shown)
            shown += span.end - start

    def shown_us(self, at: UtcUs) -> int | None:
        """Microseconds into the film; negative before its beginning; None in a gap that is cut."""
        if not self._starts or at < self._starts[0]:
            return at - self._zero
        index = bisect.bisect_right(self._starts, at) - 1
        # What grows while it is exported may have passed the end that was known.
        if at >= self._ends[index] and index + 1 < len(self._starts):
            return None
        return self._before[index] + at - self._starts[index]
