"""An engine that hangs without ending is replaced, and its cameras record again."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from common.api.recorder_configuration import RecordedDevice, RecordedHardware
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId, HardwareId
from common.media.access_unit import PRIMARY
from server.recording.engines import EngineCommand, running_engines
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader

CAMERA = DeviceId("11111111-1111-4111-8111-111111111111")
HARDWARE = RecordedHardware(
    id=HardwareId("h"), name="Gate", url="simulator:gate", camera=RecordedDevice(id=CAMERA, name="Gate")
)
EVER = Span(UtcUs(0), UtcUs(1 << 60))


@pytest.mark.integration
async def test_a_stopped_engine_is_replaced_and_recording_goes_on(tmp_path: Path) -> None:
    root, key = tmp_path / "media", TrackKey(CAMERA, PRIMARY)
    command = EngineCommand(root, tmp_path, tmp_path, hung_s=4.0)
    reader = MediaDatabaseReader(root)

    async def until_recorded(spans: int) -> None:
        async with asyncio.timeout(60):
            while len(reader.sequences(key, EVER)) < spans:
                await asyncio.sleep(0.1)

    async with running_engines(1, command, SystemClock()) as host:
        host.assign([HARDWARE], 10_080, [])
        await until_recorded(1)
        hung = host.engines[0].pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        await until_recorded(2)
        assert host.engines[0].pid not in (None, hung)
    reader.close()
