"""Which storages a recorder has, and in which folder each one's recording database is."""

from collections.abc import Sequence
from pathlib import Path

from common.api.recorder_configuration import RecordedArchive, RecordedStorage
from server.recording.mediadb.settings import Limits

DEFAULT_ID = "default"


def storages_or_default(storages: Sequence[RecordedStorage], retain_minutes: int) -> tuple[RecordedStorage, ...]:
    """The storages of a configuration, the default one first. A recorder that was told of none records into its own
    folder."""
    return tuple(storages) or (RecordedStorage(id=DEFAULT_ID, name="Recordings", retain_minutes=retain_minutes),)


def storage_root(storage: RecordedStorage, recordings: Path) -> Path:
    """The folder of a storage's recording database. `recordings`: the recorder's own folder."""
    return Path(storage.path) if storage.path else recordings


def deletion_minutes(storage: RecordedStorage) -> int:
    """The age at which a storage lets go of a recording for good: the longest retention of any stage."""
    return max((storage.retain_minutes, *(archive.retain_minutes for archive in storage.archives)))


def limits_of(storage: RecordedStorage) -> Limits:
    """What the recording database of a storage keeps."""
    return Limits(deletion_minutes(storage), storage.max_size_mb << 20, bool(storage.archives))


def without_archive_secrets(storage: RecordedStorage) -> RecordedStorage:
    """What an engine has to know: it writes no archive, so it gets no key to one, and makes no keys of passwords."""
    return storage.model_copy(update={"archives": tuple(map(_bare, storage.archives)), "password": ""})


def key_folders(storage: RecordedStorage, recordings: Path) -> tuple[Path, ...]:
    """Where a copy of a storage's keys belongs: beside its recordings, in each stage that is a folder."""
    archives = (archive.url for archive in storage.archives)
    return (storage_root(storage, recordings), *(Path(url) for url in archives if url.startswith("/")))


def _bare(archive: RecordedArchive) -> RecordedArchive:
    return RecordedArchive(
        id=archive.id,
        name=archive.name,
        url="",
        retain_minutes=archive.retain_minutes,
        max_size_mb=archive.max_size_mb,
    )
