"""Used, locked and free bytes of a storage and of each device in it."""

from dataclasses import replace
from pathlib import Path

from common.api.evidence import LockRequest
from common.foundation.clock import SystemClock
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.layout import segments_on_disk
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.storages.evidence import EvidenceLocks
from server.recording.storages.usage import storage_usage
from tests.support.media_samples import video_sample

CAMERA = DeviceId("11111111-1111-4111-8111-111111111111")
OTHER = DeviceId("22222222-2222-4222-8222-222222222222")


async def test_locked_bytes_are_those_of_the_gops_that_a_lock_meets(tmp_path: Path) -> None:
    root, clock = tmp_path / "media", SystemClock()
    config, units = video_sample(frames=100, gop=25)
    settings = replace(WriterSettings(), min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0)
    book, locks = LockBook((tmp_path, root), clock.now_us), EvidenceLocks(tmp_path, clock)
    async with MediaDatabaseWriter(root, clock, settings, print, book) as writer:
        for device in (CAMERA, OTHER):
            track = writer.track(TrackKey(device, PRIMARY))
            track.configure(config)
            for unit in units:
                track.write(unit)
            await track.close()
    before = storage_usage(root, book)
    assert before.total.used_bytes == sum(found.path.stat().st_size for found in segments_on_disk(root))
    assert before.total.locked_bytes == 0
    assert before.free_bytes > 0
    locks.create(LockRequest(devices=(CAMERA,), start_us=units[30].utc_us, end_us=units[31].utc_us), "anna")
    after = storage_usage(root, book)
    gop_bytes = sum(len(unit.data) for unit in units[25:50])
    assert gop_bytes < after.total.locked_bytes < gop_bytes + 2000
    assert after.devices[CAMERA].locked_bytes == after.total.locked_bytes
    assert after.devices[OTHER].locked_bytes == 0
    assert after.devices[CAMERA].oldest == units[0].utc_us
    assert after.total.newest == units[-1].utc_us + 40_000
