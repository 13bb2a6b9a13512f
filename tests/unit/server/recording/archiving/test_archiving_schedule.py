"""When archives are due: intervals, times of day, weekdays, and clocks that change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs, utc_us
from common.model.archive_schedules import WEEKDAYS, ArchiveSchedule
from server.recording.archiving.schedule import next_run

BERLIN = ZoneInfo("Europe/Berlin")


def due(after: str, at: tuple[str, ...], zone: ZoneInfo = BERLIN) -> str:
    start = utc_us(datetime.fromisoformat(after).replace(tzinfo=zone))
    found = next_run(start, None, at, 60, zone)
    return datetime.fromtimestamp(found // 1_000_000, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("after", "at", "expected"),
    [
        ("2026-11-23T10:00", ("02:00", "12:30"), "2026-11-23T12:30"),
        ("2026-11-23T12:30", ("02:00", "12:30"), "2026-11-24T02:00"),
        ("2026-11-23T10:00", ("1 09:00",), "2026-11-30T09:00"),  # a Monday, an hour too late
        ("2026-11-23T10:00", ("1 11:00",), "2026-11-23T11:00"),
        ("2026-11-23T10:00", ("7 03:00", "5 23:59"), "2026-11-27T23:59"),
        ("2026-11-23T10:00", ("3 03:00", "02:00"), "2026-11-24T02:00"),
        ("2026-03-29T01:00", ("02:30",), "2026-03-29T03:30"),  # does not exist on this day
        ("2026-10-25T00:00", ("7 02:30",), "2026-10-25T02:30"),
    ],
)
def test_times_of_day_and_weekdays(after: str, at: tuple[str, ...], expected: str) -> None:
    assert due(after, at) == expected


def test_senseless_times_are_passed_over() -> None:
    assert due("2026-11-23T10:00", ("8 01:00", "25:00", "noon", "x 01:00", "11:00")) == "2026-11-23T11:00"
    assert next_run(UtcUs(5), None, ("noon",), 60) == 5  # none left: the interval, and it never ran


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - local time of the zone below
    st.sampled_from(WEEKDAYS),
    st.times(),
)
def test_a_weekly_time_is_due_within_eight_days_on_its_day(after: datetime, day: str, time: object) -> None:
    schedule = ArchiveSchedule.model_validate(
        {"frequencyType": "Weekly", "startTime": f"{time:%H:%M}", "weekdays": [day]}
    )
    start = utc_us(after.replace(tzinfo=BERLIN))
    found = next_run(start, None, schedule.times(), 60, BERLIN)
    moment = datetime.fromtimestamp(found // 1_000_000, UTC).astimezone(BERLIN)
    assert start < found <= start + 8 * 86_400_000_000
    assert moment.strftime("%A") == day
