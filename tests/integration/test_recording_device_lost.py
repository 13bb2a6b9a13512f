"""One device through ingest to files: lost, silent, refused, buggy, recorded by hand, and back again."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from common.api.recorder_configuration import RecordedDevice, RecordedHardware
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import DeviceError
from common.foundation.ids import DeviceId, HardwareId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig, TrackName
from server.recording.drivers.contract import DeviceAddress, DeviceSink, DeviceTrack, RawUnit
from server.recording.engine.hardware import Assignment, Engine
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.settings import WriterSettings
from server.recording.storages.reading import StoragesReader
from server.recording.storages.writers import StorageWriters
from tests.support.media_samples import audio_sample, video_sample

CAMERA = DeviceId("11111111-1111-4111-8111-111111111111")
KEY = TrackKey(CAMERA, PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
HARDWARE = RecordedHardware(id=HardwareId("h"), name="Gate", url="test:", camera=RecordedDevice(id=CAMERA, name="Gate"))


class FastClock(SystemClock):
    """Time that also passes by pictures being sent, and waits that take a hundredth of what they should."""

    rate = 1

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now_us(self) -> UtcUs:
        return UtcUs(super().now_us() + int(self.passed_s * 1_000_000))

    def monotonic_s(self) -> float:
        return super().monotonic_s() * self.rate + self.passed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


class RacingClock(FastClock):
    """Ten seconds pass in a tenth of one."""

    rate = 100


class FakeCamera:
    """A driver that sends a second of video at a time when it is told to, and fails when told to."""

    def __init__(self, clock: FastClock) -> None:
        self.clock = clock
        self.orders: asyncio.Queue[BaseException | int] = asyncio.Queue()
        self.config, self.sample = video_sample(frames=250, gop=25)
        self.connections = 0

    async def run(self, address: DeviceAddress, sink: DeviceSink) -> None:
        self.connections += 1
        sink.tracks([DeviceTrack(address.camera, PRIMARY, self.config)])
        sent = 0
        while True:
            order = await self.orders.get()
            if isinstance(order, BaseException):
                raise order
            for unit in self.sample[sent : sent + order]:
                self.clock.passed_s += 0.04
                arrival_s = self.clock.monotonic_s()
                sink.unit(0, RawUnit(unit.data, unit.pts, unit.dts, unit.keyframe, arrival_s))
            sent += order


class Listener:
    """A bus consumer that remembers."""

    def __init__(self, *, failing: bool = False) -> None:
        self.states: list[DeviceState] = []
        self.units: list[AccessUnit] = []
        self._failing = failing

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None:
        if self._failing:
            raise RuntimeError

    def unit(self, device: DeviceId, track: TrackName, unit: AccessUnit) -> None:
        if self._failing:
            raise RuntimeError
        self.units.append(unit)

    def state(self, device: DeviceId, state: DeviceState) -> None:
        if self._failing:
            raise RuntimeError
        self.states.append(state)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def with_engine(root: Path, test: "Test", clock: FastClock | None = None) -> None:
    clock = clock or FastClock()
    camera, bus, listener = FakeCamera(clock), AccessUnitBus(), Listener()
    bus.subscribe(Listener(failing=True))
    bus.subscribe(listener)
    settings = WriterSettings(min_free_bytes=0, cleaning_interval_s=3600)
    reader = StoragesReader(root)
    async with (
        StorageWriters(root, root / "data", SystemClock(), settings, print) as storages,
        asyncio.TaskGroup() as tasks,
    ):
        engine = Engine(storages, reader, bus, clock, tasks, drivers=lambda _: camera)
        await test(engine, camera, listener, bus)
        await engine.stop()
    reader.close()


Test = Callable[[Engine, FakeCamera, Listener, AccessUnitBus], "asyncio.Future[None]"]


def stored(root: Path) -> tuple[CodecConfig | None, list[bytes], int]:
    reader = MediaDatabaseReader(root)
    data, at, config = [], UtcUs(0), None
    while (gop := reader.gop_after(KEY, at)) is not None:
        data += [unit.data for unit in gop.units]
        at, config = gop.start, gop.config
    spans = len(reader.sequences(KEY, EVER))
    reader.close()
    return config, data, spans


async def test_a_device_that_drops_and_returns_is_recorded_in_two_runs(tmp_path: Path) -> None:
    async def test(engine: Engine, camera: FakeCamera, listener: Listener, bus: AccessUnitBus) -> None:
        await engine.apply(Assignment(hardware=(HARDWARE,)))
        camera.orders.put_nowait(40)
        await until(lambda: len(listener.units) == 40)
        current = bus.current(CAMERA, PRIMARY)
        assert current is not None
        assert len(current[1]) == 15  # since the second keyframe
        camera.orders.put_nowait(DeviceError("connection reset", camera="Gate"))
        await until(lambda: listener.states and listener.states[-1].state == "lost")
        assert "connection reset" in listener.states[-1].reason
        camera.orders.put_nowait(ZeroDivisionError("a bug in a driver"))
        camera.orders.put_nowait(30)
        await until(lambda: len(listener.units) == 70)
        assert listener.states[-1].state == "live"
        assert camera.connections == 3
        await engine.apply(Assignment())
        assert listener.states[-1].state == "stopped"

    await with_engine(tmp_path, test)
    config, sample = video_sample(frames=250, gop=25)
    assert stored(tmp_path) == (config, [u.data for u in (*sample[:40], *sample[:30])], 2)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_recording_by_hand_begins_with_the_prebuffer_without_gap_or_duplicate(
    tmp_path: Path, in_memory: bool
) -> None:
    camera = RecordedDevice(
        id=CAMERA, name="Gate", recording_enabled=False, prebuffer_seconds=2, prebuffer_in_memory=in_memory
    )
    camera_only = HARDWARE.model_copy(update={"camera": camera})

    async def test(engine: Engine, camera: FakeCamera, listener: Listener, bus: AccessUnitBus) -> None:
        await engine.apply(Assignment(hardware=(camera_only,)))
        camera.orders.put_nowait(60)
        await until(lambda: len(listener.units) == 60)
        await engine.apply(Assignment(hardware=(camera_only,), manual=frozenset({CAMERA})))
        camera.orders.put_nowait(30)
        await until(lambda: len(listener.units) == 90)
        await engine.apply(Assignment(hardware=(camera_only,)))
        camera.orders.put_nowait(30)
        await until(lambda: len(listener.units) == 120)
        assert camera.connections == 1

    await with_engine(tmp_path, test)
    config, sample = video_sample(frames=250, gop=25)
    assert stored(tmp_path) == (config, [u.data for u in sample[:90]], 1)


async def test_a_silent_device_is_noticed(tmp_path: Path) -> None:
    async def test(engine: Engine, camera: FakeCamera, listener: Listener, bus: AccessUnitBus) -> None:
        await engine.apply(Assignment(hardware=(HARDWARE,)))
        camera.orders.put_nowait(10)
        await until(lambda: listener.states and listener.states[-1].state == "lost")
        assert "no pictures for 10 s" in listener.states[-1].reason
        camera.orders.put_nowait(10)
        await until(lambda: len(listener.units) == 20)

    await with_engine(tmp_path, test, RacingClock())


async def test_a_camera_that_sends_sound_but_no_pictures_is_not_live(tmp_path: Path) -> None:
    async def test(engine: Engine, camera: FakeCamera, listener: Listener, bus: AccessUnitBus) -> None:
        camera.config, camera.sample = audio_sample(Codec.PCMA, seconds=5)
        await engine.apply(Assignment(hardware=(HARDWARE,)))
        camera.orders.put_nowait(100)
        await until(lambda: listener.states and listener.states[-1].state == "lost")
        assert [state.state for state in listener.states] == ["connecting", "lost"]
        assert (
            "Gate does not send pictures: no pictures for 30 s although it is connected" in listener.states[-1].reason
        )

    await with_engine(tmp_path, test, RacingClock())
