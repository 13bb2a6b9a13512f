"""What recording costs a camera: `make bench NAME=recorder ARGS="--cameras 60 --seconds 20 --json [--no-peers]"`.

Cameras from the farm (1080p25, 4 Mbit/s, a keyframe every two seconds) are recorded by real engine processes with index
and live relay, then by one `ffmpeg -c copy` segmenter a camera. Costs are CPU time of the recording processes over the
measured seconds, and their proportional set size (PSS). `stored_ratio` counts the frames found in the files afterwards
against those sent in the time that the files cover, and against the time measured.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from tests.benchmarks import figures

FPS = 25
SETTLE_S = 5.0


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
    """Per camera: per cent of a core, and megabytes."""

    cpu_pct: float
    memory_mb: float
    from_us: UtcUs
    to_us: UtcUs


async def measure(processes: list[psutil.Process], cameras: int, seconds: float) -> Measured:
    await asyncio.sleep(SETTLE_S)
    began_s, from_us, before = time.monotonic(), time.time_ns() // 1000, cost_of(processes)
    await asyncio.sleep(seconds)
    after, to_us, took_s = cost_of(processes), time.time_ns() // 1000, time.monotonic() - began_s
    cpu = (after.cpu_s - before.cpu_s) / took_s * 100 / cameras
    return Measured(cpu, after.pss_bytes / 1e6 / cameras, UtcUs(from_us), UtcUs(to_us))


@contextmanager
def camera_farm() -> Iterator[int]:
    call = [sys.executable, "-m", "tests.support.camera_farm"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split()[1])
        finally:
            process.terminate()


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


async def vedette(folder: Path, port: int, cameras: int, seconds: float, engines: int) -> dict[str, float]:
    """Record with our engines; what it cost and what is in the files."""
    root = folder / "media"
    running = []
    for number in range(engines):
        sockets = ["--socket", str(folder / f"engine{number}"), "--data", str(folder), "--min-free-mb", "1024"]
        call = [sys.executable, "-m", "server.recording.engine", "--root", str(root), *sockets]
        engine = await asyncio.create_subprocess_exec(
            *call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert engine.stdin is not None
        engine.stdin.write(assignment(range(number, cameras, engines), port))
        running.append(engine)
    try:
        measured = await measure([psutil.Process(engine.pid) for engine in running], cameras, seconds)
    finally:
        for engine in running:
            assert engine.stdin is not None
            engine.stdin.close()
        await asyncio.gather(*(engine.wait() for engine in running))
    stored = await asyncio.to_thread(frames_stored, root, cameras, measured.from_us, measured.to_us)
    expected = cameras * FPS * (measured.to_us - measured.from_us) / US_PER_S
    written = sum(file.stat().st_size for file in root.rglob("*.mp4"))
    return {
        "cpu_pct_core_per_camera": round(measured.cpu_pct, 4),
        "memory_mb_per_camera": round(measured.memory_mb, 3),
        "frames_expected": round(expected),
        "frames_stored": stored,
        "stored_ratio": round(stored / expected, 4),
        "written_mb": round(written / 1e6),
    }


def frames_stored(root: Path, cameras: int, start: UtcUs, end: UtcUs) -> int:
    """Count the units of all cameras in `start <= t < end`."""
    reader = MediaDatabaseReader(root)
    count = 0
    for number in range(cameras):
        key = TrackKey(device(number), PRIMARY)
        gop = reader.gop_at(key, start) or reader.gop_after(key, start)
        while gop is not None and gop.start < end:
            count += sum(start <= unit.utc_us < end for unit in gop.units)
            gop = reader.gop_after(key, gop.start)
    reader.close()
    return count


async def ffmpegs(folder: Path, port: int, cameras: int, seconds: float) -> Measured:
    """The peer: one ffmpeg a camera, copying into five-minute segments."""
    running = []
    for number in range(cameras):
        source = ["-rtsp_transport", "tcp", "-i", f"rtsp://127.0.0.1:{port}/cam{number}"]
        sink = ["-c", "copy", "-f", "segment", "-segment_time", "300", str(folder / f"f{number}-%d.mp4")]
        running.append(
            await asyncio.create_subprocess_exec(
                *("ffmpeg", "-v", "quiet", "-y", *source, *sink), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
    try:
        await asyncio.sleep(cameras * 0.1)
        return await measure([psutil.Process(process.pid) for process in running], cameras, seconds)
    finally:
        for process in running:
            process.kill()
        await asyncio.gather(*(process.wait() for process in running))


async def compared(cameras: int, seconds: float, engines: int, peers: bool) -> dict[str, object]:
    found: dict[str, object] = {"cameras": cameras, "engines": engines, "seconds": seconds}
    with camera_farm() as port:
        with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
            ours = await vedette(Path(folder), port, cameras, seconds, engines)
        found |= ours
        if peers:
            beside = min(cameras, 60)
            with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
                theirs = await ffmpegs(Path(folder), port, beside, seconds)
            found |= {
                "ffmpeg_cameras": beside,
                "ffmpeg_cpu_pct_core_per_camera": round(theirs.cpu_pct, 4),
                "ffmpeg_memory_mb_per_camera": round(theirs.memory_mb, 3),
                "cpu_ratio_vs_ffmpeg": round(ours["cpu_pct_core_per_camera"] / theirs.cpu_pct, 3),
                "memory_ratio_vs_ffmpeg": round(ours["memory_mb_per_camera"] / theirs.memory_mb, 3),
            }
    return found


def main() -> None:
    parser = figures.options("CPU and memory of recording, beside ffmpeg")
    parser.add_argument("--cameras", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--engines", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--no-peers", action="store_true")
    chosen = parser.parse_args()
    found = asyncio.run(compared(chosen.cameras, chosen.seconds, chosen.engines, not chosen.no_peers))
    figures.show(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
