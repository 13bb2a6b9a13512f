"""How soon the picture is there: `make bench NAME=spine ARGS=--json`.

A real RTSP camera (GStreamer, 1080p25, 4 Mbit/s, a keyframe every two seconds), the real servers with TLS, and a client
on the media channel; beside it in the same run an ffmpeg that reads the same camera directly.

- `first_picture_ms`: from nothing (no connection) to the first decoded picture of a stream that the recorder already
  has, median; the peer is ffmpeg's time to a first decoded picture from the camera.
- `added_latency_*`: from a picture's last byte at a direct reader of the camera (the recorder's own RTSP driver in
  this process) to its arrival at the client. `behind_ffmpeg_*` is the same against `ffmpeg -c copy` as direct reader,
  which hands a picture on when the next one begins: negative, the client has it before ffmpeg.
- `seek_*`: from asking to the first decoded picture at a random instant of one hour; `seek_exact_*` to the very picture
  that was asked for, which is up to a whole GOP of decoding later.
"""

import asyncio
import random
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from common.clients.media import MediaConnection, open_media_connection
from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, CodecConfig
from common.media.decoding import VideoDecoder
from common.protocols.media_channel.messages import Seek, ServerMessage, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from server.recording.drivers.contract import DeviceAddress, DeviceTrack, RawUnit
from server.recording.drivers.opening import driver_for
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.benchmarks import figures
from tests.support.rtsp_cameras import rtsp_camera
from tests.support.running_site import RunningSite, running_site

CAMERA = ("--size", "1920x1080", "--kbit", "4000", "--gop", "50")
HOUR_US = 3600 * US_PER_S
FRAME_US = 40_000
MARK_BYTES = 48  # of a picture's first slice: enough to tell it from the clip's others


class Arrivals:
    """Hands on each record with the time it came."""

    def __init__(self, got: Callable[[MediaRecord, float], None]) -> None:
        self._got = got

    def message(self, message: ServerMessage) -> None: ...

    def records(self, records: list[MediaRecord]) -> None:
        now_s = time.monotonic()
        for record in records:
            self._got(record, now_s)

    def closed(self, error: VmsError | None) -> None: ...


@asynccontextmanager
async def watching(
    site: RunningSite, subscribe: Subscribe, got: Callable[[MediaRecord, float], None]
) -> AsyncIterator[MediaConnection]:
    token = site.client.access_token()
    async with open_media_connection(site.media_uri, site.tls(), token, Arrivals(got)) as connection:
        connection.send(subscribe)
        yield connection


def unit_of(record: MediaRecord) -> AccessUnit:
    keyframe = bool(record.flags & RecordFlags.KEYFRAME)
    return AccessUnit(record.payload, record.pts, record.dts, record.utc_us, keyframe)


class FirstPictures:
    """Decodes what comes; tells when the first picture is there, and the one that was asked for."""

    def __init__(self) -> None:
        self._decoder: VideoDecoder | None = None
        self.expect(0)

    def expect(self, generation: int) -> None:
        self._generation = generation
        self.first: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.target: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def got(self, record: MediaRecord, _now_s: float) -> None:
        if record.kind is RecordKind.CONFIG:
            self._decoder = VideoDecoder(config_of(record))
            return
        if record.generation != self._generation or self._decoder is None or self.target.done():
            return
        if self._decoder.decode(unit_of(record)):
            if not self.first.done():
                self.first.set_result(time.monotonic())
            if record.flags & RecordFlags.TARGET:
                self.target.set_result(time.monotonic())


async def first_picture_ms(site: RunningSite, camera: DeviceId, turns: int) -> list[float]:
    times = []
    for _ in range(turns):
        await asyncio.sleep(random.uniform(0.1, 0.5))  # anywhere in the GOP
        pictures = FirstPictures()
        began_s = time.monotonic()
        async with watching(site, Subscribe(1, camera), pictures.got):
            times.append((await asyncio.wait_for(pictures.first, 20) - began_s) * 1000)
    return times


