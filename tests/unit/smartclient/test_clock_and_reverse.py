"""The playhead, generations, and the order of pictures backward."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.media.decoding import PictureScaler, VideoDecoder
from smartclient.playback.spans import merged, next_start, previous_start, span_at
from smartclient.video.clock import PlayClock, is_older, next_generation
from smartclient.video.reverse import every_nth, keeper, pictures_backward
from tests.support.media_samples import video_sample

SPEEDS = st.sampled_from([-32.0, -1.0, -0.25, 0.25, 1.0, 4.0, 32.0])


@given(SPEEDS, st.integers(0, 10**9), st.integers(0, 10**12))
def test_what_is_due_is_due_when_the_playhead_gets_there(speed: float, after_us: int, ahead_us: int) -> None:
    clock = PlayClock(UtcUs(10**15), 5, speed, paused=False)
    goal = 10**15 + round(ahead_us * (1 if speed > 0 else -1))
    wait_us = clock.due_in_us(goal, 5 + after_us)
    assert wait_us is not None
    reached = clock.playhead_us(5 + after_us + wait_us)
    assert abs(reached - goal) <= 64 or wait_us == 0


def test_a_paused_clock_reaches_nothing_later() -> None:
    clock = PlayClock(UtcUs(100), 0, 1.0, paused=True)
    assert clock.due_in_us(101, 10**9) is None
    assert clock.due_in_us(100, 10**9) == 0


@given(st.integers(0, 65_535), st.integers(1, 1000))
def test_generations_compare_across_the_wrap(generation: int, steps: int) -> None:
    later = generation
    for _ in range(steps):
        later = next_generation(later)
    assert is_older(generation, later)
    assert not is_older(later, generation)
    assert not is_older(later, later)


def test_a_gop_with_b_pictures_is_shown_from_its_end() -> None:
    config, units = video_sample(frames=25, gop=25, b_frames=2)
    shown = pictures_backward(VideoDecoder(config), units, keeper(PictureScaler(), 80, 48), most=100)
    times = [picture.utc_us for picture in shown]
    assert times == sorted((unit.utc_us for unit in units), reverse=True)
    assert {(picture.width_px, picture.height_px) for picture in shown} == {(80, 48)}


def test_too_many_pictures_are_thinned_evenly_and_the_first_is_kept() -> None:
    config, units = video_sample(frames=25, gop=25)
    shown = pictures_backward(VideoDecoder(config), units, keeper(PictureScaler(), 80, 48), most=7)
    times = [picture.utc_us for picture in shown]
    assert len(times) == 7
    assert times[-1] == units[0].utc_us
    assert len({a - b for a, b in itertools.pairwise(times)}) == 1


@given(st.integers(0, 5000), st.integers(1, 500))
def test_thinning_never_keeps_more_than_allowed(count: int, most: int) -> None:
    assert -(-count // every_nth(count, most)) <= most


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)).map(lambda p: (p[0], p[0] + p[1])), max_size=30))
def test_merged_spans_cover_the_same_and_do_not_touch(spans: list[tuple[int, int]]) -> None:
    joined = merged(spans)
    covered = {t for start, end in spans for t in range(start, end)}
    assert {t for start, end in joined for t in range(start, end)} == covered
    assert all(a[1] < b[0] for a, b in itertools.pairwise(joined))
    for at in (0, 500, 1050):
        assert (span_at(joined, at) is not None) == (at in covered)


def test_neighbouring_recordings() -> None:
    spans = [(10, 20), (30, 40)]
    assert (next_start(spans, 10), next_start(spans, 9), next_start(spans, 30)) == (30, 10, None)
    assert (previous_start(spans, 35), previous_start(spans, 30), previous_start(spans, 10)) == (30, 10, None)
