"""How a reader gets at the bytes of a segment: from a local file, or from wherever an archive keeps it."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class ReadableFile(Protocol):
    """A segment opened for reading, as a context manager. Everything raises OSError when it cannot be done."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes, fewer at the end of the file. The same as `common.media.mp4.reader.ReadAt`."""

    def size_bytes(self) -> int: ...


OpenFile = Callable[[Path], ReadableFile]
"""Opens the segment at a path that `segment_path` made."""


class LocalFile:
    """A file of this machine."""

    __slots__ = ("_fd",)

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size
