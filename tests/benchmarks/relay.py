"""What a live viewer costs: `make bench NAME=relay ARGS="--json [--viewers 100 500] [--seconds 10]"`.

One camera of the farm (1080p25, 4 Mbit/s) through a real engine to the recorder's port in a process of its own, watched
by N viewers on the media channel in another process, in the clear and with TLS. `relay_pct_core_per_viewer` is the CPU
time of the port's process over the measured seconds, a viewer, at the largest N; the engine is counted apart, as it
sends each picture once whatever N is, and so are the viewers. `floor_...` is what writing as many bytes to as many
connections costs a process that does nothing else, measured right after. Five further viewers stop reading:
`viewer_frames_missing` counts the pictures that any other viewer did not get because of that, or of anything else.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from common.net.certificates import create_authority, issue_certificate
from tests.benchmarks import figures
from tests.benchmarks.recorder import assignment, camera_farm, device

FPS = 25
ASLEEP = 5
PICTURE_BYTES = 21_000  # 4.2 Mbit/s at 25 a second, as the farm's clip has


async def python(module: str, *arguments: str) -> asyncio.subprocess.Process:
    call = [sys.executable, "-m", module, *arguments]
    return await asyncio.create_subprocess_exec(*call, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@asynccontextmanager
async def running(module: str, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """A process that says READY, and what follows that."""
    process = await python(module, *arguments)
    try:
        assert process.stdout is not None
        ready = (await process.stdout.readline()).decode().split()
        assert ready[:1] == ["READY"], f"{module} did not start"
        yield process, ready[1:]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def engine(folder: Path, farm_port: int) -> AsyncIterator[Path]:
    """A real engine with one camera."""
    socket = folder / "engine"
    where = ["--root", str(folder / "media"), "--socket", str(socket), "--data", str(folder), "--min-free-mb", "1024"]
    call = [sys.executable, "-m", "server.recording.engine", *where]
    process = await asyncio.create_subprocess_exec(*call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(assignment(range(1), farm_port))
    try:
        while not socket.exists():
            await asyncio.sleep(0.05)
        yield socket
    finally:
        process.stdin.close()
        await process.wait()


def cpu_s(process: asyncio.subprocess.Process) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


async def watched(port_arguments: list[str], viewers: int, seconds: float, tls: bool, bare: bool) -> dict[str, float]:
    """CPU per viewer of the port's process in per cent of a core, and what the viewers counted."""
    async with running("tests.support.relay_gateway", *port_arguments) as (port, (number,)):
        call = ["--port", number, "--device", device(0), "--viewers", str(viewers)]
        call += ["--tls"] if tls else []
        call += ["--bare"] if bare else ["--asleep", str(ASLEEP)]
        async with running("tests.support.counting_viewers", *call) as (viewing, _):
            await asyncio.sleep(1)
            loop = asyncio.get_running_loop()
            began_s, before_s = loop.time(), cpu_s(port)
            theirs_s = cpu_s(viewing)
            await asyncio.sleep(seconds)
            took_s, used_s, theirs_s = loop.time() - began_s, cpu_s(port) - before_s, cpu_s(viewing) - theirs_s
            assert viewing.stdin is not None
            assert viewing.stdout is not None
            viewing.stdin.write(b"\n")
            counted = json.loads(await viewing.stdout.readline())
    return {
        "pct": used_s / took_s * 100 / viewers,
        "viewers_pct": theirs_s / took_s * 100 / viewers,
        "mbit_per_viewer": counted["size_bytes"] * 8e-6 / viewers / (took_s + 1),
        **counted,
    }


async def measured(counts: list[int], seconds: float) -> dict[str, object]:
    found: dict[str, object] = {"viewers": counts, "seconds": seconds, "asleep": ASLEEP, "picture_bytes": PICTURE_BYTES}
    missing = 0
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name, camera_farm() as farm_port:
        folder = Path(name)
        certificate, key = folder / "cert.pem", folder / "key.pem"
        issue_certificate(create_authority("Bench"), ["127.0.0.1"]).write(certificate, key)
        secure = ["--certificate", str(certificate), "--key", str(key)]
        async with engine(folder, farm_port) as socket:
            real = ["--engine", str(socket), "--device", device(0)]
            for viewers in counts:
                for word, tls in (("", False), ("tls_", True)):
                    more = secure if tls else []
                    ours = await watched([*real, *more], viewers, seconds, tls, bare=False)
                    floor = await watched(["--bare", str(PICTURE_BYTES), *more], viewers, seconds, tls, bare=True)
                    missing += int(ours["missing"] + ours["dropped"] + ours["lost"])
                    found |= {
                        f"relay_{word}pct_core_per_viewer_{viewers}": round(ours["pct"], 4),
                        f"floor_{word}pct_core_per_viewer_{viewers}": round(floor["pct"], 4),
                        f"viewer_{word}mbit_{viewers}": round(ours["mbit_per_viewer"], 2),
                        f"viewer_{word}own_pct_core_{viewers}": round(ours["viewers_pct"], 4),
                    }
    largest = counts[-1]
    for word in ("", "tls_"):
        found[f"relay_{word}pct_core_per_viewer"] = found[f"relay_{word}pct_core_per_viewer_{largest}"]
    return found | {"viewer_frames_missing": missing}


def main() -> None:
    parser = figures.options("CPU of a live viewer, in the clear and with TLS")
    parser.add_argument("--viewers", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    figures.show(asyncio.run(measured(chosen.viewers, chosen.seconds)), as_json=chosen.json)


if __name__ == "__main__":
    main()
