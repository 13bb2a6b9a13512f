"""Both streams of a camera, recorded by a real engine: into tracks of their own, and only when that is asked for."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, SECONDARY, TrackName
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.tools import check

BOTH, ONE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
EVER = Span(UtcUs(0), UtcUs(1 << 60))


def hardware(camera: str, record_secondary: bool) -> dict[str, object]:
    return {
        "id": camera,
        "name": "Gate",
        "url": "simulator:gate?width=640&height=360&sound=0",
        "sub_url": "simulator:gate?width=320&height=180&sound=0",
        "camera": {"id": camera, "name": "Gate", "record_secondary": record_secondary},
    }


@pytest.mark.integration
async def test_the_second_stream_is_recorded_where_it_is_wanted(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    arguments = ("--root", str(root), "--socket", str(tmp_path / "s"), "--data", str(tmp_path / "data"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.recording.engine", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    reader = MediaDatabaseReader(root)

    def recorded_us(camera: str, track: TrackName) -> int:
        return sum(span.end - span.start for span in reader.sequences(TrackKey(DeviceId(camera), track), EVER))

    try:
        wanted = {"hardware": [hardware(BOTH, True), hardware(ONE, False)]}
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(60):
            while min(recorded_us(BOTH, PRIMARY), recorded_us(BOTH, SECONDARY), recorded_us(ONE, PRIMARY)) < 2_000_000:
                await asyncio.sleep(0.05)
            process.stdin.close()
            assert await process.wait() == 0
        widths = []
        for track in (PRIMARY, SECONDARY):
            gop = reader.gop_after(TrackKey(DeviceId(BOTH), track), UtcUs(0))
            assert gop is not None
            widths.append(gop.config.width_px)
        assert widths == [640, 320]
        assert recorded_us(ONE, SECONDARY) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reader.close()
    assert check(root)["ok"]
