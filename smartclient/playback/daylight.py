"""Nights on the timeline: from 18:00 to 06:00 by the operator's clock, as long as they truly are."""

from datetime import date, datetime, time, timedelta, tzinfo

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from smartclient.playback.scale import TimeScale, local

_DUSK, _DAWN = time(18), time(6)
_MOST_SPAN_US = 40 * 86_400 * US_PER_S  # with more days than that, stripes are only noise


def instant(day: date, clock: time, zone: tzinfo | None) -> UtcUs:
    """Return when it is `clock` on a local day; the first time of two."""
    naive = datetime.combine(day, clock)
    return utc_us(naive.astimezone() if zone is None else naive.replace(tzinfo=zone))


def nights(scale: TimeScale, zone: tzinfo | None) -> list[tuple[UtcUs, UtcUs]]:
    """Return the nights that the scale shows, in order; none when it shows more than forty days."""
    if scale.span_us > _MOST_SPAN_US:
        return []
    found: list[tuple[UtcUs, UtcUs]] = []
    day = local(scale.start_us, zone).date() - timedelta(days=1)
    while True:
        dusk = instant(day, _DUSK, zone)
        if dusk >= scale.end_us:
            return found
        day += timedelta(days=1)
        dawn = instant(day, _DAWN, zone)
        if dawn > scale.start_us:
            found.append((dusk, dawn))