async def ffmpeg_first_picture_ms(url: str, turns: int) -> list[float]:
    call = ["ffmpeg", "-v", "fatal", "-rtsp_transport", "tcp", "-i", url, "-frames:v", "1", "-f", "null", "-"]
    times = []
    for _ in range(turns):
        began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(*call, stdin=subprocess.DEVNULL)
        await process.wait()
        times.append((time.monotonic() - began_s) * 1000)
    return times


def mark_of(first_slice: bytes) -> bytes:
    return first_slice[:MARK_BYTES]


def slices(nal_units: list[bytes]) -> list[bytes]:
    return [nal for nal in nal_units if nal and nal[0] & 31 in (1, 5)]


def split_lengths(data: bytes) -> list[bytes]:
    units, at = [], 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        units.append(data[at + 4 : end])
        at = end
    return units


async def direct_marks(url: str, seen: list[tuple[bytes, float]]) -> None:
    """ffmpeg as the peer: copies the stream to a pipe packet by packet; notes when each picture's start comes out."""
    call = ["ffmpeg", "-v", "fatal", "-fflags", "nobuffer", "-flags", "low_delay", "-rtsp_transport", "tcp", "-i", url]
    process = await asyncio.create_subprocess_exec(
        *call, "-c", "copy", "-flush_packets", "1", "-f", "h264", "pipe:1", stdout=subprocess.PIPE, limit=1 << 22
    )
    assert process.stdout is not None
    pending = b""
    try:
        while data := await process.stdout.read(1 << 20):
            now_s = time.monotonic()
            pending += data
            units = pending.split(b"\0\0\1")
            for index, nal in enumerate(slices(units)):
                if index < len(units) and len(nal) >= MARK_BYTES:
                    seen.append((mark_of(nal), now_s))
            last = units[-1]
            # what follows of a picture already noted must not be taken for another: keep only a short, unnoted tail
            pending = b"\0\0\1" + last if len(last) < MARK_BYTES else pending[-2:]
    finally:
        process.kill()
        await process.wait()


class DirectReader:
    """A driver's sink: notes when each picture was whole."""

    def __init__(self, seen: list[tuple[bytes, float]]) -> None:
        self._seen = seen

    def tracks(self, tracks: Sequence[DeviceTrack]) -> None: ...

    def unit(self, index: int, unit: RawUnit) -> None:
        self._seen.append((mark_of(slices(split_lengths(unit.data))[0]), unit.arrival_s))

    def sender_report(self, index: int, device_utc_us: UtcUs, ticks: int) -> None: ...


def behind_ms(ours: list[tuple[bytes, float]], peer: list[tuple[bytes, float]]) -> list[float]:
    """How much later than the peer we had each picture that both had."""
    times: list[float] = []
    for mark, at_s in ours:  # the clip repeats every four seconds: the nearest of the same picture
        same = [other_s for other, other_s in peer if other == mark and abs(other_s - at_s) < 1.5]
        if same:
            times.append((at_s - min(same, key=lambda other_s: abs(other_s - at_s))) * 1000)
    assert len(times) > 0.8 * len(ours), f"only {len(times)} of {len(ours)} pictures were seen by both"
    return times


async def latency(site: RunningSite, url: str, camera: DeviceId, seconds: float) -> dict[str, float]:
    peers: dict[str, list[tuple[bytes, float]]] = {"direct": [], "ffmpeg": []}
    ours: list[tuple[bytes, float]] = []

    def got(record: MediaRecord, now_s: float) -> None:
        if record.kind is RecordKind.VIDEO and not record.flags & RecordFlags.PREROLL:
            ours.append((mark_of(slices(split_lengths(record.payload))[0]), now_s))

    address = DeviceAddress("direct", url, camera)
    readers = [
        asyncio.create_task(direct_marks(url, peers["ffmpeg"]), name="ffmpeg"),
        asyncio.create_task(driver_for(address).run(address, DirectReader(peers["direct"])), name="direct"),
    ]
    try:
        async with watching(site, Subscribe(1, camera), got):
            await asyncio.sleep(3)  # ffmpeg has looked at the stream and hands on each packet
            for seen in (ours, *peers.values()):
                seen.clear()
            await asyncio.sleep(seconds)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return figures.p50_p99("added_latency", behind_ms(ours, peers["direct"])) | figures.p50_p99(
        "behind_ffmpeg", behind_ms(ours[:-2], peers["ffmpeg"])
    )


