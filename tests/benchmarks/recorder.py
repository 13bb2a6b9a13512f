"""What recording costs a camera: `make bench NAME=recorder ARGS="--cameras 60 --seconds 20 --json [--no-peers]"`.

Cameras from the farm (1080p25, 4 Mbit/s, a keyframe every two seconds) are recorded by real engine processes with
index and one live viewer on the relay; then by one `ffmpeg -c copy` segmenter a camera, and four of them by Debian's
`motion`. Costs are CPU time of the recording processes over the measured seconds, and their proportional set size; the
farm's own CPU is shown apart. `stored_ratio`: frames found in the files afterwards against those that the cameras
sent in the measured time, both counted by the cameras' own frame times, so that 1 means not one was lost.

`two_engine_speedup`: N cameras on one engine, then N on each of two. Where no frame was lost it is 2 x the first's CPU
per camera / the second's: how many times the cameras of one engine two carry for the CPU that each has, 2 when they do
not hinder each other. (Running both into saturation would measure the farm, which needs the same two cores.)
`seal_cost`, `encryption_cost`: see `recorder_protection`.
`disk_write_mb_per_s` is what the disk takes in large blocks, forced out, in the same run.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from common.protocols.media_channel.messages import Subscribe, encode
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.relay.framing import text_frame
from tests.benchmarks import figures
from tests.benchmarks.recorder_peers import MOTION_CAMERAS, ffmpegs, motion, motion_missing
from tests.benchmarks.recorder_protection import protection_costs

FPS = 25
FRAME_TICKS = 90_000 // FPS
FRAME_US = 1_000_000 // FPS
SETTLE_S = 5.0
_DISK_TEST_BYTES = 512 << 20
_MOST_PEERS = 60


def device(number: int) -> DeviceId:
    return DeviceId(f"00000000-0000-4000-8000-{number:012d}")


@dataclass(slots=True)
class Cost:
    """CPU seconds and PSS of some processes."""

    cpu_s: float
    pss_bytes: int


def cost_of(processes: list[psutil.Process]) -> Cost:
    times = [process.cpu_times() for process in processes]
    pss = sum(process.memory_full_info().pss for process in processes)
    return Cost(sum(t.user + t.system for t in times), pss)


@dataclass(frozen=True, slots=True)
class Measured:
    """Per camera: per cent of a core, and megabytes. `farm_pct`: of a core, all cameras."""

    cpu_pct: float
    memory_mb: float
    from_us: UtcUs
    to_us: UtcUs
    farm_pct: float


@dataclass(frozen=True, slots=True)
class Farm:
    """The running camera simulator."""

    port: int
    process: psutil.Process


async def measure(processes: list[psutil.Process], farm: Farm, cameras: int, seconds: float) -> Measured:
    await asyncio.sleep(SETTLE_S)
    began_s, from_us, before, farm_before = (
        time.monotonic(),
        time.time_ns() // 1000,
        cost_of(processes),
        cost_of([farm.process]),
    )
    await asyncio.sleep(seconds)
    after, farm_after, to_us = cost_of(processes), cost_of([farm.process]), time.time_ns() // 1000
    took_s = time.monotonic() - began_s
    cpu = (after.cpu_s - before.cpu_s) / took_s * 100 / cameras
    farm_pct = (farm_after.cpu_s - farm_before.cpu_s) / took_s * 100
    return Measured(cpu, after.pss_bytes / 1e6 / cameras, UtcUs(from_us), UtcUs(to_us), farm_pct)


@contextmanager
def running_farm() -> Iterator[Farm]:
    call = [sys.executable, "-m", "tests.support.camera_farm"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Farm(int(process.stdout.readline().split()[1]), psutil.Process(process.pid))
        finally:
            process.terminate()


@contextmanager
def camera_farm() -> Iterator[int]:
    with running_farm() as farm:
        yield farm.port


def assignment(numbers: range, port: int) -> bytes:
    hardware = [
        {
            "id": f"10000000-0000-4000-8000-{number:012d}",
            "name": f"camera {number}",
            "url": f"rtsp://127.0.0.1:{port}/cam{number}",
            "transport": "tcp",
            "camera": {"id": device(number), "name": f"camera {number}"},
        }
        for number in numbers
    ]
    return json.dumps({"hardware": hardware, "retain_minutes": 10_080, "manual": []}).encode() + b"\n"


@asynccontextmanager
async def running_engines(folder: Path, port: int, cameras: int, engines: int) -> AsyncIterator[list[psutil.Process]]:
    """Engines that share the cameras; left when they have sealed their files."""
    running = []
    for number in range(engines):
        sockets = ["--socket", str(folder / f"engine{number}"), "--data", str(folder), "--min-free-mb", "1024"]
        call = [sys.executable, "-m", "server.recording.engine", "--root", str(folder / "media"), *sockets]
        engine = await asyncio.create_subprocess_exec(
            *call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert engine.stdin is not None
        engine.stdin.write(assignment(range(number, cameras, engines), port))
        running.append(engine)
    try:
        yield [psutil.Process(engine.pid) for engine in running]
    finally:
        for engine in running:
            assert engine.stdin is not None
            engine.stdin.close()
        await asyncio.gather(*(engine.wait() for engine in running))


async def watch(socket: Path) -> None:
    """The gateway's part of one live viewer: take camera 0 from the relay until cancelled."""
    while not socket.exists():
        await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_unix_connection(str(socket), limit=1 << 20)
    writer.write(text_frame(encode(Subscribe(1, device(0), PRIMARY))))
    try:
        while await reader.read(1 << 20):
            pass
    finally:
        writer.close()


