"""The engine as the gateway runs it: assignments on standard input, events on standard output, files on disk."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.tools import check

CAMERA = "11111111-1111-4111-8111-111111111111"
EVER = Span(UtcUs(0), UtcUs(1 << 60))
HARDWARE = {"id": "h", "name": "Gate", "url": "simulator:lobby", "camera": {"id": CAMERA, "name": "Gate"}}


@pytest.mark.integration
async def test_an_engine_records_until_its_input_ends(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    arguments = ("--root", str(root), "--socket", str(tmp_path / "s"), "--data", str(tmp_path / "data"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.recording.engine", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reader = MediaDatabaseReader(root)
    try:
        async with asyncio.timeout(60):
            process.stdin.write(b"this is no assignment\n")
            process.stdin.write(json.dumps({"hardware": [HARDWARE]}).encode() + b"\n")
            events = []
            while not any(event.get("state") == "live" for event in events):
                event = json.loads(await process.stdout.readline())
                events += [] if event["event"] == "alive" else [event]
            assert [event["event"] for event in events[:3]] == ["ready", "assignment_refused", "assigned"]
            key = TrackKey(DeviceId(CAMERA), PRIMARY)
            while not (spans := reader.sequences(key, EVER)) or spans[0].end - spans[0].start < 2_000_000:
                await asyncio.sleep(0.05)
            process.stdin.close()
            rest = await process.stdout.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reader.close()
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"
    assert check(root)["ok"]
    assert str(root) in json.loads((tmp_path / "data" / "storages.json").read_text())