async def two_gops(site: RunningSite, camera: DeviceId) -> tuple[CodecConfig, list[AccessUnit]]:
    """What the camera sends, to fill an hour with."""
    configs: list[CodecConfig] = []
    units: list[AccessUnit] = []

    def got(record: MediaRecord, _now_s: float) -> None:
        if record.kind is RecordKind.CONFIG:
            configs.append(config_of(record))
        elif units or record.flags & RecordFlags.KEYFRAME:
            units.append(unit_of(record))

    async with watching(site, Subscribe(1, camera), got):
        while len(units) < 160:
            await asyncio.sleep(0.1)
    keys = [index for index, unit in enumerate(units) if unit.keyframe]
    return configs[0], units[keys[0] : keys[2]]


async def record_an_hour(root: Path, camera: DeviceId, config: CodecConfig, units: list[AccessUnit]) -> UtcUs:
    """Write one hour that ends a minute ago, with the recorder's own writer; return its start."""
    clock = SystemClock()
    start = clock.now_us() - HOUR_US - 60 * US_PER_S
    async with MediaDatabaseWriter(root, clock, WriterSettings(min_free_bytes=0), lambda event: None) as writer:
        track = writer.track(TrackKey(camera, PRIMARY))
        track.configure(config)
        for number in range(HOUR_US // FRAME_US):
            unit = units[number % len(units)]
            at = UtcUs(start + number * FRAME_US)
            track.write(AccessUnit(unit.data, number * 3600, number * 3600, at, unit.keyframe, unit.disposable))
            while writer.queued_bytes > 16 << 20:
                await asyncio.sleep(0.005)
        await track.close()
    return UtcUs(start)


async def seek_ms(site: RunningSite, camera: DeviceId, start: UtcUs, turns: int) -> tuple[list[float], list[float]]:
    chosen = random.Random(7)
    first, exact = [], []
    pictures = FirstPictures()
    async with watching(site, Subscribe(1, camera, from_us=start, paused=True), pictures.got) as connection:
        await asyncio.wait_for(pictures.target, 20)
        for generation in range(1, turns + 1):
            to = UtcUs(start + chosen.randrange(HOUR_US))
            pictures.expect(generation)
            began_s = time.monotonic()
            connection.send(Seek(1, to, generation))
            exact.append((await asyncio.wait_for(pictures.target, 20) - began_s) * 1000)
            first.append((await pictures.first - began_s) * 1000)
    return first, exact


async def camera_of(site: RunningSite, url: str) -> DeviceId:
    await asyncio.to_thread(site.client.add_hardware, site.recorder.id, url, name="Bench")
    (camera,) = await asyncio.to_thread(site.client.cameras)
    return camera.id


async def measured(data: Path, url: str, seconds: float, seeks: int) -> dict[str, object]:
    found: dict[str, object] = {"camera": "1080p25, 4 Mbit/s, GOP 50, RTSP over TCP", "tls": True}
    with running_site(data) as site:
        camera = await camera_of(site, url)
        config, units = await two_gops(site, camera)
        times = await first_picture_ms(site, camera, 20)
        found |= {"first_picture_ms": figures.p50_p99("", times)["_p50_ms"]}
        found |= figures.p50_p99("first_picture", times)
        peer = await ffmpeg_first_picture_ms(url, 5)
        found |= {"ffmpeg_first_picture_ms": figures.p50_p99("", peer)["_p50_ms"]}
        found |= await latency(site, url, camera, seconds)
        recordings = site.recordings
    start = await record_an_hour(recordings, camera, config, units)
    with running_site(data) as site:
        first, exact = await seek_ms(site, camera, start, seeks)
        found |= figures.p50_p99("seek", first) | figures.p50_p99("seek_exact", exact)
    return found


def main() -> None:
    parser = figures.options("Time to the first picture, added latency, seek")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long latency is measured")
    parser.add_argument("--seeks", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder, rtsp_camera(more=CAMERA) as camera:
        found = asyncio.run(measured(Path(folder), camera.url, chosen.seconds, chosen.seeks))
    figures.show(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
