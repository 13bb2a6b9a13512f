"""What an operator may type to go to a time."""

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from smartclient.playback.go_to import NoSuchTime, parse_go_to

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int, fold: int = 0) -> UtcUs:
    return utc_us(datetime(*parts, tzinfo=BERLIN, fold=fold))  # type: ignore[misc,arg-type]


NOW = at(2026, 3, 14, 15, 0, 0)
PLAYHEAD = at(2026, 3, 14, 12, 0, 0)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("14:03", at(2026, 3, 14, 14, 3)),
        (" 14:03:27 ", at(2026, 3, 14, 14, 3, 27)),
        ("14:03:27.480", at(2026, 3, 14, 14, 3, 27, 480_000)),
        ("23:30", at(2026, 3, 13, 23, 30)),  # not yet today: it was yesterday
        ("today 23:30", at(2026, 3, 14, 23, 30)),
        ("yesterday 14:03", at(2026, 3, 13, 14, 3)),
        ("Yesterday", at(2026, 3, 13)),
        ("thursday 08:00", at(2026, 3, 12, 8, 0)),
        ("2026-03-10 14:03", at(2026, 3, 10, 14, 3)),
        ("2026-03-10T14:03:05", at(2026, 3, 10, 14, 3, 5)),
        ("2026-03-10", at(2026, 3, 10)),
        ("10.3.2026 7:05", at(2026, 3, 10, 7, 5)),
        ("-10m", PLAYHEAD - 600 * US_PER_S),
        ("+1.5 h", PLAYHEAD + 5400 * US_PER_S),
        ("- 2d", PLAYHEAD - 2 * 86_400 * US_PER_S),
        ("now", NOW),
        ("2025-10-26 02:30", at(2025, 10, 26, 2, 30, fold=0)),
    ],
)
def test_times(typed: str, expected: int) -> None:
    assert parse_go_to(typed, NOW, PLAYHEAD, BERLIN) == expected


@pytest.mark.parametrize(
    "typed",
    ["", "noon", "25:00", "14:60", "2026-02-30", "14", "-10", "13.13.2026", "9999999h ago", "-999999999w", "::"],
)
def test_what_is_no_time_is_said(typed: str) -> None:
    with pytest.raises(NoSuchTime) as wrong:
        parse_go_to(typed, NOW, PLAYHEAD, BERLIN)
    assert wrong.value.params["typed"] == typed


@given(st.text(max_size=60))
def test_any_text_gives_a_time_or_the_one_error(typed: str) -> None:
    with contextlib.suppress(NoSuchTime):
        assert 0 <= parse_go_to(typed, NOW, PLAYHEAD, BERLIN) < 2**52


@given(st.integers(min_value=0, max_value=2_000_000_000))
def test_a_written_time_is_read_back(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, BERLIN)
    expected = utc_us(moment.replace(fold=0))
    assert parse_go_to(moment.strftime("%Y-%m-%d %H:%M:%S"), NOW, PLAYHEAD, BERLIN) == expected
