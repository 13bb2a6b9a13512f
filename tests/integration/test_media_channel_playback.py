"""Playback over the real path: WebSocket, session, groups, reading pool; recordings in memory."""

import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from common.media.access_unit import PRIMARY
from common.protocols.media_channel.messages import (
    Edge,
    Error,
    Gap,
    Pause,
    Position,
    Resume,
    Seek,
    Sequences,
    SequencesQuery,
    Speed,
    Step,
    Subscribe,
    Unsubscribe,
)
from common.protocols.media_channel.records import RecordFlags, RecordKind
from server.recording.mediadb.contract import TrackKey
from tests.support.recorder_rig import (
    CAMERA,
    CAMERA_2,
    FRAME_US,
    MICROPHONE,
    SOUND,
    T0,
    Rig,
    Viewer,
    gops,
    picture_number,
    recorder_rig,
    viewing,
)

KEY = TrackKey(CAMERA, PRIMARY)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder)) as running:
            yield running


def at(number: float) -> UtcUs:
    return UtcUs(round(T0 + number * FRAME_US))


def target(viewer: Viewer, generation: int) -> int | None:
    """The picture that was asked for in a generation, once it has come."""
    for unit in viewer.units:
        if unit.flags & RecordFlags.TARGET and unit.generation == generation:
            return picture_number(unit)
    return None


async def test_a_paused_subscription_gets_the_gop_that_shows_the_instant(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 100)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(60.5), paused=True, generation=3))
        await viewer.until_units(25)
        assert viewer.numbers() == list(range(50, 75))
        assert target(viewer, 3) == 60
        assert [picture_number(u) for u in viewer.units if u.flags & RecordFlags.PREROLL] == list(range(50, 60))
        assert all(u.flags & RecordFlags.RECORDED for u in viewer.units)
        assert viewer.units[-1].flags & RecordFlags.END_OF_GOP
        connection.send(Seek(1, at(1234), 4))
        await viewer.until(lambda: target(viewer, 4) is not None)
        assert target(viewer, 4) == 1234
        for number, count in enumerate((1, 1, -1), 5):
            shown = target(viewer, number - 1)
            assert shown is not None
            connection.send(Step(1, at(shown), count, number))
            await viewer.until(lambda wanted=number: target(viewer, wanted) is not None)  # type: ignore[misc]
        assert [target(viewer, g) for g in (5, 6, 7)] == [1235, 1236, 1235]


async def test_running_playback_is_sent_ahead_of_the_playhead_and_not_much_more(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 3600)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(0)))
        await viewer.until_units(75)  # playhead + 2 s: GOPs that start at 0, 1 and 2 s
        connection.send(Pause(1))
        connection.send(Seek(1, at(2500), 1))
        await viewer.until(lambda: target(viewer, 1) == 2500)
        assert max(u.utc_us for u in viewer.units if u.generation == 0) < at(0) + 15_000_000
        connection.send(Resume(1))
        await viewer.until(lambda: len([u for u in viewer.units if u.generation == 1]) >= 75)
        numbers = [picture_number(u) for u in viewer.units if u.generation == 1]
        assert numbers == list(range(2500, 2500 + len(numbers)))


async def test_the_clients_position_moves_the_pacing(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 3600)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(0)))
        await viewer.until_units(50)
        connection.send(Position(1, at(1000)))
        await viewer.until(lambda: viewer.numbers()[-1] >= 1040)
        assert viewer.numbers() == list(range(len(viewer.units)))


async def test_backward_comes_newest_gop_first(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 10)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(110), speed=-4.0))
        (edge,) = await viewer.until_said("edge")
        assert edge == Edge(1, 0, T0)
        assert viewer.numbers() == [n for gop in (100, 75, 50, 25, 0) for n in range(gop, gop + 25)]
        assert [picture_number(u) for u in viewer.units if u.flags & RecordFlags.PREROLL] == list(range(111, 125))
        assert target(viewer, 0) == 110


async def test_fast_playback_sends_keyframes_only(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 3600)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(0), paused=True))
        await viewer.until_units(25)
        connection.send(Resume(1))
        connection.send(Speed(1, 32.0, at(100), 1))
        await viewer.until(lambda: len([u for u in viewer.units if u.generation == 1]) >= 60)
        fast = [u for u in viewer.units if u.generation == 1]
        assert [picture_number(u) for u in fast] == list(range(100, 100 + 25 * len(fast), 25))


