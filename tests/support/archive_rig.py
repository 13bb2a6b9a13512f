"""Storages with archives for tests: recorded segments, the stages they move through, and what is playable of them."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, CodecConfig
from server.recording.archiving.stage import Stage
from server.recording.mediadb.contract import MediaReader, TrackKey
from server.recording.mediadb.protecting import Protector
from server.recording.mediadb.seals import Signer
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.storages.reading import UnitedReader
from tests.support.media_samples import START_UTC, video_sample

KEY = TrackKey(DeviceId("11111111-1111-4111-8111-111111111111"), PRIMARY)
SETTINGS = WriterSettings(
    segment_s=1, min_free_bytes=0, retain_minutes=10**9, cleaning_interval_s=3600, preallocate_bytes=0
)


def recorded(root: Path, frames: int = 100, *, key: TrackKey = KEY, **sample: int) -> list[AccessUnit]:
    """Record some seconds from START_UTC, a segment a second; return the units."""
    config, units = video_sample(frames=frames, **sample)
    record_units(root, config, units, key)
    return list(units)


def record_units(
    root: Path,
    config: CodecConfig,
    units: Sequence[AccessUnit],
    key: TrackKey = KEY,
    *,
    signer: Signer | None = None,
    protector: Protector | None = None,
) -> None:
    async def record() -> None:
        async with MediaDatabaseWriter(root, SystemClock(), SETTINGS, lambda event: None) as writer:
            assert await asyncio.to_thread(writer.cleaner.wait_repaired, 30)
            writer.set_signer(signer)
            writer.set_protector(protector)
            track = writer.track(key)
            track.configure(config)
            for unit in units:
                track.write(unit)

    asyncio.run(record())


def moved_to(units: Sequence[AccessUnit], start: UtcUs) -> list[AccessUnit]:
    """The same pictures at another time."""
    return [replace(unit, utc_us=UtcUs(unit.utc_us - START_UTC + start)) for unit in units]


def storage(*urls: str | Path, retain_minutes: int = 60, **archive: object) -> RecordedStorage:
    """A storage with an archive at each of `urls`, all of which keep for good."""
    archives = tuple(
        RecordedArchive.model_validate(
            {"id": f"a{number}", "name": f"Archive {number}", "url": str(url), "retain_minutes": 10**9} | archive
        )
        for number, url in enumerate(urls, 1)
    )
    return RecordedStorage(id="s", name="Storage", retain_minutes=retain_minutes, archives=archives)


def playable(readers: Sequence[MediaReader], key: TrackKey = KEY) -> list[bytes]:
    """What can be played, in order, through the reader that unites the stages."""
    reader = UnitedReader(readers)
    found: list[bytes] = []
    at = UtcUs(0)
    while (gop := reader.gop_after(key, at)) is not None:
        found += [unit.data for unit in gop.units]
        at = gop.start
    return found


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of each segment file below a folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.mp4"))
    }


def indexed(stage: Stage) -> list[int]:
    """Starts of the segments that a stage's index shows to readers."""
    return [row.start for row in stage.index.rows("state!=2 ORDER BY start_us", ())] if stage.index.exists else []
