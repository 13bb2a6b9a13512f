"""Nights across summer time, the thrown timeline, shares of buckets, and what of many spans is visible."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from smartclient.playback.daylight import nights
from smartclient.playback.fling import Fling
from smartclient.playback.scale import TimeScale, local
from smartclient.playback.timeline_content import visible
from smartclient.video.span_question import share_spans

HOUR_US = 3600 * US_PER_S
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
ADELAIDE = ZoneInfo("Australia/Adelaide")  # half an hour beside the others, with summer time
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its summer time is half an hour


def day_scale(zone: ZoneInfo, year: int, month: int, day: int, hours: float) -> TimeScale:
    return TimeScale(utc_us(datetime(year, month, day, tzinfo=zone)), round(hours * HOUR_US), 3000)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "night_hours"),
    [
        (BERLIN, (2026, 10, 25), 25, 13),
        (BERLIN, (2026, 3, 29), 23, 11),
        (NEW_YORK, (2026, 11, 1), 25, 13),
        (NEW_YORK, (2026, 3, 8), 23, 11),
        (ADELAIDE, (2026, 4, 5), 25, 13),
        (LORD_HOWE, (2026, 4, 5), 24.5, 12.5),
        (BERLIN, (2026, 6, 1), 24, 12),
    ],
)
def test_the_night_of_the_change_is_as_long_as_it_truly_is(
    zone: ZoneInfo, day: tuple[int, int, int], hours: float, night_hours: float
) -> None:
    first, second = nights(day_scale(zone, *day, hours), zone)
    assert first[1] - first[0] == night_hours * HOUR_US
    assert [local(at, zone).hour for at in (*first, *second)] == [18, 6, 18, 6]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "doubled"),
    [
        (BERLIN, (2026, 10, 25), 25, ["02:00 +02:00", "02:00 +01:00"]),
        (NEW_YORK, (2026, 11, 1), 25, ["01:00 -04:00", "01:00 -05:00"]),
        (ADELAIDE, (2026, 4, 5), 25, ["02:00 +10:30", "02:00 +09:30"]),
    ],
)
def test_the_repeated_hour_is_there_twice_with_its_offsets(
    zone: ZoneInfo, day: tuple[int, int, int], hours: float, doubled: list[str]
) -> None:
    labels = [mark.label for mark in day_scale(zone, *day, hours).marks(zone)]
    assert [label for label in labels if ":00 " in label] == doubled
    assert len(labels) == 25


def test_half_an_hour_that_comes_twice_is_shown() -> None:
    scale = TimeScale(utc_us(datetime(2026, 4, 5, 1, tzinfo=LORD_HOWE)), 2 * HOUR_US, 1500)
    labels = [mark.label for mark in scale.marks(LORD_HOWE)]
    assert "01:30 +11:00" in labels
    assert "01:30 +10:30" in labels


def test_no_nights_where_they_would_only_be_noise() -> None:
    assert nights(day_scale(BERLIN, 2026, 1, 1, 24 * 365), BERLIN) == []


@given(st.lists(st.tuples(st.floats(0, 0.05), st.floats(-500, 500)), max_size=20), st.floats(0.001, 0.2), st.booleans())
def test_a_thrown_timeline_stands_still_in_the_end(
    moves: list[tuple[float, float]], tick_s: float, thrown: bool
) -> None:
    fling, now_s = Fling(), 0.0
    for passed_s, x in moves:
        now_s += passed_s
        fling.dragged(x, now_s)
    if not thrown:
        now_s += 1.0  # it was held before it was let go
    flies = fling.let_go(now_s)
    assert thrown or not flies
    ticks = 0
    while fling.flying:
        now_s += tick_s
        fling.moved_px(now_s)
        ticks += 1
        assert ticks < 10_000


@given(st.binary(min_size=1, max_size=300), st.integers(0, 10**15), st.integers(10**6, 10**12))
def test_shares_become_spans_of_whole_buckets(shares: bytes, start: int, length: int) -> None:
    to = start + length + len(shares)
    spans = share_spans(shares, start, to)
    for (_, end), (following, _) in itertools.pairwise(spans):
        assert end < following
    for place, share in enumerate(shares):
        middle = start + (to - start) * (2 * place + 1) // (2 * len(shares))
        assert any(a <= middle < b for a, b in spans) == bool(share)


SPANS = st.lists(st.integers(0, 1000), unique=True, max_size=40).map(
    lambda edges: tuple(zip(sorted(edges)[0::2], sorted(edges)[1::2], strict=False))
)


@given(SPANS, st.integers(0, 1000), st.integers(1, 500))
def test_visible_spans_are_those_that_overlap(spans: tuple[tuple[int, int], ...], start: int, length: int) -> None:
    end = start + length
    assert visible(spans, start, end) == tuple(s for s in spans if s[1] > start and s[0] < end)


def test_a_scale_keeps_its_type() -> None:
    assert TimeScale(UtcUs(5), 10, 10).panned(1).start_us == 4
