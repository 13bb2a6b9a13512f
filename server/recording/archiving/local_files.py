"""A stage in a folder: atomic by rename, durable by fsync, and known by its marker file."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from server.recording.archiving.places import CHUNK_BYTES, Incoming, StoredSegment
from server.recording.mediadb.files import LocalFile, ReadableFile
from server.recording.mediadb.layout import MARKER, StorageNotMounted, prepare_root, segments_on_disk, storage_id

_INCOMING = ".incoming"
_STALE_S = 86_400  # a copy that nobody touched for a day was interrupted; a younger one may be another recorder's


class LocalFiles:
    """StageFiles below `root`, which may be the recording database itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place = str(root)
        self._id: str | None = None

    @property
    def disk(self) -> str:
        """The file system that holds the root; the path while it is not there."""
        try:
            return f"disk {os.stat(self.root).st_dev}"
        except OSError:
            return self.place

    def prepare(self, expected_id: str | None) -> str:
        self._id = prepare_root(self.root, expected_id)
        with suppress(FileNotFoundError):
            for left in os.scandir(self.root / _INCOMING):
                if left.stat().st_mtime < time.time() - _STALE_S:
                    os.unlink(left.path)
        return self._id

    def check(self) -> None:
        found = storage_id(self.root)
        if found is None or (self._id is not None and found != self._id):
            raise StorageNotMounted(
                f"expected storage {self._id}, found {found or 'no marker file'}", path=self.place, marker=MARKER
            )

    def open(self, name: str) -> ReadableFile:
        return LocalFile(self.root / name)

    def stream(self, name: str) -> Iterator[bytes]:
        fd = os.open(self.root / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # What is still in memory would be compared with itself. Written pages are clean by now, so they go.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            at = 0
            while data := os.pread(fd, CHUNK_BYTES, at):
                os.posix_fadvise(fd, at, len(data), os.POSIX_FADV_DONTNEED)  # nobody reads it again soon
                at += len(data)
                yield data
        finally:
            os.close(fd)

    def create(self, name: str) -> Incoming:
        return _IncomingFile(self.root, name)

    def size_bytes(self, name: str) -> int | None:
        try:
            return os.stat(self.root / name).st_size
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        path = self.root / name
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # the day, once it is empty

    def segments(self) -> Iterator[StoredSegment]:
        for found in segments_on_disk(self.root):
            size_bytes = self.size_bytes(name := found.path.relative_to(self.root).as_posix())
            if size_bytes is not None:
                yield StoredSegment(name, found.key, found.start, size_bytes)

    def free_bytes(self) -> int | None:
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize


class _IncomingFile:
    """A file in the folder `.incoming`, on the same file system, until it gets its name."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._path = root / name
        self._made = root / _INCOMING / (name.replace("/", "_") + ".part")
        with suppress(FileExistsError):
            self._made.parent.mkdir()  # not its parents: a root that is gone must not be made on the system disk
        self._fd = os.open(self._made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def publish(self) -> None:
        os.fdatasync(self._fd)
        self._close()
        day = self._path.parent
        fresh = not day.is_dir()
        day.mkdir(parents=True, exist_ok=True)
        os.rename(self._made, self._path)
        _sync_folder(day)
        if fresh:  # the folders above it must outlive a power cut as well
            above = day.parent
            while above != self._root.parent:
                _sync_folder(above)
                above = above.parent

    def discard(self) -> None:
        with suppress(OSError):
            self._close()
        with suppress(OSError):
            self._made.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
