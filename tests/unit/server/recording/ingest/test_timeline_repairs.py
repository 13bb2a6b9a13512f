"""Media time of cameras that jitter, drift, jump, stall: wall time that only rises and stays near the clock."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from server.recording.drivers.contract import RawUnit
from server.recording.ingest.timeline import DAY_US, TrackTimeline

NOW_US = 1_700_000_000_000_000
STEP = 3600  # 25 fps
FRAME_US = 40_000


def raw(dts: int, at_us: int, keyframe: bool = True, damaged: bool = False) -> RawUnit:
    return RawUnit(b"x", dts, dts, keyframe, (at_us - NOW_US) / 1e6, damaged=damaged)


@given(st.integers(0, 2**32), st.floats(-200e-6, 200e-6), st.integers(0, 60_000), st.integers())
@settings(max_examples=30, deadline=None)
def test_a_drifting_jittering_camera_is_one_run_near_the_clock(base: int, drift: float, jitter: int, seed: int) -> None:
    timeline, chance = TrackTimeline(90_000, video=True), random.Random(seed)
    last, runs = 0, 0
    for n in range(25 * 120):
        captured = NOW_US + int(n * FRAME_US * (1 + drift))
        arrived = captured + chance.randint(0, jitter)
        placed = timeline.place(raw(base + n * STEP, arrived, n % 50 == 0), arrived)
        assert placed is not None
        unit, new_run = placed
        runs += new_run
        assert unit.utc_us > last
        last = unit.utc_us
        assert abs(unit.utc_us - captured) <= jitter + 30_000
    assert runs == 1


@given(
    st.lists(
        st.tuples(st.integers(-10 * 90_000, 10 * 90_000), st.integers(0, 3_000_000), st.booleans()),
        min_size=1,
        max_size=80,
    ),
    st.integers(-2 * 3_600_000_000, 2 * 3_600_000_000),
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_time_rises(steps: list[tuple[int, int, bool]], clock_step_us: int) -> None:
    timeline = TrackTimeline(90_000, video=True)
    dts, arrived, last_utc, last_dts = 0, NOW_US, 0, -1
    for number, (step, wait_us, keyframe) in enumerate(steps):
        dts, arrived = dts + step, arrived + wait_us
        now = arrived + (clock_step_us if number > len(steps) // 2 else 0)
        placed = timeline.place(raw(dts, arrived, keyframe), now)
        if placed is None:
            assert timeline.runs == 0
            continue
        unit, new_run = placed
        assert unit.utc_us > last_utc
        assert new_run or unit.dts > last_dts
        assert not new_run or (keyframe and unit.dts == 0)
        last_utc, last_dts = unit.utc_us, unit.dts


def test_a_jump_of_media_time_begins_a_run_at_the_next_keyframe_and_loses_nothing() -> None:
    timeline = TrackTimeline(90_000, video=True)
    out = []
    for n in range(100):
        arrived = NOW_US + n * FRAME_US
        jump = 90_000 * 3600 if n >= 30 else 0
        placed = timeline.place(raw(n * STEP + jump, arrived, n % 25 == 0), arrived)
        assert placed is not None
        out.append(placed)
    assert [n for n, (_, new_run) in enumerate(out) if new_run] == [0, 50]
    assert all(abs(unit.utc_us - NOW_US - n * FRAME_US) <= 1_000 for n, (unit, _) in enumerate(out))


def test_a_burst_at_the_start_is_corrected_by_the_least_delayed_picture() -> None:
    timeline = TrackTimeline(90_000, video=True)
    for n in range(50):  # two seconds of the past at once
        timeline.place(raw(n * STEP, NOW_US + n, n == 0), NOW_US + n)
    arrived = NOW_US + FRAME_US
    placed = timeline.place(raw(50 * STEP, arrived, False), arrived)
    assert placed is not None
    assert abs(placed[0].utc_us - arrived) <= 1_000


def test_media_time_that_stands_still_is_stamped_by_arrival_without_a_run_each_time() -> None:
    timeline = TrackTimeline(90_000, video=True)
    runs = 0
    for n in range(500):
        arrived = NOW_US + n * FRAME_US
        placed = timeline.place(raw(7, arrived, n % 25 == 0), arrived)
        assert placed is not None
        runs += placed[1]
        assert abs(placed[0].utc_us - arrived) <= 2_000
    assert runs <= 6


def test_a_clock_set_forward_begins_a_run_and_one_set_back_does_not_overlap() -> None:
    for step_us, gaps in ((3_600_000_000, 1), (-3_600_000_000, 0), (-2 * DAY_US, 1)):
        timeline = TrackTimeline(90_000, video=True)
        placed = [
            timeline.place(
                raw(n * STEP, NOW_US + n * FRAME_US, n % 25 == 0),
                NOW_US + n * FRAME_US + (step_us if n >= 500 else 0),
            )
            for n in range(1500)
        ]
        assert sum(p[1] for p in placed if p) == 1 + gaps
        utc = [p[0].utc_us for p in placed if p]
        if step_us > -DAY_US:
            assert utc == sorted(set(utc))
        if gaps:
            assert abs(utc[-1] - (NOW_US + 1499 * FRAME_US + step_us)) < 100_000


def test_a_run_begins_with_a_clean_keyframe_and_after_what_is_recorded() -> None:
    timeline = TrackTimeline(90_000, video=True, floor_us=NOW_US + 5_000_000)
    assert timeline.place(raw(0, NOW_US, False), NOW_US) is None
    assert timeline.place(raw(STEP, NOW_US, True, damaged=True), NOW_US) is None
    placed = timeline.place(raw(2 * STEP, NOW_US), NOW_US)
    assert placed is not None
    assert placed[1]
    assert placed[0].utc_us == NOW_US + 5_000_000
