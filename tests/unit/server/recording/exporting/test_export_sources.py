"""Exports find recordings in every storage of the recorder."""

from dataclasses import replace
from pathlib import Path

from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY
from server.recording.exporting.sources import opened_recordings
from server.recording.mediadb.contract import Span, TrackKey
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from tests.support.media_samples import video_sample

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
EVER = Span(UtcUs(0), UtcUs(1 << 60))
SETTINGS = WriterSettings(min_free_bytes=0, retain_minutes=10**9, preallocate_bytes=0)


async def test_all_storages_and_archives_are_read(tmp_path: Path) -> None:
    config, units = video_sample(frames=50, gop=25)
    folders = [tmp_path / name for name in ("own", "fast", "old")]
    for number, folder in enumerate(folders):
        async with MediaDatabaseWriter(folder, SystemClock(), SETTINGS, print) as writer:
            track = writer.track(KEY)
            track.configure(config)
            for unit in units:
                track.write(replace(unit, utc_us=UtcUs(unit.utc_us + number * 3_600_000_000)))
    archive = RecordedArchive(id="old", name="Old", url=str(folders[2]), retain_minutes=10**6)
    storages = (
        RecordedStorage(id="own", name="Own"),
        RecordedStorage(id="fast", name="Fast", path=str(folders[1]), archives=(archive,)),
    )
    with opened_recordings(tmp_path, folders[0], storages) as reader:
        assert len(reader.sequences(KEY, EVER)) == 3
    with opened_recordings(tmp_path, folders[0]) as reader:
        assert len(reader.sequences(KEY, EVER)) == 1
