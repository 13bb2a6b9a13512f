"""Writes one file of a result: places in other files are copied by the kernel, in large stretches.

The file has the suffix `.part` until `finish`, so that what a killed process left is never taken for a result.
"""

import ctypes
import errno
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from common.foundation.errors import StorageError
from server.recording.exporting.errors import NotAsWritten
from server.recording.exporting.work import Progress

PART = ".part"
_MOST_OPEN = 8
_STRETCH_BYTES = 32 << 20
_PAGE_BYTES = 4096  # pages that lie alike in both files are copied whole
_WORTH_ALIGNING_BYTES = 64 << 10
_BLOCK_BYTES = 4 << 20
_BEGIN_WRITING = 2  # SYNC_FILE_RANGE_WRITE, linux/fs.h
_libc = ctypes.CDLL(None, use_errno=True)
_UNSUPPORTED = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass(slots=True)
class _Stretch:
    """Bytes as they were given: copied from `source`, or with this digest."""

    at: int
    size: int
    source: Path | None = None
    offset: int = 0
    digest: bytes = b""


class ResultFile:
    """A growing file. Everything raises StorageError when the disk does not take it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + PART)
        self._sources: OrderedDict[Path, int] = OrderedDict()
        self._pending: tuple[Path, int, int] | None = None  # where from, and how much
        self._by_kernel = True
        self._stretches: list[_Stretch] = []
        self.size_bytes = 0  # what is pending included
        self._written = 0
        self.finished = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._sources.values():
            os.close(fd)
        self._sources.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if not self.finished:
            self._part.unlink(missing_ok=True)

    def copy(self, source: Path, offset: int, size: int) -> int:
        """Append a place of another file; return where it lies here. Places that follow each other become one copy."""
        pending = self._pending
        if pending is not None and pending[1] + pending[2] == offset and pending[0] == source:
            pending = (source, pending[1], pending[2] + size)
        else:
            self.flush()
            if size >= _WORTH_ALIGNING_BYTES:
                self.skip((offset - self.size_bytes) % _PAGE_BYTES)
            pending = (source, offset, size)
        self._pending = pending
        at = self.size_bytes
        self.size_bytes += size
        if pending[2] >= _STRETCH_BYTES:
            self.flush()
        return at

    def append(self, data: bytes) -> int:
        """Append bytes; return where they lie."""
        self.flush()
        at = self.size_bytes
        self._write(data, at)
        self._stretches.append(_Stretch(at, len(data), digest=hashlib.sha256(data).digest()))
        self.size_bytes = self._written = at + len(data)
        return at

    def write_at(self, data: bytes, at: int) -> None:
        """Fill in what was reserved."""
        self.flush()
        self._write(data, at)
        self._stretches.append(_Stretch(at, len(data), digest=hashlib.sha256(data).digest()))

    def skip(self, size: int) -> int:
        """Reserve `size` bytes; return where they lie."""
        self.flush()
        at = self.size_bytes
        self.size_bytes = self._written = at + size
        return at

    def finish(self, verify: Progress | None) -> str:
        """Make durable, read back (unless `verify` is None) and give the file its name; return its SHA-256, or "".

        Raises NotAsWritten when the disk does not give back what was written.
        """
        self.flush()
        sha256 = ""
        try:
            os.ftruncate(self._fd, self.size_bytes)
            os.fsync(self._fd)
            if verify is not None:
                os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)  # so that the disk is asked, not the cache
                self._compare(verify)
                sha256 = self._hash(verify)
            os.close(self._fd)
            self._fd = -1
            self._part.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error
        self.finished = True
        return sha256

    def _compare(self, progress: Progress) -> None:
        """Hold what was written against what it was copied from. A recording that was deleted meanwhile is passed."""
        for stretch in self._stretches:
            progress.step(0)
            if stretch.source is None:
                if hashlib.sha256(os.pread(self._fd, stretch.size, stretch.at)).digest() != stretch.digest:
                    raise NotAsWritten(f"at byte {stretch.at}", file=self.path.name)
                continue
            try:
                source = self._source(stretch.source)
            except FileNotFoundError:
                continue
            for step in range(0, stretch.size, _BLOCK_BYTES):
                size = min(_BLOCK_BYTES, stretch.size - step)
                if os.pread(source, size, stretch.offset + step) != os.pread(self._fd, size, stretch.at + step):
                    raise NotAsWritten(f"near byte {stretch.at + step}", file=self.path.name)
                progress.step(0)

    def _hash(self, progress: Progress) -> str:
        digest = hashlib.sha256()
        for at in range(0, self.size_bytes, _BLOCK_BYTES):
            digest.update(os.pread(self._fd, min(_BLOCK_BYTES, self.size_bytes - at), at))
            progress.step(0)
        return digest.hexdigest()

    def flush(self) -> None:
        if self._pending is None:
            return
        source, offset, left = self._pending
        self._pending = None
        self._stretches.append(_Stretch(self._written, left, source, offset))
        try:
            fd = self._source(source)
            while left:
                done = self._copy_some(fd, offset, left)
                if done == 0:
                    raise StorageError("the recording was cut short while it was copied", path=str(source))
                # Let the disk begin now, so that forcing the file at its end finds little left; a hint, no promise.
                _libc.sync_file_range(self._fd, ctypes.c_int64(self._written), ctypes.c_int64(done), _BEGIN_WRITING)
                offset += done
                left -= done
                self._written += done
        except OSError as error:
            raise self._failure(error) from error

    def _copy_some(self, fd: int, offset: int, size: int) -> int:
        if self._by_kernel:
            try:
                return os.copy_file_range(fd, self._fd, size, offset, self._written)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._by_kernel = False
        data = os.pread(fd, min(size, _BLOCK_BYTES), offset)
        self._write(data, self._written)
        return len(data)

    def _write(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(self._fd, view, at)
                if done == 0:
                    raise OSError(errno.EIO, "nothing could be written")
                view, at = view[done:], at + done
        except OSError as error:
            raise self._failure(error) from error

    def _source(self, path: Path) -> int:
        fd = self._sources.get(path)
        if fd is None:
            while len(self._sources) >= _MOST_OPEN:
                os.close(self._sources.popitem(last=False)[1])
            fd = self._sources[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return fd

    def _failure(self, error: OSError) -> StorageError:
        return StorageError(error.strerror or str(error), path=error.filename or str(self.path))
