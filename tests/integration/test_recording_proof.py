"""A real engine with a real camera: the camera goes, the disk fills up, the engine is killed, and each gap says why."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.engine.events import STOP_LINE
from server.recording.ledger.explain import LIVE_EDGE_US
from server.recording.ledger.keeper import BEAT_S
from server.recording.ledger.proof import RecordingProof
from server.recording.ledger.reasons import Gap, Reason
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from tests.support.rtsp_cameras import gstreamer_is_here, rtsp_camera

DEVICE = DeviceId("11111111-1111-4111-8111-111111111111")
KEY = TrackKey(DEVICE, PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
CAMERA_DOWN = {Reason.DEVICE_LOST, Reason.NETWORK}


class RunningEngine:
    """An engine process and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, object]] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.events.append(json.loads(line))

    def assign(self, url: str, **camera: object) -> None:
        assert self.process.stdin is not None
        device = {"id": DEVICE, "name": "Gate", **camera}
        hardware = {"id": "h", "name": "Gate", "url": url, "transport": "tcp", "camera": device}
        self.process.stdin.write(json.dumps({"hardware": [hardware]}).encode() + b"\n")

    def said(self, event: str, **fields: object) -> int:
        return sum(1 for e in self.events if e["event"] == event and all(e.get(k) == v for k, v in fields.items()))

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(STOP_LINE)
        self.process.stdin.close()
        await self.process.wait()


@asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[RunningEngine]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    call = ["--root", str(folder / "media"), "--socket", str(data / "s"), "--data", str(data), "--min-free-mb", "0"]
    call += ["--segment-s", "3"]  # so that none has much space left that was allocated ahead
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.recording.engine", *call),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    running = RunningEngine(process)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def keep_full(folder: Path) -> None:
    """Leave no byte free, also not of what others give back; until cancelled, which frees it all."""
    made = folder / "ballast"
    try:
        with made.open("ab", buffering=0) as file:
            while True:
                for size in (1 << 20, 4096):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(bytes(size))
                await asyncio.sleep(0.02)
    finally:
        made.unlink()


def covered(span: Span, recorded: list[Span], gaps: list[Gap]) -> None:
    pieces = sorted([(max(s.start, span.start), s.end) for s in recorded] + [(g.start, g.end) for g in gaps])
    assert pieces[0][0] == span.start
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert span.end - pieces[-1][1] <= LIVE_EDGE_US


@pytest.mark.integration
@pytest.mark.skipif(not gstreamer_is_here(), reason="needs GStreamer's RTSP server")
async def test_every_gap_of_a_real_engine_says_why(tmp_path: Path) -> None:
    clock = SystemClock()
    with small_disk(tmp_path / "disk") as disk, contextlib.ExitStack() as cameras:
        reader = MediaDatabaseReader(disk / "media")
        proof = RecordingProof(disk / "data", reader, clock.now_us)

        def recorded_since(at: UtcUs) -> bool:
            covered = reader.coverage(KEY)
            return covered is not None and covered.end > at + 1_500_000

        camera = cameras.enter_context(rtsp_camera())
        async with engine(disk) as running:
            began = clock.now_us()
            running.assign(camera.url)
            await until(lambda: recorded_since(began))

            camera.kill()
            await until(lambda: running.said("device_state", state="lost"))
            await asyncio.sleep(1.5)
            camera = cameras.enter_context(rtsp_camera(port=camera.port))
            back = clock.now_us()
            await until(lambda: recorded_since(back))

            filling = asyncio.create_task(keep_full(disk))
            await until(lambda: running.said("storage_error", disk_full=True))
            await asyncio.sleep(BEAT_S + 1.0)
            os.kill(running.process.pid, 9)
            await running.process.wait()
        await asyncio.sleep(1.0)
        async with engine(disk) as running:
            running.assign(camera.url)
            await until(lambda: running.said("storage_error", disk_full=True))
            await asyncio.sleep(1.0)
            filling.cancel()
            await asyncio.wait([filling])
            freed = clock.now_us()
            await until(lambda: recorded_since(freed))
            running.assign(camera.url, recording_enabled=False)
            await asyncio.sleep(1.0)
            running.assign(camera.url)
            on = clock.now_us()
            await until(lambda: recorded_since(on))
            await running.stop()
        span = Span(began, clock.now_us())
        recorded = list(reader.sequences(KEY, span))
        gaps = proof.explain(KEY, span)
        proof.close()
        reader.close()
    covered(span, recorded, gaps)
    told: list[Reason] = []
    for gap in gaps:
        reason = Reason.DEVICE_LOST if gap.reason in CAMERA_DOWN else gap.reason
        if told[-1:] != [reason]:
            told.append(reason)
    expected = [Reason.POLICY, Reason.DEVICE_LOST, Reason.DISK_FULL, Reason.RECORDER_DOWN, Reason.DISK_FULL]
    assert told[:6] == [*expected, Reason.POLICY], gaps
    assert told[6:] in ([], [Reason.MAINTENANCE]), gaps
