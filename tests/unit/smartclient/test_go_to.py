"""What an operator may type to go to a time."""

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from smartclient.playback.go_to import NoSuchTime, Vocabulary, parse_go_to
from smartclient.playback.vocabulary import vocabulary

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
        ("−10m", PLAYHEAD - 600 * US_PER_S),
        ("-1h30m", PLAYHEAD - 5400 * US_PER_S),
        ("+1 h 30 min 5 s", PLAYHEAD + 5405 * US_PER_S),
        ("10 min ago", NOW - 600 * US_PER_S),
        ("2 hours ago", NOW - 7200 * US_PER_S),
        ("1 day 2h ago", NOW - 93_600 * US_PER_S),
        ("2:03 pm", at(2026, 3, 14, 14, 3)),
        ("12:00 am", at(2026, 3, 14)),
        ("14:03 yesterday", at(2026, 3, 13, 14, 3)),
        ("last thursday 08:00", at(2026, 3, 12, 8, 0)),
        ("yesterday at 14:03", at(2026, 3, 13, 14, 3)),
        ("2026-03-10, 14:03", at(2026, 3, 10, 14, 3)),
        ("2026-03-10T13:03:05Z", at(2026, 3, 10, 14, 3, 5)),
        ("2026-03-10 13:03 +00:00", at(2026, 3, 10, 14, 3)),
        ("2025-10-26 02:30 +02:00", at(2025, 10, 26, 2, 30, fold=0)),
        ("2025-10-26 02:30 +01:00", at(2025, 10, 26, 2, 30, fold=1)),
        ("2025-10-26T02:30:00+0100", at(2025, 10, 26, 2, 30, fold=1)),
        ("now", NOW),
        ("2025-10-26 02:30", at(2025, 10, 26, 2, 30, fold=0)),
    ],
)
def test_times(typed: str, expected: int) -> None:
    assert parse_go_to(typed, NOW, PLAYHEAD, BERLIN) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "noon",
        "25:00",
        "14:60",
        "2026-02-30",
        "14",
        "-10",
        "13.13.2026",
        "9999999h ago",
        "-999999999w",
        "::",
        "13:00 pm",
        "0:10 am",
        "-10 parsecs",
        "ago",
        "10 ago",
        "14:03 14:05",
        "1m2m3m4m5m6m ago",
        "-",
        "Z",
        "14:03 +25:61",
        "2026-13-01Z",
    ],
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


GERMAN = Vocabulary(
    {"gestern": "yesterday", "jetzt": "now", "montag": "monday", "std": "h", "stunden": "h", "uhr": "at"}, ("vor",), ()
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("gestern 14:03", at(2026, 3, 13, 14, 3)),
        ("Gestern 14:03 Uhr", at(2026, 3, 13, 14, 3)),
        ("jetzt", NOW),
        ("vor 10 min", NOW - 600 * US_PER_S),
        ("vor 2 Stunden", NOW - 7200 * US_PER_S),
        ("-2std", PLAYHEAD - 7200 * US_PER_S),
        ("yesterday 14:03", at(2026, 3, 13, 14, 3)),
        ("10 min ago", NOW - 600 * US_PER_S),
        ("Montag 8:00", at(2026, 3, 9, 8, 0)),
    ],
)
def test_the_clients_language_is_understood_beside_english(typed: str, expected: int) -> None:
    assert parse_go_to(typed, NOW, PLAYHEAD, BERLIN, GERMAN) == expected


def test_the_catalogue_has_words() -> None:
    known = vocabulary()
    assert known.plain["yesterday"] == "yesterday"
    assert parse_go_to("5 min ago", NOW, PLAYHEAD, BERLIN, known) == NOW - 300 * US_PER_S
