"""A recorder's media channel for tests: real sockets, sessions and relay; recordings and tokens given by the test."""

import asyncio
import bisect
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.api.recorder_configuration import (
    RecordedDevice,
    RecordedGrant,
    RecordedHardware,
    RecorderConfiguration,
)
from common.clients.media import MediaConnection, open_media_connection
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.errors import DeviceError, NotSignedIn, VmsError
from common.foundation.ids import DeviceId, HardwareId, RecorderId, UserId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from common.model.permissions import CAMERAS, METADATA, MICROPHONES, OVERALL, Grant, Verb, operators_grants
from common.net.tokens import Principal
from common.protocols.media_channel.messages import Probe, Probed, ServerMessage
from common.protocols.media_channel.records import MediaRecord, RecordKind
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.exports import ExportService
from server.recording.api.listening import bound_socket
from server.recording.api.media_server import Limits, MediaServer, media_server
from server.recording.api.services import RecorderServices
from server.recording.drivers.contract import DeviceTrack
from server.recording.exporting.jobs import ExportJobs, ExportPlan
from server.recording.ingest.bus import AccessUnitBus, DeviceState
from server.recording.ledger.proof import RecordingProof
from server.recording.mediadb.contract import Gop, Span, TrackKey
from server.recording.playback.reading import recordings_pool
from server.recording.relay.engine_side import serve_relay
from server.recording.relay.upstream import EngineLink, LiveRelay
from server.recording.storages.lock_keeping import keeping_locks
from server.recording.storages.watching import StorageWatch

RECORDER = RecorderId("00000000-0000-4000-8000-0000000000ff")
CAMERA = DeviceId("00000000-0000-4000-8000-000000000001")
CAMERA_2 = DeviceId("00000000-0000-4000-8000-000000000002")
MICROPHONE = DeviceId("00000000-0000-4000-8000-000000000003")
VIDEO = CodecConfig(Codec.H264, 90_000, b"\x01\x42\x00\x1e" + b"r" * 20, 640, 360)
SOUND = CodecConfig(Codec.AAC, 48_000, b"\x11\x90", sample_rate_hz=48_000, channels=2)
T0 = UtcUs(1_700_000_000_000_000)
FRAME_US = 40_000


def picture(number: int, keyframe: bool = False, size_bytes: int = 200, start: UtcUs = T0) -> AccessUnit:
    """Unit `number` of 25 a second from `start`, its number in its bytes."""
    data = number.to_bytes(4, "big") + b"\x5a" * (size_bytes - 4)
    return AccessUnit(data, number * 3600, number * 3600, UtcUs(start + number * FRAME_US), keyframe)


def picture_number(record: MediaRecord) -> int:
    return int.from_bytes(record.payload[:4], "big")


def gops(start: UtcUs, count: int, units: int = 25, config: CodecConfig = VIDEO, first: int = 0) -> list[Gop]:
    """`count` GOPs beside each other from `start`, `units` pictures of 40 ms in each; numbers go on from `first`."""
    made = []
    for index in range(count):
        at = UtcUs(start + index * units * FRAME_US)
        made.append(
            Gop(
                config,
                tuple(
                    AccessUnit(
                        (first + index * units + n).to_bytes(4, "big") + b"g" * 60,
                        n * 3600,
                        n * 3600,
                        UtcUs(at + n * FRAME_US),
                        n == 0,
                    )
                    for n in range(units)
                ),
                at,
                UtcUs(at + units * FRAME_US),
            )
        )
    return made