async def test_a_gap_is_announced_and_playback_goes_on_after_it(rig: Rig) -> None:
    after = UtcUs(T0 + 60_000_000)
    rig.reader.tracks[KEY] = gops(T0, 1) + gops(after, 2, first=1000)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(0)))
        (gap,) = await viewer.until_said("gap")
        assert gap == Gap(1, 0, at(25), after)
        connection.send(Seek(1, UtcUs(T0 + 30_000_000), 1))
        await viewer.until(lambda: target(viewer, 1) is not None)
        assert target(viewer, 1) == 1000
        assert viewer.said("gap")[-1] == Gap(1, 1, at(25), after)
        first = next(u for u in viewer.units if u.generation == 1)
        assert first.flags & RecordFlags.DISCONTINUITY
        connection.send(Pause(1))
        connection.send(Seek(1, UtcUs(after + 3_600_000_000), 2))
        gaps = await viewer.until_said("gap", 3)
        assert gaps[-1] == Gap(1, 2, UtcUs(after + 50 * FRAME_US), None)
        edge = (await viewer.until_said("edge"))[-1]
        assert isinstance(edge, Edge)
        assert edge.at_us == UtcUs(after + 50 * FRAME_US)


async def test_what_is_recorded_later_follows_at_the_edge(rig: Rig) -> None:
    whole = gops(T0, 4)
    growing = replace(whole[1], units=whole[1].units[:10], end=at(35), growing=True)
    rig.reader.tracks[KEY] = [whole[0], growing]
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(3)))
        (edge,) = await viewer.until_said("edge")
        assert edge == Edge(1, 0, at(35))
        rig.reader.tracks[KEY] = [whole[0], replace(whole[1], units=whole[1].units[:20], end=at(45), growing=True)]
        await viewer.until_units(45)
        rig.reader.tracks[KEY] = whole
        await viewer.until_units(100)
        assert viewer.numbers() == list(range(100))
        assert len(viewer.said("edge")) == 1


async def test_cameras_and_sound_of_a_group_share_a_playhead(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 100)
    rig.reader.tracks[TrackKey(CAMERA_2, PRIMARY)] = gops(T0, 100, first=50_000)
    rig.reader.tracks[TrackKey(MICROPHONE, PRIMARY)] = gops(T0, 100, config=SOUND, first=90_000)
    async with viewing(rig.uri) as (viewer, connection):
        for sub, device in ((1, CAMERA), (2, CAMERA_2), (3, MICROPHONE)):
            connection.send(Subscribe(sub, device, from_us=at(0), group=9, paused=True))
        await viewer.until(lambda: len(viewer.numbers(1)) >= 25 and len(viewer.numbers(2)) >= 25)
        assert viewer.numbers(3) == []  # no sound while paused
        connection.send(Seek(9, at(500), 1))
        connection.send(Resume(9))
        await viewer.until(lambda: all(len(viewer.numbers(sub)) > 60 for sub in (1, 2, 3)))
        assert {u.generation for u in viewer.units if u.sub == 3} == {1}
        sound = [u for u in viewer.units if u.sub == 3]
        assert sound[0].kind is RecordKind.AUDIO
        assert sound[0].utc_us == at(500)
        connection.send(Unsubscribe(1))
        connection.send(Seek(9, at(1000), 2))
        await viewer.until(lambda: target(viewer, 2) is not None)
        assert {u.sub for u in viewer.units if u.generation == 2} <= {2, 3}


async def test_of_many_seeks_the_newest_is_answered(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 3600)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA, from_us=at(0), paused=True))
        for number in range(1, 101):
            connection.send(Seek(1, at(number * 100), number))
        await viewer.until(lambda: target(viewer, 100) is not None)
        assert target(viewer, 100) == 10_000
        assert rig.reader.reads < 150


async def test_sequences_are_answered_and_storage_faults_are_told(rig: Rig) -> None:
    rig.reader.tracks[KEY] = gops(T0, 2) + gops(UtcUs(T0 + 60_000_000), 1)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(SequencesQuery(5, CAMERA, UtcUs(0), UtcUs(T0 * 2)))
        (spans,) = await viewer.until_said("sequences")
        assert spans == Sequences(5, ((T0, at(50)), (UtcUs(T0 + 60_000_000), UtcUs(T0 + 61_000_000))))
        rig.reader.fail_with = StorageError("disk on fire", path="/media")
        connection.send(SequencesQuery(6, CAMERA, UtcUs(0), UtcUs(T0 * 2)))
        connection.send(Subscribe(1, CAMERA, from_us=at(0)))
        errors = await viewer.until_said("error", 2)
        assert {(e.id, e.sub, e.code) for e in errors if isinstance(e, Error)} == {
            (6, None, "storage"),
            (None, 1, "storage"),
        }
