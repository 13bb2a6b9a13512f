"""What a recorder needs of its archives: recordings read across all stages, and the jobs that move them."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from common.api.recorder_configuration import RecordedArchive, RecordedStorage, RecorderConfiguration
from common.foundation.clock import Clock
from server.recording.archiving.host import ArchivingHost
from server.recording.archiving.plan import ArchivingPlan, PlannedStorage
from server.recording.archiving.stage import archive_reader
from server.recording.keys.chest import KeyChest
from server.recording.mediadb.contract import MediaReader
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.storages.places import storage_root, storages_or_default
from server.recording.storages.reading import StoragesReader


class RecorderArchives:
    """Follows the recorder's configuration. `reader` reads everything it has recorded; its jobs run in `run`.

    Use as a context manager; the readers are closed in the end.
    """

    def __init__(self, recordings: Path, data: Path, clock: Clock, limits: ArchivingPlan | None = None) -> None:
        """`recordings`: the recorder's own folder. `limits`: a plan without storages, for its settings."""
        self.reader = StoragesReader(recordings, self._behind, KeyChest(data))
        self._recordings = recordings
        self._data = data
        self._limits = limits or ArchivingPlan()
        self._lock = threading.Lock()
        self._archives: dict[str, tuple[RecordedArchive, MediaDatabaseReader]] = {}
        self._retired: list[MediaDatabaseReader] = []
        self._host = ArchivingHost(data, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reader.close()
        for reader in (*(reader for _, reader in self._archives.values()), *self._retired):
            reader.close()

    def follow(self, configuration: RecorderConfiguration) -> None:
        """Read from, and archive to, what this configuration says from now on."""
        storages = storages_or_default(configuration.storages, configuration.retain_minutes)
        wanted = {archive.id for storage in storages for archive in storage.archives}
        with self._lock:
            for gone in self._archives.keys() - wanted:
                self._retired.append(self._archives.pop(gone)[1])  # somebody may be reading
        self.reader.follow(storages)
        planned = tuple(
            PlannedStorage(storage=storage, root=storage_root(storage, self._recordings)) for storage in storages
        )
        self._host.assign(self._limits.model_copy(update={"storages": planned}))

    def _behind(self, storage: RecordedStorage) -> Sequence[MediaReader]:
        """Readers of a storage's archives, kept as long as they lead to the same place."""
        with self._lock:
            return [self._reader_of(archive) for archive in storage.archives]

    def _reader_of(self, archive: RecordedArchive) -> MediaDatabaseReader:
        known = self._archives.get(archive.id)
        if known is not None and (known[0].url, known[0].options) == (archive.url, archive.options):
            return known[1]
        if known is not None:
            self._retired.append(known[1])
        made = archive_reader(archive, self._data)
        self._archives[archive.id] = (archive, made)
        return made

    async def run(self) -> None:
        """Have the jobs done until cancelled."""
        await self._host.run()

    def status(self) -> Sequence[Mapping[str, object]]:
        """How the jobs stand; see `archiving.status.shown`."""
        return self._host.status

    def problems(self) -> Mapping[str, str]:
        """Why jobs of stages fail now, by the stage's name."""
        return {str(job.get("stage")): str(job["error"]) for job in self._host.status if job.get("error")}

    @property
    def host(self) -> ArchivingHost:
        return self._host
