"""What a recorder needs of its archives: recordings read across all stages, and the jobs that move them."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from common.api.recorder_configuration import RecordedArchive, RecordedStorage, RecorderConfiguration
from common.foundation.clock import Clock, UtcUs
from server.recording.archiving.host import ArchivingHost
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.archiving.stage import archive_reader, total_retention
from server.recording.archiving.united import UnitedReader
from server.recording.mediadb.contract import Gop, Span, TrackKey
from server.recording.mediadb.reader import MediaDatabaseReader


class RecorderArchives:
    """Follows the recorder's configuration. A MediaReader over everything it has recorded; its jobs run in `run`.

    Use as a context manager; the readers are closed in the end.
    """

    def __init__(self, recordings: Path, data: Path, clock: Clock, limits: ArchivingPlan | None = None) -> None:
        """`recordings`: the recorder's own folder. `limits`: a plan without storages, for its settings."""
        self._recordings = recordings
        self._data = data
        self._limits = limits or ArchivingPlan()
        self._lock = threading.Lock()
        self._databases: dict[Path, MediaDatabaseReader] = {recordings: MediaDatabaseReader(recordings)}
        self._archives: dict[str, tuple[RecordedArchive, MediaDatabaseReader]] = {}
        self._retired: list[MediaDatabaseReader] = []
        self._united = UnitedReader(list(self._databases.values()))
        self._host = ArchivingHost(data, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in (*self._databases.values(), *(reader for _, reader in self._archives.values()), *self._retired):
            reader.close()

    def follow(self, configuration: RecorderConfiguration) -> None:
        """Read from, and archive to, what this configuration says from now on."""
        storages = configuration.storages or (_default(configuration),)
        with self._lock:
            wanted = [archive for storage in storages for archive in storage.archives]
            for gone in self._archives.keys() - {archive.id for archive in wanted}:
                self._retired.append(self._archives.pop(gone)[1])  # somebody may be reading
            for archive in wanted:
                known = self._archives.get(archive.id)
                if known is None or (known[0].url, known[0].options) != (archive.url, archive.options):
                    if known is not None:
                        self._retired.append(known[1])
                    self._archives[archive.id] = (archive, archive_reader(archive, self._data))
            for storage in storages:
                if (root := self._root(storage)) not in self._databases:
                    self._databases[root] = MediaDatabaseReader(root)
            self._united = UnitedReader(
                [*self._databases.values(), *(self._archives[archive.id][1] for archive in wanted)]
            )
        planned = tuple(PlannedStorage(storage=storage, root=self._root(storage)) for storage in storages)
        self._host.assign(self._limits.model_copy(update={"storages": planned}))

    def _root(self, storage: RecordedStorage) -> Path:
        return Path(storage.path) if storage.path else self._recordings

    async def run(self) -> None:
        """Have the jobs done until cancelled."""
        await self._host.run()

    def status(self) -> Sequence[Mapping[str, object]]:
        """How the jobs stand; see `archiving.status.shown`."""
        return self._host.status

    @property
    def host(self) -> ArchivingHost:
        return self._host

    # MediaReader

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        return self._united.sequences(key, span, limit)

    def coverage(self, key: TrackKey) -> Span | None:
        return self._united.coverage(key)

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_at(key, at)

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_after(key, at)

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        return self._united.gop_before(key, at)


def deletion_minutes(configuration: RecorderConfiguration) -> int:
    """The age at which the recording database itself lets go of what no archive took."""
    return max((total_retention(storage) for storage in configuration.storages), default=configuration.retain_minutes)


def _default(configuration: RecorderConfiguration) -> RecordedStorage:
    """What a recorder has that was told of no storages."""
    return RecordedStorage(id="default", name="Recordings", retain_minutes=configuration.retain_minutes)
