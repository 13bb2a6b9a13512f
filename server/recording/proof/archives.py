"""Archives in object stores as verification sees them: listed once, read in place a range at a time, never changed."""

import errno
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from common.api.recorder_configuration import RecordedArchive
from common.foundation.errors import StorageError
from server.recording.archiving.places import ArchiveOffline
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import ARCHIVES
from server.recording.configuration.identity import load_identity
from server.recording.configuration.local_copy import LocalCopy
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.layout import MARKER

_TRIES = 3
_AGAIN_S = 6.0  # RemoteFiles refuses readers for five seconds after a failure
_CACHE_BYTES = 16 << 20  # for reading ahead: everything is read once


class RemoteArchive:
    """An archive at an fsspec URL. `index`, `locks`: folders of the recorder that archives there, where that is this
    machine's."""

    def __init__(
        self,
        url: str,
        options: Mapping[str, str],
        *,
        index: Path | None = None,
        locks: Path | None = None,
        again_s: float = _AGAIN_S,
    ) -> None:
        self.url = url.rstrip("/")
        self.index = index
        self.locks = locks
        self._again_s = again_s
        self._files = RemoteFiles(url, options, _CACHE_BYTES)

    @property
    def root(self) -> Path:
        """What stands for its root where paths are looked up: the URL taken for a path."""
        return Path(self.url).absolute()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The segments, by URL. Raises StorageError."""
        try:
            found = self._files.names()
        except OSError as error:
            raise self._offline(error) from error
        segments = {f"{self.url}/{name}": size for name, size in found.items() if name.endswith(".mp4")}
        if not segments and MARKER not in found:
            raise StorageError("there is no archive", path=self.url)
        return segments

    def open(self, url: str) -> ReadableFile:
        """Open a segment. Raises FileNotFoundError when it is gone; StorageError when the archive does not answer: that
        says nothing of the segment."""
        return _Patient(self, self._files.open(url[len(self.url) + 1 :]))

    def has(self, url: str) -> bool:
        """Whether a segment is there now. Raises StorageError."""
        try:
            return self._files.size_bytes(url[len(self.url) + 1 :]) is not None
        except OSError as error:
            raise self._offline(error) from error

    def _offline(self, error: OSError) -> StorageError:
        return ArchiveOffline(error.strerror or str(error), path=self.url)


class _Patient:
    """ReadableFile that is asked again before an archive counts as away."""

    def __init__(self, archive: RemoteArchive, file: ReadableFile) -> None:
        self._archive = archive
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def read(self, offset: int, size: int) -> bytes:
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._file.read(offset, size)
            except OSError as error:
                self._wait_after(error, left)
        raise AssertionError  # the last try returned or raised

    def size_bytes(self) -> int:
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._file.size_bytes()
            except OSError as error:
                self._wait_after(error, left)
        raise AssertionError

    def _wait_after(self, error: OSError, left: int) -> None:
        if error.errno == errno.ENOENT:
            raise error
        if not left:
            raise self._archive._offline(error) from error
        time.sleep(self._archive._again_s)


def archive_at(url: str, data: Path, options: Mapping[str, str] | None) -> RemoteArchive:
    """The archive at a URL. What this machine's recorder knows of it is used: its options, unless `options` are given,
    its index and its evidence locks. Where the recorder does not know it, the environment has to name keys."""
    known = _configured(url, data)
    if known is None:
        return RemoteArchive(url, options or {})
    index = data / ARCHIVES / known.id
    return RemoteArchive(url, known.options if options is None else options, index=index, locks=data)


def _configured(url: str, data: Path) -> RecordedArchive | None:
    identity = load_identity(data)
    configuration = None if identity is None else LocalCopy(data, identity.id).load()
    if configuration is None:
        return None
    archives = (archive for storage in configuration.storages for archive in storage.archives)
    return next((archive for archive in archives if archive.url.rstrip("/") == url.rstrip("/")), None)
