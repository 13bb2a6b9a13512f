"""What was recorded, what was not, and why: the media database and the ledger, read together. Blocking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.ledger.days import day_span, days_of
from server.recording.ledger.explain import LATE_US, Noted, explain_gaps
from server.recording.ledger.reasons import NOT_EXPECTED, Gap, Reason
from server.recording.ledger.store import LedgerFile
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.timeline import Buckets

_MOST_SPANS = 1_000_000


class RecordedSpans(Protocol):
    """What the proof asks of the media database; see MediaReader."""

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]: ...

    def coverage(self, key: TrackKey) -> Span | None: ...


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """How much of a local day (23, 24 or 25 h; today: until now) is recorded.

    `expected_us` is without what was not to be recorded or is kept no longer. `missing_us`: by reason, those included.
    """

    day: date
    span: Span
    expected_us: int
    recorded_us: int
    missing_us: dict[Reason, int]

    @property
    def percent(self) -> float | None:
        """None when nothing was expected."""
        return None if self.expected_us == 0 else 100.0 * self.recorded_us / self.expected_us


@dataclass(frozen=True, slots=True)
class TrackTimeline:
    """For each bucket: its recorded share, 0 to 1, and the reason of most of what is missing (None: nothing is)."""

    shares: list[float]
    reasons: list[Reason | None]


def main_reasons(gaps: Sequence[Gap], buckets: Buckets) -> list[Reason | None]:
    """The reason that takes the most of each bucket."""
    by_reason: dict[Reason, list[Span]] = {}
    for gap in gaps:
        by_reason.setdefault(gap.reason, []).append(Span(gap.start, gap.end))
    most = [0.0] * buckets.count
    found: list[Reason | None] = [None] * buckets.count
    for reason, spans in by_reason.items():
        for number, amount in enumerate(buckets.amounts_us(spans)):
            if amount > most[number]:
                most[number], found[number] = amount, reason
    return found


class RecordingProof:
    """Answers for one recorder. Safe from several threads. Raises StorageError when ledger or index cannot be read."""

    def __init__(self, data: Path, recordings: RecordedSpans, now_us: Callable[[], UtcUs]) -> None:
        self._ledger = LedgerFile(data, writable=False)
        self._recordings = recordings
        self._now_us = now_us

    def close(self) -> None:
        self._ledger.close()

    def explain(self, key: TrackKey, span: Span) -> list[Gap]:
        """Everything of `span` until now that is not recorded, oldest first, each with its reason."""
        return self._gaps(key, span, self._recordings.sequences(key, span, _MOST_SPANS))

    def reasons(self, key: TrackKey, span: Span) -> list[tuple[Span, str]]:
        """The gaps of a span with a sentence for each, for a list that people read."""
        return [(Span(gap.start, gap.end), gap.detail or gap.reason.value) for gap in self.explain(key, span)]

    def _gaps(self, key: TrackKey, span: Span, recorded: Sequence[Span]) -> list[Gap]:
        now = self._now_us()
        known = self._ledger.exists
        entries = self._ledger.entries(key.device, span.start, span.end + LATE_US, now) if known else []
        noted = Noted(entries, self._ledger.facts() if known else None, now)
        kept = self._recordings.coverage(key)
        return explain_gaps(key.track, span, recorded, noted, None if kept is None else kept.start)

    def timeline(self, keys: Sequence[TrackKey], buckets: Buckets) -> dict[TrackKey, TrackTimeline]:
        """What is recorded of each bucket, and what most of the rest is due to."""
        found: dict[TrackKey, TrackTimeline] = {}
        for key in keys:
            recorded = self._recordings.sequences(key, buckets.span, _MOST_SPANS)
            gaps = self._gaps(key, buckets.span, recorded)
            found[key] = TrackTimeline(buckets.shares(recorded), main_reasons(gaps, buckets))
        return found

    def percent_recorded(self, key: TrackKey, day: date, zone: tzinfo) -> DayCoverage:
        """How much of a local day is recorded, of what should be."""
        whole = day_span(day, zone)
        recorded = self._recordings.sequences(key, whole, _MOST_SPANS)
        gaps = self._gaps(key, whole, recorded)
        recorded_us = sum(min(s.end, whole.end) - max(s.start, whole.start) for s in recorded)
        missing: dict[Reason, int] = {}
        for gap in gaps:
            missing[gap.reason] = missing.get(gap.reason, 0) + gap.end - gap.start
        expected = recorded_us + sum(us for reason, us in missing.items() if reason not in NOT_EXPECTED)
        return DayCoverage(day, whole, expected, recorded_us, missing)

    def report(self, devices: Sequence[DeviceId], span: Span, zone: tzinfo) -> dict[DeviceId, list[DayCoverage]]:
        """The days of `span` of each device's primary track: what `stats` and the REST API show."""
        days = days_of(span, zone)
        return {
            device: [self.percent_recorded(TrackKey(device, PRIMARY), day, zone) for day in days] for device in devices
        }

    def devices(self) -> list[DeviceId]:
        """Every device that the ledger knows."""
        return self._ledger.devices() if self._ledger.exists else []