class ListReader:
    """A MediaReader over GOPs in memory, which a test may add to while it is read."""

    def __init__(self) -> None:
        self.tracks: dict[TrackKey, list[Gop]] = {}
        self.fail_with: VmsError | None = None
        self.reads = 0

    def _gops(self, key: TrackKey) -> list[Gop]:
        self.reads += 1
        if self.fail_with is not None:
            raise self.fail_with
        return self.tracks.get(key, [])

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        joined: list[Span] = []
        for gop in self._gops(key):
            if gop.end <= span.start or gop.start >= span.end:
                continue
            if joined and joined[-1].end == gop.start:
                joined[-1] = Span(joined[-1].start, gop.end)
            else:
                joined.append(Span(gop.start, gop.end))
        return joined[:limit]

    def coverage(self, key: TrackKey) -> Span | None:
        found = self._gops(key)
        return Span(found[0].start, found[-1].end) if found else None

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        found = self._gops(key)
        index = bisect.bisect_right(found, at, key=lambda gop: gop.start)
        return found[index - 1] if index else None

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        found = self._gops(key)
        index = bisect.bisect_right(found, at, key=lambda gop: gop.start)
        return found[index] if index < len(found) else None

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        found = self._gops(key)
        index = bisect.bisect_left(found, at, key=lambda gop: gop.start)
        return found[index - 1] if index else None


class TestTokens:
    """Believes `NAME` or `NAME:seconds left`; the name is the only role."""

    __test__ = False

    def verify(self, token: str) -> Principal:
        name, _, left = token.partition(":")
        if name not in ("administrators", "operators", "viewers"):
            raise NotSignedIn("the token is not ours")
        expires = SystemClock().now_us() // 1_000_000 + (int(left) if left else 3600)
        return Principal(UserId(name), name, frozenset((name,)), expires, f"jti-{token}")


class NoProber:
    async def probe(self, request: Probe) -> Probed:
        raise DeviceError("nothing answers there", camera=request.url)


@dataclass
class Manual:
    said: list[tuple[DeviceId, bool]] = field(default_factory=list)

    async def set_manual(self, device: DeviceId, on: bool) -> None:
        self.said.append((device, on))


@dataclass
class Rig:
    """A running media server and what a test does to it."""

    server: MediaServer
    bus: AccessUnitBus
    reader: ListReader
    relay: LiveRelay
    manual: Manual
    uri: str
    devices: DeviceDirectory
    access: Access
    data: Path
    """Where the ledger is, if a test keeps one, and evidence locks."""
    watch: StorageWatch
    watch_root: Path
    """The folder of its only storage."""

    def announce(self, device: DeviceId = CAMERA, config: CodecConfig = VIDEO) -> None:
        self.bus.publish_tracks([DeviceTrack(device, PRIMARY, config)])
        self.bus.publish_state(device, DeviceState("live", SystemClock().now_us()))

    def publish(self, number: int, keyframe: bool = False, device: DeviceId = CAMERA, size_bytes: int = 200) -> None:
        self.bus.publish(device, PRIMARY, picture(number, keyframe, size_bytes))


def hardware(number: int = 1, **changes: object) -> RecordedHardware:
    camera, sound = (CAMERA, MICROPHONE) if number == 1 else (CAMERA_2, None)
    values: dict[str, object] = {
        "id": HardwareId(f"00000000-0000-4000-8000-00000000010{number}"),
        "name": f"Camera {number}",
        "url": "simulator:test",
        "camera": RecordedDevice(id=camera, name=f"Camera {number}"),
        "microphone": None if sound is None else RecordedDevice(id=sound, name="Microphone"),
    }
    return RecordedHardware.model_validate(values | changes)


def configuration(*items: RecordedHardware, grants: Iterable[Grant] | None = None) -> RecorderConfiguration:
    """A recorder's configuration in which operators may work and viewers may watch."""
    if grants is None:
        watching = CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE, Verb.PLAYBACK)
        viewing = (Grant("viewers", each.id, OVERALL, watching) for each in (CAMERAS, MICROPHONES, METADATA))
        grants = (*operators_grants("operators"), *viewing)
    recorded = tuple(RecordedGrant.model_validate(asdict(grant)) for grant in grants)
    return RecorderConfiguration(
        version=1, recorder=RECORDER, name="Test recorder", hardware=items, jwks="", issuer="", grants=recorded
    )


def idle_exports(folder: Path, clock: SystemClock) -> ExportJobs:
    """Export jobs that nobody works off, of a recorder without recordings."""
    return ExportJobs(
        ExportPlan(folder, folder / "recordings", folder / "exports"),
        "recorder",
        str,
        clock,
        may_export=lambda who, device: False,
    )


