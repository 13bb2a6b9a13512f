"""The playhead of a group, its time moved by hand."""

import math

import pytest

from common.foundation.clock import UtcUs
from server.recording.playback.playhead import Playhead

T = UtcUs(1_000_000_000)


@pytest.mark.parametrize(
    ("speed", "after_2s"), [(1.0, 2_000_000), (-1.0, -2_000_000), (0.5, 1_000_000), (32.0, 64_000_000)]
)
def test_it_moves_with_the_clock(speed: float, after_2s: int) -> None:
    assert Playhead(T, speed, False, 10.0).position(12.0) == T + after_2s


def test_paused_it_stands_and_resumes_where_it_stood() -> None:
    playhead = Playhead(T, 1.0, False, 0.0)
    playhead.pause(5.0)
    assert playhead.position(100.0) == T + 5_000_000
    assert playhead.seconds_until_due(T, 100.0) == math.inf
    playhead.resume(200.0)
    assert playhead.position(201.0) == T + 6_000_000


def test_speed_changes_where_the_client_says() -> None:
    playhead = Playhead(T, 1.0, False, 0.0)
    playhead.change_speed(-2.0, UtcUs(T + 500), 3.0)
    assert playhead.position(4.0) == T + 500 - 2_000_000


@pytest.mark.parametrize(
    ("speed", "ahead_s", "wait_s"),
    [
        (1.0, 1.9, 0.0),
        (1.0, 5.0, 3.0),
        (1.0, -50.0, 0.0),  # already past: at once
        (4.0, 8.0, 0.0),
        (4.0, 12.0, 1.0),
        (0.25, 2.0, 0.0),  # never less than 2 s of media ahead
        (0.25, 3.0, 4.0),
        (-1.0, -5.0, 3.0),
        (-1.0, 5.0, 0.0),
    ],
)
def test_media_is_due_ahead_of_it(speed: float, ahead_s: float, wait_s: float) -> None:
    playhead = Playhead(T, speed, False, 0.0)
    assert playhead.seconds_until_due(UtcUs(T + round(ahead_s * 1e6)), 0.0) == pytest.approx(wait_s)
