"""When an archive's jobs begin."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from common.foundation.clock import US_PER_S, UtcUs, utc_us


def next_run(
    after: UtcUs, last: UtcUs | None, at: Sequence[str], every_minutes: int, zone: tzinfo | None = None
) -> UtcUs:
    """The first time later than `after` at which a job is due that ran `last`.

    `at`: local times HH:MM, or N HH:MM with N the weekday (1 = Monday), of the machine unless a `zone` is given;
    without any, `every_minutes`, and at once when it never ran. A time that the clock skips in spring is due an hour
    later; one that comes twice in autumn, once.
    """
    times = [parsed for text in at if (parsed := _time(text)) is not None]
    if not times:
        return after if last is None else UtcUs(max(after, last + max(1, every_minutes) * 60 * US_PER_S))
    today = datetime.fromtimestamp(after // US_PER_S, UTC).astimezone(zone)
    due = (
        _instant(today, days, hour, minute, zone)
        for days in range(-1, 9)
        for weekday, hour, minute in times
        if weekday in (0, (today + timedelta(days=days)).isoweekday())
    )
    return min(moment for moment in due if moment > after)


def _instant(today: datetime, days: int, hour: int, minute: int, zone: tzinfo | None) -> UtcUs:
    day = today.date() + timedelta(days=days)
    local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - made aware in the next line
    return utc_us(local.replace(tzinfo=zone) if zone is not None else local.astimezone())


def _time(text: str) -> tuple[int, int, int] | None:
    """Weekday (0: every day), hour and minute; None when it is no time."""
    day, _, time = text.rpartition(" ")
    hour, colon, minute = time.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        return None
    if day and not (day.isdecimal() and 1 <= int(day) <= 7):
        return None
    return int(day or 0), int(hour), int(minute)
