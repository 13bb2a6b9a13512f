"""One stage of a storage, opened: the recording database or an archive behind it."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from common.foundation.clock import US_PER_S, UtcUs
from server.recording.archiving.local_files import LocalFiles
from server.recording.archiving.places import StageFiles
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.keys.chest import KeyChest
from server.recording.mediadb.index import SegmentIndex
from server.recording.mediadb.reader import MediaDatabaseReader
from server.recording.mediadb.storages import known_storage, remember_storage
from server.recording.storages.places import deletion_minutes

US_PER_MINUTE = 60 * US_PER_S
ARCHIVES = "archives"  # folder in the recorder's data, for what it keeps of remote archives


@dataclass(slots=True)
class Stage:
    """Where a storage's recordings are between two ages. `archive` is None for the recording database.

    `delete_minutes`: the age at which the storage lets go of a recording for good, wherever it is.
    """

    storage: RecordedStorage
    archive: RecordedArchive | None
    files: StageFiles
    index_root: Path
    index: SegmentIndex = field(init=False)
    delete_minutes: int = field(init=False)

    def __post_init__(self) -> None:
        self.index = SegmentIndex(self.index_root, writable=True)
        self.delete_minutes = deletion_minutes(self.storage)

    @property
    def id(self) -> str:
        return self.storage.id if self.archive is None else self.archive.id

    @property
    def name(self) -> str:
        return self.storage.name if self.archive is None else self.archive.name

    @property
    def retain_minutes(self) -> int:
        return self.storage.retain_minutes if self.archive is None else self.archive.retain_minutes

    @property
    def most_bytes(self) -> int:
        """0: no limit."""
        return (self.storage.max_size_mb if self.archive is None else self.archive.max_size_mb) << 20

    @property
    def remote(self) -> bool:
        return isinstance(self.files, RemoteFiles)

    def before(self, now: UtcUs, minutes: int) -> int:
        return now - minutes * US_PER_MINUTE

    def prepare(self, data: Path) -> None:
        """Make sure that the place is there and ours; remember on first use which one it is. Raises StorageError."""
        place = Path(self.files.place)
        remembered = known_storage(data, place)
        found = self.files.prepare(remembered)
        if remembered is None:
            remember_storage(data, place, found)
        self.index_root.mkdir(parents=True, exist_ok=True)


def is_remote(url: str) -> bool:
    """Whether an archive's address is for fsspec; a plain path, or a file:// URL, is a folder."""
    return "://" in url and urlsplit(url).scheme not in ("file", "local")


def open_stages(storage: RecordedStorage, root: Path, data: Path) -> list[Stage]:
    """The stages of a storage in the order of age, nothing touched yet. `root` holds the recording database."""
    stages = [Stage(storage, None, LocalFiles(root), root)]
    for archive in storage.archives:
        if is_remote(archive.url):
            stages.append(
                Stage(storage, archive, RemoteFiles(archive.url, archive.options), _index_root(archive, data))
            )
        else:
            folder = _folder(archive.url)
            stages.append(Stage(storage, archive, LocalFiles(folder), folder))
    return stages


def archive_readers(storage: RecordedStorage, data: Path) -> list[MediaDatabaseReader]:
    """A reader for each archive of a storage, in the order of age. Ask them after the recording database, in this
    order: a recording appears in the next stage before it vanishes from the one before."""
    return [archive_reader(archive, data) for archive in storage.archives]


def archive_reader(archive: RecordedArchive, data: Path) -> MediaDatabaseReader:
    """A reader of one archive, wherever it is."""
    if not is_remote(archive.url):
        return MediaDatabaseReader(_folder(archive.url), keys=KeyChest(data))
    files, root = RemoteFiles(archive.url, archive.options), _index_root(archive, data)
    return MediaDatabaseReader(root, lambda path: files.open(path.relative_to(root).as_posix()), KeyChest(data))


def _folder(url: str) -> Path:
    return Path(urlsplit(url).path) if "://" in url else Path(url)


def _index_root(archive: RecordedArchive, data: Path) -> Path:
    return data / ARCHIVES / archive.id