async def vedette(folder: Path, farm: Farm, cameras: int, seconds: float, engines: int) -> dict[str, float]:
    """Record with our engines; what it cost and what is in the files."""
    async with running_engines(folder, farm.port, cameras, engines) as processes:
        viewer = asyncio.create_task(watch(folder / "engine0"), name="viewer")
        try:
            measured = await measure(processes, farm, cameras, seconds)
            await asyncio.sleep(2 * FRAME_US / 1e6)  # the frame behind the measured time tells that none is missing
        finally:
            viewer.cancel()
    root = folder / "media"
    expected, stored = await asyncio.to_thread(frames, root, cameras, measured.from_us, measured.to_us)
    written = sum(file.stat().st_size for file in root.rglob("*.mp4"))
    return {
        "cpu_pct_core_per_camera": round(measured.cpu_pct, 4),
        "memory_mb_per_camera": round(measured.memory_mb, 3),
        "frames_expected": expected,
        "frames_stored": stored,
        "stored_ratio": round(stored / expected, 5),
        "written_mb": round(written / 1e6),
        "farm_pct_core": round(measured.farm_pct, 1),
    }


def frames(root: Path, cameras: int, start: UtcUs, end: UtcUs) -> tuple[int, int]:
    """Count the frames that the cameras sent in `start <= t < end`, and those of them that are stored."""
    reader = MediaDatabaseReader(root)
    expected = stored = 0
    for number in range(cameras):
        sent, kept = camera_frames(reader, TrackKey(device(number), PRIMARY), start, end)
        expected += sent
        stored += kept
    reader.close()
    return expected, stored


