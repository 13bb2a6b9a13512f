"""Gaps with their reasons, and timelines, over the media channel."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.foundation.clock import US_PER_S, UtcUs
from common.protocols.media_channel.messages import Error, Gaps, GapsQuery, Timeline, TimelineQuery
from server.recording.ledger.keeper import LedgerKeeper
from server.recording.ledger.reasons import ASSIGNED, Reason
from server.recording.mediadb.contract import TrackKey
from tests.support.hand_clock import HandClock
from tests.support.recorder_rig import CAMERA, CAMERA_2, PRIMARY, T0, Rig, gops, recorder_rig, viewing

KEY = TrackKey(CAMERA, PRIMARY)
LENGTH_S = 1000


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder)) as running:
            yield running


def lost_for_a_while(data: Path) -> None:
    """A ledger of the time from T0 on: the device is lost from 300 s to 500 s."""
    clock = HandClock()
    clock.wall_us = T0
    keeper = LedgerKeeper(data, clock)
    keeper.open(CAMERA, ASSIGNED)
    clock.pass_by(300 * US_PER_S)
    keeper.open(CAMERA, Reason.DEVICE_LOST, "It closed the connection.")
    clock.pass_by(200 * US_PER_S)
    keeper.close_(CAMERA, {Reason.DEVICE_LOST})
    clock.pass_by((LENGTH_S - 500) * US_PER_S)
    keeper.end()
    keeper.write_now()


async def test_gaps_tell_their_reasons(rig: Rig) -> None:
    lost_for_a_while(rig.data)
    second_us = UtcUs(T0 + 500 * US_PER_S)
    rig.reader.tracks[KEY] = gops(T0, 300) + gops(second_us, LENGTH_S - 500)
    end = UtcUs(T0 + LENGTH_S * US_PER_S)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(GapsQuery(1, CAMERA, T0, end))
        connection.send(GapsQuery(2, CAMERA_2, T0, end))
        connection.send(GapsQuery(3, CAMERA, UtcUs(T0 - US_PER_S), end, limit=1))
        await viewer.until_said("gaps", 3)
        answers = {message.id: message for message in viewer.messages if isinstance(message, Gaps)}
    lost = (UtcUs(T0 + 300 * US_PER_S), second_us, "device_lost", "It closed the connection.")
    assert answers[1] == Gaps(1, (lost,))
    assert [gap[2] for gap in answers[2].gaps] == ["policy"]  # never configured
    assert not answers[3].complete
    assert len(answers[3].gaps) == 1


async def test_a_timeline_tells_shares_and_reasons(rig: Rig) -> None:
    lost_for_a_while(rig.data)
    rig.reader.tracks[KEY] = gops(T0, 300) + gops(UtcUs(T0 + 500 * US_PER_S), LENGTH_S - 500)
    end = UtcUs(T0 + LENGTH_S * US_PER_S)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(TimelineQuery(1, (CAMERA, CAMERA_2), T0, end, 8))  # of 125 s each
        (answer,) = await viewer.until_said("timeline")
        assert isinstance(answer, Timeline)
        first, second = answer.tracks
        assert list(first.shares) == [255, 255, 102, 0, 255, 255, 255, 255]
        assert [r and answer.reasons[r - 1] for r in first.reasons] == [0, 0, *["device_lost"] * 2, 0, 0, 0, 0]
        assert list(second.shares) == [0] * 8
        assert {answer.reasons[r - 1] for r in second.reasons} == {"policy"}
        connection.send(TimelineQuery(2, ("nobody",), T0, end, 8))  # type: ignore[arg-type]
        (refused,) = await viewer.until_said("error")
        assert isinstance(refused, Error)
        assert (refused.id, refused.code) == (2, "not_found")
