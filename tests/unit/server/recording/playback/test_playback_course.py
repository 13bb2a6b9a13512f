"""What playback decides to send, driven by hand: no clock, no sockets, recordings in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.media.access_unit import PRIMARY, AccessUnit
from common.protocols.media_channel.records import RecordFlags
from server.recording.mediadb.contract import Gop, TrackKey
from server.recording.playback.course import (
    Due,
    EdgeReached,
    GapFound,
    Landed,
    MoreLater,
    ReadAfter,
    ReadAt,
    ReadBefore,
    Running,
    SendUnits,
    Start,
    course,
)
from tests.support.recorder_rig import CAMERA, FRAME_US, SOUND, T0, VIDEO, ListReader, gops

KEY = TrackKey(CAMERA, PRIMARY)


@dataclass
class Played:
    """What one course did until it had to wait for more recordings, or ended."""

    units: list[tuple[AccessUnit, int]] = field(default_factory=list)
    gaps: list[GapFound] = field(default_factory=list)
    edges: list[EdgeReached] = field(default_factory=list)
    landed: list[UtcUs] = field(default_factory=list)
    due: list[UtcUs] = field(default_factory=list)

    def flagged(self, flag: RecordFlags) -> list[AccessUnit]:
        return [unit for unit, flags in self.units if flags & flag]

    @property
    def sent(self) -> list[AccessUnit]:
        return [unit for unit, _ in self.units]


def reader_of(recorded: list[Gop]) -> ListReader:
    reader = ListReader()
    reader.tracks[KEY] = recorded
    return reader


def steps(start: Start, reader: ListReader, played: Played, running_at: UtcUs = T0) -> Iterator[None]:
    """Drive a course; yields whenever it waits for more to be recorded."""
    going = course(start)
    answer: Gop | UtcUs | None = None
    try:
        while True:
            effect = going.send(answer)
            answer = None
            if isinstance(effect, ReadAt):
                answer = reader.gop_at(KEY, effect.at)
            elif isinstance(effect, ReadAfter):
                answer = reader.gop_after(KEY, effect.at)
            elif isinstance(effect, ReadBefore):
                answer = reader.gop_before(KEY, effect.at)
            elif isinstance(effect, SendUnits):
                assert effect.units
                played.units += effect.units
            elif isinstance(effect, GapFound):
                played.gaps.append(effect)
            elif isinstance(effect, EdgeReached):
                played.edges.append(effect)
            elif isinstance(effect, Landed):
                played.landed.append(effect.at)
            elif isinstance(effect, Due):
                played.due.append(effect.at)
            elif isinstance(effect, Running):
                answer = running_at
            else:
                assert isinstance(effect, MoreLater)
                yield
    except StopIteration:
        return


def played_through(start: Start, recorded: list[Gop], running_at: UtcUs = T0) -> Played:
    played = Played()
    for _ in steps(start, reader_of(recorded), played, running_at):
        break
    return played


def first_send(start: Start, recorded: list[Gop]) -> Played:
    """Only what a paused group is sent."""
    played, going, reader = Played(), course(start), reader_of(recorded)
    answer: Gop | UtcUs | None = None
    while True:
        effect = going.send(answer)
        answer = None
        if isinstance(effect, (Running, MoreLater)):
            return played
        if isinstance(effect, ReadAt):
            answer = reader.gop_at(KEY, effect.at)
        elif isinstance(effect, ReadAfter):
            answer = reader.gop_after(KEY, effect.at)
        elif isinstance(effect, ReadBefore):
            answer = reader.gop_before(KEY, effect.at)
        elif isinstance(effect, SendUnits):
            played.units += effect.units
        elif isinstance(effect, Landed):
            played.landed.append(effect.at)
        elif isinstance(effect, EdgeReached):
            played.edges.append(effect)
        elif isinstance(effect, GapFound):
            played.gaps.append(effect)


@st.composite
def recordings(draw: st.DrawFn) -> list[Gop]:
    """Runs of GOPs with gaps between them; within a GOP pictures may be shown in another order than sent."""
    recorded: list[Gop] = []
    at = T0
    for _ in range(draw(st.integers(0, 4))):
        for gop in gops(at, draw(st.integers(1, 3)), draw(st.integers(1, 6)), first=len(recorded) * 100):
            units = list(gop.units)
            if len(units) > 3 and draw(st.booleans()):  # B-frame order: I P B B
                units[1:4] = [units[3], units[1], units[2]]
            recorded.append(replace(gop, units=tuple(units)))
        at = UtcUs(recorded[-1].end + draw(st.integers(1, 60)) * 1_000_000)
    return recorded


MOMENTS = st.integers(-1000, 200).map(lambda n: UtcUs(T0 + n * 500_000 // 7)) | st.integers(0, 40).map(
    lambda n: UtcUs(T0 + n * FRAME_US)
)


def gaps_of(recorded: list[Gop]) -> list[tuple[UtcUs, UtcUs]]:
    return [(a.end, b.start) for a, b in pairwise(recorded) if b.start > a.end]


@given(recordings(), MOMENTS)
def test_forward_everything_from_the_gop_on_is_sent_once_and_in_order(recorded: list[Gop], at: UtcUs) -> None:
    played = played_through(Start(at), recorded)
    shown = [i for i, gop in enumerate(recorded) if gop.start <= at < gop.end]
    later = [i for i, gop in enumerate(recorded) if gop.start > at]
    first = (shown or later or [len(recorded)])[0]
    assert played.sent == [unit for gop in recorded[first:] for unit in gop.units]
    assert [edge.at for edge in played.edges] == [recorded[-1].end if recorded else at]
    expected = gaps_of(recorded[first:])
    if not shown:
        before = [gop for gop in recorded if gop.start <= at]
        start = before[-1].end if before else UtcUs(0)
        end = recorded[first].start if first < len(recorded) else None
        assert played.gaps[0] == GapFound(start, end)
        played.gaps.pop(0)
    assert [(gap.start, gap.end) for gap in played.gaps] == expected
    if played.units:
        (target,) = played.flagged(RecordFlags.TARGET)
        if shown:
            assert target.utc_us <= at
            assert not [u for u in recorded[first].units if target.utc_us < u.utc_us <= at]
        preroll = played.flagged(RecordFlags.PREROLL)
        assert preroll == [u for u in recorded[first].units if u.utc_us < target.utc_us]
        assert played.units[0][1] & RecordFlags.DISCONTINUITY
        ends = played.flagged(RecordFlags.END_OF_GOP)
        assert ends == [gop.units[-1] for gop in recorded[first:]]


@given(recordings(), MOMENTS)
def test_backward_whole_gops_come_newest_first(recorded: list[Gop], at: UtcUs) -> None:
    played = played_through(Start(at, -1.0), recorded)
    begun = [gop for gop in recorded if gop.start <= at]
    assert played.sent == [unit for gop in reversed(begun) for unit in gop.units]
    if begun:
        assert [edge.at for edge in played.edges] == [recorded[0].start]
        (target,) = played.flagged(RecordFlags.TARGET)
        assert played.flagged(RecordFlags.PREROLL) == [u for u in begun[-1].units if u.utc_us > target.utc_us]
        told = [(gap.start, gap.end) for gap in played.gaps]
        assert told[-len(gaps_of(begun)) :] == gaps_of(begun)[::-1] or not gaps_of(begun)


@given(recordings(), st.sampled_from([8.0, -8.0]))
def test_fast_only_keyframes_are_sent(recorded: list[Gop], speed: float) -> None:
    at = recorded[-1].start if recorded and speed < 0 else T0
    played = played_through(Start(at, speed), recorded)
    keyframes = [gop.units[0] for gop in recorded]
    assert played.sent == (keyframes if speed > 0 else keyframes[::-1])
    assert played.flagged(RecordFlags.END_OF_GOP) == played.sent


@given(recordings())
def test_steps_walk_over_every_picture_and_back(recorded: list[Gop]) -> None:
    pictures = sorted(unit.utc_us for gop in recorded for unit in gop.units)
    if not pictures:
        assert first_step_edge(recorded)
        return
    for direction, walk in ((1, pictures), (-1, pictures[::-1])):
        for here, there in pairwise(walk):
            played = first_send(Start(here, step=direction), recorded)
            assert [u.utc_us for u in played.flagged(RecordFlags.TARGET)] == [there]
            assert played.landed == [there]
            low, high = sorted((here, there))
            assert bool(played.gaps) == any(low < start and end <= high for start, end in gaps_of(recorded))
        end = first_send(Start(walk[-1], step=direction), recorded)
        assert [u.utc_us for u in end.flagged(RecordFlags.TARGET)] == [walk[-1]]
        assert len(end.edges) == 1


def first_step_edge(recorded: list[Gop]) -> bool:
    return all(len(played_through(Start(T0, step=direction), recorded).edges) == 1 for direction in (1, -1))


def test_the_growing_gop_is_continued_where_it_was_left() -> None:
    whole = gops(T0, 3, units=10)
    reader, played = reader_of([]), Played()
    going = steps(Start(T0), reader, played)
    next(going)
    assert played.gaps == [GapFound(UtcUs(0), None)]
    for count in (3, 7):
        cut = replace(whole[0], units=whole[0].units[:count], growing=True, end=UtcUs(T0 + count * FRAME_US))
        reader.tracks[KEY] = [cut]
        next(going)
        assert len(played.units) == (3 if count == 3 else 7)
    reader.tracks[KEY] = whole[:2]
    next(going)
    reader.tracks[KEY] = whole
    next(going)
    assert played.sent == [unit for gop in whole for unit in gop.units]
    assert played.flagged(RecordFlags.END_OF_GOP) == [gop.units[-1] for gop in whole]
    assert [edge.at for edge in played.edges] == [T0, UtcUs(T0 + 3 * FRAME_US)]


def test_a_growing_gop_that_is_deleted_does_not_stop_playback() -> None:
    early, late = gops(T0, 1, units=5)[0], gops(UtcUs(T0 + 5_000_000), 1)[0]
    reader, played = reader_of([replace(early, growing=True)]), Played()
    going = steps(Start(T0), reader, played)
    next(going)
    reader.tracks[KEY] = [late]
    next(going)
    assert played.sent == [*early.units, *late.units]


def test_what_is_not_needed_to_decode_the_wanted_picture_is_left_out() -> None:
    block = gops(T0, 1)[0]
    block = replace(block, units=tuple(replace(unit, keyframe=True) for unit in block.units))
    for start in (Start(block.units[20].utc_us), Start(block.units[19].utc_us, step=1)):
        played = first_send(start, [block])
        assert played.sent == list(block.units[20:])
        assert played.flagged(RecordFlags.TARGET) == played.flagged(RecordFlags.DISCONTINUITY) == [block.units[20]]
        assert played.flagged(RecordFlags.PREROLL) == []
    assert first_send(Start(block.units[20].utc_us, speed=8.0), [block]).sent == [block.units[0]]


def test_sound_starts_where_the_group_runs_and_only_forward() -> None:
    sound = gops(T0, 4, config=SOUND)
    played = played_through(Start(T0, sound=True), sound, running_at=UtcUs(T0 + 30 * FRAME_US))
    assert played.sent == [unit for block in sound[1:] for unit in block.units]
    assert played.flagged(RecordFlags.TARGET) == []
    assert played.flagged(RecordFlags.PREROLL) == list(sound[1].units[:5])
    for speed in (-1.0, 8.0):
        assert played_through(Start(T0, speed, sound=True), sound).units == []


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_media_is_due_where_its_playing_begins(speed: float) -> None:
    recorded = gops(T0, 4)
    played = played_through(Start(recorded[1].start, speed), recorded)
    expected = [gop.start for gop in recorded[2:]] if speed > 0 else [recorded[0].end]
    assert played.due == expected
    assert VIDEO  # one configuration throughout