def camera_frames(reader: MediaDatabaseReader, key: TrackKey, start: UtcUs, end: UtcUs) -> tuple[int, int]:
    """Sent and stored frames of one camera, sent ones by the media time from the first stored one to the one behind the
    last. Where recording began late or ended early, the wall time says how many that makes more."""
    first = last = behind = None
    stored = 0
    gop = reader.gop_at(key, start) or reader.gop_after(key, start)
    while gop is not None and behind is None:
        for unit in gop.units:
            if unit.utc_us >= end:
                behind = unit
                break
            if unit.utc_us >= start:
                first, last = first or unit, unit
                stored += 1
        gop = reader.gop_after(key, gop.start)
    if first is None or last is None:
        return (end - start) // FRAME_US, 0
    late = max(0, (first.utc_us - start) // FRAME_US)
    if behind is not None and behind.pts > last.pts:
        sent = (behind.pts - first.pts) // FRAME_TICKS
    else:
        sent = (last.pts - first.pts) // FRAME_TICKS + 1 + max(0, (end - last.utc_us) // FRAME_US)
    return sent + late, stored


def disk_write_mb_per_s(folder: Path) -> float:
    """How fast the disk takes large blocks, the last of them on it."""
    block = os.urandom(4 << 20)
    path = folder / "disk-test"
    began_s = time.monotonic()
    with path.open("wb", buffering=0) as file:
        for _ in range(_DISK_TEST_BYTES // len(block)):
            file.write(block)
        os.fdatasync(file.fileno())
    took_s = time.monotonic() - began_s
    path.unlink()
    return _DISK_TEST_BYTES / 1e6 / took_s


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        yield Path(folder)


async def peers(ours: dict[str, float], farm: Farm, cameras: int, seconds: float) -> dict[str, object]:
    """ffmpeg and motion, beside what we cost."""
    beside = min(cameras, _MOST_PEERS)
    with scratch() as folder:
        async with ffmpegs(folder, farm.port, beside) as processes:
            theirs = await measure(processes, farm, beside, seconds)
    found: dict[str, object] = {
        "ffmpeg_cameras": beside,
        "ffmpeg_cpu_pct_core_per_camera": round(theirs.cpu_pct, 4),
        "ffmpeg_memory_mb_per_camera": round(theirs.memory_mb, 3),
        "cpu_ratio_vs_ffmpeg": round(ours["cpu_pct_core_per_camera"] / theirs.cpu_pct, 3),
        "memory_ratio_vs_ffmpeg": round(ours["memory_mb_per_camera"] / theirs.memory_mb, 3),
    }
    missing = motion_missing()
    if missing is not None:
        return found | {"motion_skipped": missing}
    with scratch() as folder:
        async with motion(folder, farm.port) as processes:
            theirs = await measure(processes, farm, MOTION_CAMERAS, seconds)
        stored = sum(file.stat().st_size for file in folder.glob("motion*.*"))
    return found | {
        "motion_cameras": MOTION_CAMERAS,
        "motion_cpu_pct_core_per_camera": round(theirs.cpu_pct, 3),
        "motion_memory_mb_per_camera": round(theirs.memory_mb, 2),
        "motion_written_mb": round(stored / 1e6, 1),
        "cpu_ratio_vs_motion": round(ours["cpu_pct_core_per_camera"] / theirs.cpu_pct, 4),
    }


async def two_engines(farm: Farm, cameras: int, seconds: float) -> dict[str, object]:
    """See `two_engine_speedup` above."""
    runs = []
    for engines in (1, 2):
        with scratch() as folder:
            runs.append(await vedette(folder, farm, engines * cameras, seconds, engines))
    one, two = runs
    return {
        "one_engine_cameras": cameras,
        "one_engine_cpu_pct_core_per_camera": one["cpu_pct_core_per_camera"],
        "one_engine_stored_ratio": one["stored_ratio"],
        "two_engine_cameras": 2 * cameras,
        "two_engine_cpu_pct_core_per_camera": two["cpu_pct_core_per_camera"],
        "two_engine_stored_ratio": two["stored_ratio"],
        "two_engine_speedup": round(2 * one["cpu_pct_core_per_camera"] / two["cpu_pct_core_per_camera"], 3),
    }


async def compared(cameras: int, seconds: float, engines: int, with_peers: bool) -> dict[str, object]:
    found: dict[str, object] = {"cameras": cameras, "engines": engines, "seconds": seconds}
    found |= await protection_costs()
    with running_farm() as farm:
        with scratch() as folder:
            found["disk_write_mb_per_s"] = round(disk_write_mb_per_s(folder))
            ours = await vedette(folder, farm, cameras, seconds, engines)
        found |= ours
        if with_peers:
            found |= await two_engines(farm, max(1, cameras // 2), seconds)
            found |= await peers(ours, farm, cameras, seconds)
    return found


def main() -> None:
    parser = figures.options("CPU and memory of recording, beside ffmpeg and motion")
    parser.add_argument("--cameras", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--engines", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--no-peers", action="store_true", help="only our own figures, in one run")
    chosen = parser.parse_args()
    found = asyncio.run(compared(chosen.cameras, chosen.seconds, chosen.engines, not chosen.no_peers))
    figures.show(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
