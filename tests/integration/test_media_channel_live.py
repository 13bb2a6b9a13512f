"""Live pictures over the real path: bus, Unix socket, relay, WebSocket, client library."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.media.access_unit import Codec, CodecConfig
from common.protocols.media_channel.messages import Error, State, Subscribe, Subscribed, Unsubscribe
from common.protocols.media_channel.records import RecordFlags, RecordKind, config_of
from server.recording.ingest.bus import DeviceState
from tests.support.recorder_rig import CAMERA, CAMERA_2, VIDEO, Rig, recorder_rig, viewing


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder)) as running:
            yield running


async def test_a_viewer_gets_the_current_gop_at_once_and_then_each_unit(rig: Rig) -> None:
    rig.announce()
    for number in range(10):
        rig.publish(number, keyframe=number == 0)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(7, CAMERA))
        await viewer.until_units(10)
        assert viewer.said("subscribed") == [Subscribed(7, "video")]
        assert viewer.media[0].kind is RecordKind.CONFIG
        assert config_of(viewer.media[0]) == VIDEO
        assert viewer.numbers() == list(range(10))
        assert [bool(u.flags & RecordFlags.PREROLL) for u in viewer.units] == [True] * 9 + [False]
        assert viewer.units[0].flags & RecordFlags.DISCONTINUITY
        assert viewer.units[0].flags & RecordFlags.KEYFRAME
        rig.publish(10)
        await viewer.until_units(11)
        assert not viewer.units[-1].flags & RecordFlags.PREROLL
        assert [r.sequence for r in viewer.media] == list(range(12))


async def test_viewers_share_one_subscription_and_late_ones_get_the_gop_from_the_gateway(rig: Rig) -> None:
    rig.announce()
    async with viewing(rig.uri) as (first, one), viewing(rig.uri) as (second, two):
        one.send(Subscribe(1, CAMERA))
        await first.until_said("state")
        rig.publish(0, keyframe=True)
        rig.publish(1)
        await first.until_units(2)
        two.send(Subscribe(2, CAMERA))
        await second.until_units(2)
        rig.publish(2)
        await second.until_units(3)
        await first.until_units(3)
        assert first.numbers() == second.numbers() == [0, 1, 2]
        one.send(Unsubscribe(1))
        rig.publish(3)
        await second.until_units(4)


async def test_states_of_a_camera_reach_its_viewer(rig: Rig) -> None:
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA))
        states = await viewer.until_said("state")
        assert isinstance(states[0], State)
        assert states[0].state == "connecting"
        rig.announce()
        rig.publish(0, keyframe=True)
        await viewer.until_units(1)
        rig.bus.publish_state(CAMERA, DeviceState("lost", UtcUs(5), "The camera closed the connection."))
        await viewer.until(lambda: any(isinstance(m, State) and m.state == "lost" for m in viewer.messages))
        assert viewer.messages[-1] == State(1, "lost", UtcUs(5), "The camera closed the connection.")
        rig.announce()
        rig.publish(1)  # not a keyframe: nothing that a viewer could decode
        rig.publish(2, keyframe=True)
        await viewer.until_units(2)
        assert viewer.numbers() == [0, 2]
        assert viewer.units[-1].flags & RecordFlags.DISCONTINUITY


async def test_a_changed_configuration_comes_before_its_first_unit(rig: Rig) -> None:
    rig.announce()
    rig.publish(0, keyframe=True)
    other = CodecConfig(Codec.H265, 90_000, b"hvcC", 1920, 1080)
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA))
        await viewer.until_units(1)
        rig.announce(config=other)
        rig.publish(1, keyframe=True)
        await viewer.until_units(2)
        assert [r.kind for r in viewer.media] == [0, 1, 0, 1]
        assert config_of(viewer.media[2]) == other


async def test_an_unknown_device_is_refused_with_a_sentence(rig: Rig) -> None:
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(3, CAMERA_2))
        connection.send(Subscribe(4, type(CAMERA)("nowhere")))
        (error,) = await viewer.until_said("error")
        assert isinstance(error, Error)
        assert (error.sub, error.code) == (4, "not_found")
        assert "nowhere" in error.message
        rig.announce(CAMERA_2)
        rig.publish(0, keyframe=True, device=CAMERA_2)
        await viewer.until_units(1)
