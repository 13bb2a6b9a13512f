"""An engine killed again and again under load, on one storage: each time the open fragment may be lost, no more."""

import asyncio
import json
import random
import signal
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.tools import check
from tests.support.numbered_cameras import FPS, NumberedCameras, numbered_cameras, numbers
from tests.support.soak import rounds

GOPS = (FPS, 2 * FPS, 12 * FPS)
CAMERAS = 9
SCHEDULING_PICTURES = 15  # sent, but still on their way when the machine is busy


def device(number: int) -> DeviceId:
    return DeviceId(f"00000000-0000-4000-8000-{number:012d}")


def assignment(cameras: NumberedCameras) -> bytes:
    hardware = [
        {
            "id": f"10000000-0000-4000-8000-{number:012d}",
            "name": f"camera {number}",
            "url": cameras.url(f"camera{number}", GOPS[number % len(GOPS)]),
            "transport": "tcp",
            "camera": {"id": device(number), "name": f"camera {number}"},
        }
        for number in range(CAMERAS)
    ]
    return json.dumps({"hardware": hardware}).encode() + b"\n"


async def engine_until(folder: Path, cameras: NumberedCameras, wanted_s: float) -> asyncio.subprocess.Process:
    """Start an engine, and return it when every camera has sent for a while."""
    arguments = ("--root", str(folder / "media"), "--socket", str(folder / "s"), "--data", str(folder / "data"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.recording.engine", *arguments, "--segment-s", "10", "--min-free-mb", "64"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    before = max(cameras.sent, default=0)
    assert process.stdin is not None
    process.stdin.write(assignment(cameras))
    async with asyncio.timeout(60):
        while sum(number > before for number in cameras.sent) < CAMERAS:
            await asyncio.sleep(0.02)
    await asyncio.sleep(wanted_s)
    return process


def stored_pictures(root: Path, after: UtcUs) -> tuple[dict[int, list[int]], UtcUs]:
    """Return the numbers of what is recorded since `after`, by connection, in order; and where recording ends."""
    reader = MediaDatabaseReader(root)
    found: dict[int, list[int]] = defaultdict(list)
    newest = after
    for number in range(CAMERAS):
        key, at = TrackKey(device(number), PRIMARY), after
        while (gop := reader.gop_after(key, at)) is not None:
            for unit in gop.units:
                connection, picture = numbers(unit.data)
                found[connection].append(picture)
            at = gop.start
            newest = max(newest, gop.start)
    assert reader.skipped == 0
    reader.close()
    return found, newest


@pytest.mark.integration
async def test_a_kill_costs_the_open_fragment_only(tmp_path: Path) -> None:
    chance = random.Random(20)
    root = tmp_path / "media"
    worst, newest = 0, UtcUs(0)
    async with numbered_cameras() as cameras:
        for _ in range(rounds(4, 1000)):
            process = await engine_until(tmp_path, cameras, chance.uniform(0.2, 3.0))
            sent = {number: entry.pictures for number, entry in cameras.sent.items()}
            process.send_signal(signal.SIGKILL)
            await process.wait()
            cameras.sent.clear()
            found, newest = await asyncio.to_thread(stored_pictures, root, newest)
            for connection, pictures in sent.items():
                stored = found.get(connection, [])
                assert stored == list(range(len(stored)))
                worst = max(worst, pictures - len(stored))
                assert pictures - len(stored) <= FPS + SCHEDULING_PICTURES
        process = await engine_until(tmp_path, cameras, 1.0)  # repairs what the last one left
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0
    report = check(root)
    assert report["ok"], report
    print(f"most pictures lost in a kill: {worst}")
