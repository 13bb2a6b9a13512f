"""The whole gateway with engine processes: configuration in, pictures out, engines killed and stopped."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import psutil
import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa

from common.api.recorder_configuration import RecordedDevice, RecordedHardware, RecorderConfiguration
from common.clients.media import MediaConnection
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import NotSignedIn
from common.foundation.ids import RecorderId
from common.net.tokens import ADMINISTRATORS, AUDIENCE, OPERATORS
from common.protocols.media_channel.messages import (
    Error,
    Record,
    Resume,
    Sequences,
    SequencesQuery,
    State,
    Step,
    Subscribe,
    Unsubscribe,
)
from common.protocols.media_channel.records import RecordFlags
from server.recording.api.listening import bound_socket
from server.recording.gateway import GatewayPlan, RunningGateway, running_gateway
from server.recording.mediadb.reader import MediaDatabaseReader
from tests.support.recorder_rig import CAMERA, CAMERA_2, Viewer, hardware, viewing

KEY = rsa.generate_private_key(65_537, 2048)
ISSUER = "https://management/idp"


def token(jti: str = "1", role: str = "operators") -> str:
    claims = {
        "sub": "user",
        "name": "User",
        "roles": [role],
        "iss": ISSUER,
        "aud": AUDIENCE,
        "jti": jti,
        "exp": SystemClock().now_us() // 1_000_000 + 600,
    }
    return jwt.encode(claims, KEY, "RS256", {"kid": "k"})


def configuration(version: int, *items: RecordedHardware, revoked: tuple[str, ...] = ()) -> RecorderConfiguration:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "k", "use": "sig"}
    return RecorderConfiguration(
        version=version,
        recorder=RecorderId("00000000-0000-4000-8000-0000000000ff"),
        name="Recorder",
        hardware=items,
        jwks=json.dumps({"keys": [public]}),
        issuer=ISSUER,
        revoked=revoked,
    )


@dataclass
class Pushed:
    """A configuration source that a test pushes to."""

    first: RecorderConfiguration
    apply: Callable[[RecorderConfiguration], None] = field(init=False)

    async def run(self, apply: Callable[[RecorderConfiguration], None]) -> None:
        self.apply = apply
        apply(self.first)
        await asyncio.Event().wait()


@asynccontextmanager
async def gateway(
    tmp_path: Path,
    source: Pushed,
    engines: int = 2,
    engine: str = "tests.support.stand_in_engine",
) -> AsyncIterator[tuple[RunningGateway, str]]:
    plan = GatewayPlan(
        tmp_path / "media",
        tmp_path,
        bound_socket("127.0.0.1", 0),
        None,
        engines,
        seal_s=10.0,
        engine_module=engine,
    )
    with contextlib.closing(MediaDatabaseReader(plan.recordings)) as reader:
        async with running_gateway(plan, source, reader, SystemClock()) as running:
            yield running, f"ws://127.0.0.1:{running.port}/media"


def engine_processes(module: str = "tests.support.stand_in_engine") -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if module in p.cmdline()]


def states(viewer: Viewer, sub: int) -> list[str]:
    return [m.state for m in viewer.messages if isinstance(m, State) and m.sub == sub]


async def test_an_engine_that_is_killed_comes_back_and_its_viewers_with_it(tmp_path: Path) -> None:
    source = Pushed(configuration(1, hardware(1), hardware(2)))
    async with gateway(tmp_path, source) as (_, uri), viewing(uri, token()) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA))
        connection.send(Subscribe(2, CAMERA_2))
        await viewer.until(lambda: len(viewer.numbers(1)) > 5 and len(viewer.numbers(2)) > 5)
        processes = engine_processes()
        assert len(processes) == 2
        os.kill(processes[0].pid, signal.SIGKILL)
        await viewer.until(lambda: any("lost" in states(viewer, sub) for sub in (1, 2)))
        hit = next(sub for sub in (1, 2) if "lost" in states(viewer, sub))
        viewer.forget()
        await viewer.until(lambda: len(viewer.numbers(hit)) > 5 and len(viewer.numbers(3 - hit)) > 5)
        first = next(unit for unit in viewer.units if unit.sub == hit)
        assert first.flags & RecordFlags.KEYFRAME
        assert first.flags & RecordFlags.DISCONTINUITY
        assert states(viewer, hit)[-1] == "live"
        assert states(viewer, 3 - hit) == []  # the other camera noticed nothing
        assert not any(unit.flags & RecordFlags.DISCONTINUITY for unit in viewer.units if unit.sub != hit)
    assert engine_processes() == []


async def test_configurations_are_followed_while_viewers_watch(tmp_path: Path) -> None:
    source = Pushed(configuration(1, hardware(1)))
    async with gateway(tmp_path, source, engines=1) as (running, uri), viewing(uri, token("a")) as (viewer, connection):
        assert running.name == "Recorder"
        connection.send(Subscribe(1, CAMERA))
        connection.send(Subscribe(2, CAMERA_2))
        (refused,) = await viewer.until_said("error")
        assert isinstance(refused, Error)
        assert refused.code == "not_found"
        await viewer.until_units(3)
        source.apply(configuration(2, hardware(1, enabled=False), hardware(2)))
        await viewer.until(lambda: "stopped" in states(viewer, 1))
        connection.send(Subscribe(2, CAMERA_2))
        await viewer.until(lambda: len(viewer.numbers(2)) > 3)
        source.apply(configuration(3, hardware(1), hardware(2)))
        count = len(viewer.numbers(1))
        await viewer.until(lambda: len(viewer.numbers(1)) > count + 3)
        source.apply(configuration(4, hardware(1), hardware(2), revoked=("a",)))
        await viewer.connection_ended()
        assert isinstance(viewer.failure(), NotSignedIn)
        with pytest.raises(NotSignedIn):
            async with viewing(uri, token("a")):
                pass
        async with viewing(uri, token("b")):
            pass


async def test_engines_end_with_the_gateway(tmp_path: Path) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        async with gateway(tmp_path, Pushed(configuration(1, hardware(1)))):
            while len(engine_processes()) < 2:
                await asyncio.sleep(0.05)
    assert engine_processes() == []


def test_a_simulated_camera_is_live_recorded_and_played_while_it_is_written(tmp_path: Path) -> None:
    """Everything real: engine, driver, media files and the loop that the recorder runs on."""
    uvloop.run(_live_recorded_and_played(tmp_path))


async def _live_recorded_and_played(tmp_path: Path) -> None:
    module = "server.recording.engine"
    camera = hardware(1, url="simulator:test?width=320&height=180")
    source = Pushed(configuration(1, camera))
    async with (
        gateway(tmp_path, source, engines=1, engine=module) as (_, uri),
        viewing(uri, token()) as (viewer, connection),
    ):
        connection.send(Subscribe(1, CAMERA))
        await viewer.until(lambda: len(viewer.units) > 60, 60.0)
        first = viewer.units[0].utc_us
        connection.send(Unsubscribe(1))
        connection.send(Subscribe(2, CAMERA, from_us=UtcUs(first + 1_000_000), paused=True, generation=1))
        await viewer.until(lambda: any(unit.flags & RecordFlags.TARGET for unit in viewer.units))
        shown = next(unit for unit in viewer.units if unit.flags & RecordFlags.TARGET)
        assert first + 1_000_000 - shown.utc_us < 100_000
        connection.send(Step(2, shown.utc_us, 1, 2))
        await viewer.until(lambda: any(u.flags & RecordFlags.TARGET and u.generation == 2 for u in viewer.units))
        stepped = next(u for u in viewer.units if u.flags & RecordFlags.TARGET and u.generation == 2)
        assert 0 < stepped.utc_us - shown.utc_us < 100_000
        connection.send(Resume(2))
        await viewer.until_said("edge")
        at_edge = viewer.units[-1].utc_us
        await viewer.until(lambda: viewer.units[-1].utc_us > at_edge + 1_000_000)  # what was recorded since
        played = [unit.dts for unit in viewer.units if unit.sub == 2 and unit.generation == 2]
        assert played == sorted(set(played))
        viewer.forget()
        connection.send(Subscribe(3, CAMERA))
        await viewer.until(lambda: len([u for u in viewer.units if u.sub == 3]) > 3)
        os.kill(engine_processes(module)[0].pid, signal.SIGKILL)
        await viewer.until(lambda: "lost" in states(viewer, 3))
        viewer.forget()
        await viewer.until(lambda: len([u for u in viewer.units if u.sub == 3]) > 30, 60.0)
    assert engine_processes(module) == []


async def test_recording_by_hand_and_removed_cameras_outlive_the_gateway(tmp_path: Path) -> None:
    """Everything real; the camera is recorded only by hand, and removed in the end."""
    module, ever = "server.recording.engine", (UtcUs(0), UtcUs(1 << 52))
    camera = hardware(
        1,
        url="simulator:test?width=320&height=180",
        camera=RecordedDevice(id=CAMERA, name="Gate", recording_enabled=False, prebuffer_seconds=0),
        microphone=None,
    )

    async def recorded_until(viewer: Viewer, connection: MediaConnection, spans: int) -> int:
        """Ask until there are so many spans; return the end of the last."""
        async with asyncio.timeout(40):
            while True:
                viewer.forget()
                connection.send(SequencesQuery(9, CAMERA, *ever))
                (answer,) = await viewer.until_said("sequences")
                assert isinstance(answer, Sequences)
                if len(answer.spans) >= spans:
                    return answer.spans[-1][1]
                await asyncio.sleep(0.2)

    ends = []
    for spans in (1, 2):
        source = Pushed(configuration(1, camera))
        async with (
            gateway(tmp_path, source, engines=1, engine=module) as (_, uri),
            viewing(uri, token(role=OPERATORS)) as (viewer, connection),
        ):
            if spans == 1:  # the second time it goes on by itself
                connection.send(Record(1, CAMERA, on=True))
                await viewer.until_said("done")
            ends.append(await recorded_until(viewer, connection, spans))
    assert ends[1] > ends[0]

    async with gateway(tmp_path, Pushed(configuration(2, hardware(2))), engines=1) as (_, uri):
        async with viewing(uri, token(role=OPERATORS)) as (viewer, connection):
            connection.send(Subscribe(1, CAMERA, from_us=UtcUs(ends[0] - 1000), paused=True))
            connection.send(SequencesQuery(2, CAMERA, *ever))
            refused = await viewer.until_said("error", 2)
            assert all(isinstance(error, Error) and error.code == "not_found" for error in refused)
        async with viewing(uri, token(role=ADMINISTRATORS)) as (viewer, connection):
            connection.send(Subscribe(1, CAMERA))  # live it is gone for everybody
            (gone,) = await viewer.until_said("error")
            assert isinstance(gone, Error)
            assert gone.code == "not_found"
            connection.send(Subscribe(2, CAMERA, from_us=UtcUs(ends[0] - 1000), paused=True))
            await viewer.until(lambda: any(unit.flags & RecordFlags.TARGET for unit in viewer.units))
            await recorded_until(viewer, connection, 2)
    kept = json.loads((tmp_path / "remembered.json").read_text())
    assert kept["by_hand"] == []
    assert kept["devices"][CAMERA] == {"kind": "video", "name": "Gate"}


async def test_a_damaged_memory_is_reported_and_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "remembered.json").write_text('{"by_hand": [')
    async with gateway(tmp_path, Pushed(configuration(1, hardware(1)))) as (_, uri), viewing(uri, token()) as viewer:
        viewer[1].send(Subscribe(1, CAMERA))
        await viewer[0].until_units(3)
    assert "recordings by hand and removed devices not known" in caplog.messages
