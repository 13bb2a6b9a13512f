"""Local days in true time: 23, 24 or 25 hours long, also where summer time begins at midnight."""

from datetime import UTC, date, datetime, timedelta, tzinfo

from common.foundation.clock import UtcUs, utc_us
from server.recording.mediadb.contract import Span


def day_span(day: date, zone: tzinfo) -> Span:
    """From the first instant of a local day to the first of the next."""
    return Span(_begin(day, zone), _begin(day + timedelta(days=1), zone))


def local_day(at: UtcUs, zone: tzinfo) -> date:
    """The day that a time falls on in a zone."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).astimezone(zone).date()


def days_of(span: Span, zone: tzinfo) -> list[date]:
    """The local days that meet a span."""
    if span.end <= span.start:
        return []
    first, last = local_day(span.start, zone), local_day(UtcUs(span.end - 1), zone)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _begin(day: date, zone: tzinfo) -> UtcUs:
    """Midnight as UTC. Where the clocks go from 23:59 to 01:00, midnight does not exist and the day begins at 01:00,
    which is what converting with the offset before the change gives."""
    return utc_us(datetime(day.year, day.month, day.day, tzinfo=zone))