@asynccontextmanager
async def recorder_rig(
    socket_dir: Path,
    limits: Limits | None = None,
    second_stream: bool = False,
    exports: ExportService | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Rig]:
    """One recorder with two cameras on one engine's relay, all in this process, on a free port without TLS."""
    clock, bus, reader, manual = SystemClock(), AccessUnitBus(), ListReader(), Manual()
    path = socket_dir / "engine.sock"
    relay, link, devices, access = LiveRelay(clock), EngineLink(path, clock), DeviceDirectory(), Access()
    cameras = hardware(1), hardware(2, sub_url="rtsp://camera/second" if second_stream else "")
    devices.replace(cameras)
    access.replace(configuration(*cameras))
    relay.place({CAMERA: link, CAMERA_2: link, MICROPHONE: link})
    data = socket_dir / "data"
    watch, watch_root = StorageWatch(data, socket_dir / "media", clock), socket_dir / "media"
    proof = RecordingProof(data, reader, clock.now_us)
    async with (
        asyncio.TaskGroup() as tasks,
        serve_relay(path, bus),
        recordings_pool(reader, proof=proof) as recordings,
        keeping_locks(data, clock) as locks,
    ):
        linked = tasks.create_task(link.run())
        services = RecorderServices(
            RECORDER,
            "Test recorder",
            TestTokens(),
            access,
            devices,
            relay,
            recordings,
            NoProber(),
            manual,
            exports or idle_exports(socket_dir, clock),
            locks,
            watch,
            clock,
        )
        async with media_server(services, bound_socket("127.0.0.1", 0), tls, limits or Limits()) as server:
            while not link.connected:
                await asyncio.sleep(0.01)
            yield Rig(
                server,
                bus,
                reader,
                relay,
                manual,
                f"ws://127.0.0.1:{server.port}/media",
                devices,
                access,
                data,
                watch,
                watch_root,
            )
        linked.cancel()
    proof.close()


class Viewer:
    """A listener that keeps everything, and waits for what a test expects."""

    def __init__(self) -> None:
        self.messages: list[ServerMessage] = []
        self.media: list[MediaRecord] = []
        self.ended: list[VmsError | None] = []
        self.connection: MediaConnection | None = None
        self._changed = asyncio.Event()

    def message(self, message: ServerMessage) -> None:
        self.messages.append(message)
        self._changed.set()

    def records(self, records: list[MediaRecord]) -> None:
        self.media.extend(records)
        self._changed.set()

    def closed(self, error: VmsError | None) -> None:
        self.ended.append(error)
        self._changed.set()

    @property
    def units(self) -> list[MediaRecord]:
        return [record for record in self.media if record.kind is not RecordKind.CONFIG]

    def numbers(self, sub: int | None = None) -> list[int]:
        return [picture_number(unit) for unit in self.units if sub is None or unit.sub == sub]

    def said(self, op: str) -> list[ServerMessage]:
        return [message for message in self.messages if message.op == op]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait until `condition()` holds; it is looked at whenever something came."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def connection_ended(self) -> None:
        assert self.connection is not None
        async with asyncio.timeout(20):
            await self.connection.wait_closed()

    def failure(self) -> VmsError | None:
        assert self.connection is not None
        return self.connection.error

    async def until_units(self, count: int) -> None:
        await self.until(lambda: len(self.units) >= count)

    async def until_said(self, op: str, count: int = 1) -> list[ServerMessage]:
        await self.until(lambda: len(self.said(op)) >= count)
        return self.said(op)

    def forget(self) -> None:
        self.messages.clear()
        self.media.clear()


@asynccontextmanager
async def viewing(uri: str, token: str = "viewers") -> AsyncIterator[tuple[Viewer, MediaConnection]]:
    viewer = Viewer()
    async with open_media_connection(uri, None, token, viewer) as connection:
        viewer.connection = connection
        yield viewer, connection
