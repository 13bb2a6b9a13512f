"""A recorder with recordings on disk and a working export service, in a thread, for tests of the Smart Client."""

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.foundation.clock import SystemClock, UtcUs
from common.media.access_unit import PRIMARY, AccessUnit
from server.recording.exporting.jobs import ExportJobs, ExportPlan
from server.recording.mediadb.contract import TrackKey
from tests.support.recorded_films import T0, stamped, write
from tests.support.recorder_rig import CAMERA, CAMERA_2, recorder_rig

CLIP_US = 10_000_000


def repeated(units: tuple[AccessUnit, ...], seconds: int) -> list[AccessUnit]:
    """The ten-second clip over and over."""
    loops = range(0, seconds * 1_000_000, CLIP_US)
    return [
        dataclasses.replace(
            unit,
            pts=unit.pts + by_us * 9 // 100,
            dts=unit.dts + by_us * 9 // 100,
            utc_us=UtcUs(unit.utc_us + by_us),
        )
        for by_us in loops
        for unit in units
    ]


@dataclasses.dataclass
class ExportingRecorder:
    """`start_us`, `end_us`: what is recorded of both cameras."""

    uri: str
    start_us: int
    end_us: int


@contextmanager
def exporting_recorder(folder: Path, seconds: int) -> Iterator[ExportingRecorder]:
    """Both cameras of the rig recorded for `seconds`; exports are made by real processes."""
    config, units = stamped()
    recordings = folder / "recordings"
    ready, stop, made, failed = threading.Event(), threading.Event(), [], []

    async def serve() -> None:
        if not recordings.exists():
            tracks = [(TrackKey(camera, PRIMARY), config, repeated(units, seconds)) for camera in (CAMERA, CAMERA_2)]
            await write(recordings, *tracks)
        plan = ExportPlan(folder, recordings, folder / "exports", min_free_bytes=0)
        jobs = ExportJobs(plan, "recorder-1", lambda: "Recorder 1", SystemClock(), may_export=lambda who, device: True)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(jobs.run())
            async with recorder_rig(folder, exports=jobs) as rig:
                made.append(ExportingRecorder(rig.uri, T0, T0 + seconds * 1_000_000))
                ready.set()
                while not stop.is_set():
                    await asyncio.sleep(0.05)
            working.cancel()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="test exporting recorder")
    thread.start()
    try:
        assert ready.wait(60)
        if failed:
            raise failed[0]
        yield made[0]
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
