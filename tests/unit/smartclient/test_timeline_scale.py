"""Timeline geometry: times and pixels are each other's inverse, also across summer time."""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from smartclient.playback.scale import LATEST_US, LEAST_SPAN_US, MOST_SPAN_US, TimeScale

BERLIN = ZoneInfo("Europe/Berlin")
DAY_US = 86_400 * US_PER_S
SCALES = st.builds(
    TimeScale,
    st.integers(min_value=0, max_value=LATEST_US - MOST_SPAN_US).map(UtcUs),
    st.integers(min_value=LEAST_SPAN_US, max_value=MOST_SPAN_US),
    st.integers(min_value=50, max_value=4000),
)


@given(SCALES, st.floats(min_value=0, max_value=1))
def test_a_pixel_and_its_time_are_each_others_inverse(scale: TimeScale, share: float) -> None:
    x = share * scale.width_px
    assert abs(scale.x_px(scale.time_at(x)) - x) < 0.01


@given(SCALES, st.floats(min_value=0, max_value=1), st.floats(min_value=0.1, max_value=10))
def test_zoom_keeps_the_time_under_the_pointer(scale: TimeScale, share: float, factor: float) -> None:
    x = share * scale.width_px
    zoomed = scale.zoomed(factor, x)
    assert LEAST_SPAN_US <= zoomed.span_us <= MOST_SPAN_US
    if 0 < zoomed.start_us < LATEST_US - zoomed.span_us:
        assert abs(zoomed.time_at(x) - scale.time_at(x)) <= 2 + zoomed.span_us / 1e6


@given(SCALES)
def test_marks_stand_in_order_inside_the_scale_and_have_room(scale: TimeScale) -> None:
    marks = scale.marks(BERLIN)
    assert [mark.at for mark in marks] == sorted({mark.at for mark in marks})
    assert all(scale.start_us <= mark.at < scale.end_us for mark in marks)
    assert len(marks) <= scale.width_px / 84 * 1.2 + 3


def day(year: int, month: int, number: int, hours: int) -> TimeScale:
    start = utc_us(datetime(year, month, number, tzinfo=BERLIN))
    return TimeScale(start, hours * 3600 * US_PER_S, 3000)


def test_the_day_with_25_hours_shows_the_doubled_hour_with_its_offsets() -> None:
    labels = [mark.label for mark in day(2026, 10, 25, 25).marks(BERLIN)]
    assert labels[:6] == ["Sun 25 Oct", "01:00", "02:00 +02:00", "02:00 +01:00", "03:00", "04:00"]
    assert len(labels) == 25
    marks = day(2026, 10, 25, 25).marks(BERLIN)
    assert all(b.at - a.at == 3600 * US_PER_S for a, b in itertools.pairwise(marks))


def test_the_day_with_23_hours_leaves_out_the_missing_hour() -> None:
    labels = [mark.label for mark in day(2026, 3, 29, 23).marks(BERLIN)]
    assert labels[:4] == ["Sun 29 Mar", "01:00", "03:00", "04:00"]
    assert len(labels) == 23


def test_six_hour_marks_fall_on_round_local_times_on_the_day_of_the_change() -> None:
    start = utc_us(datetime(2026, 10, 24, tzinfo=BERLIN))
    labels = [mark.label for mark in TimeScale(start, 3 * DAY_US, 1100).marks(BERLIN)]
    assert (
        labels
        == [
            *("Sat 24 Oct", "06:00", "12:00", "18:00"),
            *("Sun 25 Oct", "06:00", "12:00", "18:00"),
            *("Mon 26 Oct", "06:00", "12:00", "18:00"),
        ][: len(labels)]
    )
    assert len(labels) >= 12


def test_a_second_and_a_year_have_marks() -> None:
    start = utc_us(datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert [mark.label for mark in TimeScale(start, US_PER_S, 800).marks(BERLIN)][:2] == ["14:00:00.0", "14:00:00.2"]
    months = [mark.label for mark in TimeScale(start, 366 * DAY_US, 1400).marks(BERLIN)]
    assert "2027" in months
    assert "Jun 2026" in months
