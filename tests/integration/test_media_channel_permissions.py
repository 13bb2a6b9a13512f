"""Permissions as the recorder enforces them: by verb and device, at once when they change, without management."""

from pathlib import Path

import pytest

from common.clients.media import MediaConnection
from common.foundation.clock import UtcUs
from common.media.access_unit import PRIMARY
from common.model.permissions import CAMERAS, OVERALL, Grant, Verb
from common.protocols.media_channel.messages import GapsQuery, Record, SequencesQuery, Subscribe, TimelineQuery
from tests.support.recorder_rig import (
    CAMERA,
    CAMERA_2,
    MICROPHONE,
    Rig,
    Viewer,
    configuration,
    hardware,
    recorder_rig,
    viewing,
)

LIVE = CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE)
RECORDED = CAMERAS.mask(Verb.READ, Verb.PLAYBACK)


def grant(rig: Rig, *grants: Grant) -> None:
    """What a configuration with these permissions does to the recorder."""
    rig.access.replace(configuration(hardware(1), hardware(2), grants=grants))
    rig.server.permissions_changed()


async def codes(viewer: Viewer, count: int) -> list[str]:
    errors = await viewer.until_said("error", count)
    return [error.code for error in errors]  # type: ignore[attr-defined]


def live(connection: MediaConnection, sub: int, device: str = CAMERA) -> None:
    connection.send(Subscribe(sub, device, PRIMARY))  # type: ignore[arg-type]


async def test_each_verb_needs_its_permission(tmp_path: Path) -> None:
    async with recorder_rig(tmp_path) as rig:
        grant(rig, Grant("viewers", CAMERAS.id, CAMERA, LIVE), Grant("viewers", CAMERAS.id, CAMERA_2, RECORDED))
        rig.announce()
        async with viewing(rig.uri) as (viewer, connection):
            live(connection, 1)
            live(connection, 2, CAMERA_2)
            live(connection, 3, MICROPHONE)
            connection.send(Subscribe(4, CAMERA, PRIMARY, UtcUs(0)))
            assert await codes(viewer, 3) == ["not_permitted"] * 3
            assert {error.sub for error in viewer.said("error")} == {2, 3, 4}  # type: ignore[attr-defined]
            assert [said.sub for said in await viewer.until_said("subscribed")] == [1]  # type: ignore[attr-defined]
            viewer.forget()
            connection.send(Subscribe(5, CAMERA_2, PRIMARY, UtcUs(0)))
            await viewer.until_said("subscribed")
            day = UtcUs(86_400_000_000)
            connection.send(SequencesQuery(1, CAMERA, UtcUs(0), day))
            connection.send(GapsQuery(2, CAMERA, UtcUs(0), day))
            connection.send(TimelineQuery(3, (CAMERA_2, CAMERA), UtcUs(0), day, 10))
            connection.send(Record(4, CAMERA, True))
            assert await codes(viewer, 4) == ["not_permitted"] * 4
            assert rig.manual.said == []


async def test_what_stands_in_hardware_or_a_group_inherits(tmp_path: Path) -> None:
    async with recorder_rig(tmp_path) as rig:
        camera = hardware(1).camera.model_copy(update={"within": ("gate",)})
        items = hardware(1, camera=camera), hardware(2)
        whole = configuration(
            *items, grants=[Grant("viewers", CAMERAS.id, "gate", LIVE), Grant("viewers", CAMERAS.id, items[1].id, LIVE)]
        )
        rig.access.replace(whole)
        async with viewing(rig.uri) as (viewer, connection):
            live(connection, 1)
            live(connection, 2, CAMERA_2)
            await viewer.until_said("subscribed", 2)


async def test_a_permission_that_is_taken_away_ends_what_runs(tmp_path: Path) -> None:
    async with recorder_rig(tmp_path) as rig:
        rig.announce()
        async with viewing(rig.uri) as (viewer, connection):
            live(connection, 1)
            connection.send(Subscribe(2, CAMERA, PRIMARY, UtcUs(0)))
            await viewer.until_said("subscribed", 2)
            viewer.forget()
            grant(rig, Grant("viewers", CAMERAS.id, OVERALL, LIVE))
            assert await codes(viewer, 1) == ["not_permitted"]
            assert viewer.said("error")[0].sub == 2  # type: ignore[attr-defined]
            grant(rig)
            await codes(viewer, 2)
            assert viewer.said("error")[1].sub == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("profile", ["", "night"])
async def test_a_denial_wins_and_an_unknown_time_profile_never_widens(tmp_path: Path, profile: str) -> None:
    async with recorder_rig(tmp_path) as rig:
        denied = Grant("viewers", CAMERAS.id, OVERALL, deny=LIVE, profile=profile)
        grant(rig, Grant("viewers", CAMERAS.id, CAMERA, LIVE), denied)
        async with viewing(rig.uri) as (viewer, connection):
            live(connection, 1)
            assert await codes(viewer, 1) == ["not_permitted"]
        grant(rig, Grant("viewers", CAMERAS.id, CAMERA, LIVE, profile="night"))
        async with viewing(rig.uri) as (viewer, connection):
            live(connection, 1)
            assert await codes(viewer, 1) == ["not_permitted"]


async def test_administrators_may_do_everything(tmp_path: Path) -> None:
    async with recorder_rig(tmp_path) as rig:
        grant(rig)
        async with viewing(rig.uri, "administrators") as (viewer, connection):
            live(connection, 1)
            connection.send(Record(1, CAMERA, True))
            await viewer.until_said("subscribed")
            await viewer.until_said("done")
            assert rig.manual.said == [(CAMERA, True)]
