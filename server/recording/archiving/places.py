"""What the jobs need of the place where a stage keeps its files: a folder, or an object store behind fsspec."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.layout import segment_path

CHUNK_BYTES = 1 << 20
"""Unit of copying and hashing; a job that is stopped ends after at most this much."""


class ArchiveOffline(StorageError):
    """An archive cannot be reached: unplugged, not mounted, or its server does not answer."""

    message_key = "archiving.offline"


class ArchiveRefused(StorageError):
    """An archive's address or options can't be used: unknown protocol, wrong key, no such bucket."""

    message_key = "archiving.refused"


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment found at a stage by listing it."""

    name: str
    key: TrackKey
    start: UtcUs
    size_bytes: int


def segment_name(key: TrackKey, start: UtcUs) -> str:
    """A segment's place below the root of any stage: `<device>/<track>/<YYYY-MM-DD>/<start>.mp4`."""
    return segment_path(Path(), key, start).as_posix()


class Incoming(Protocol):
    """A file on its way to a stage; nobody sees it before `publish`. Raises OSError or StorageError."""

    def write(self, data: bytes) -> None: ...

    def publish(self) -> None:
        """Have all of it there, durably, under its name; what had this name before is replaced in the same instant."""

    def discard(self) -> None:
        """Leave nothing behind. Does not raise: what cannot be removed now is swept later."""


class StageFiles(Protocol):
    """The files of one stage. Names are relative, with `/`. Everything blocks; raises OSError or StorageError."""

    @property
    def place(self) -> str:
        """As an operator knows it, without passwords."""

    @property
    def disk(self) -> str:
        """Names what can do one job at a time."""

    def prepare(self, expected_id: str | None) -> str:
        """Make sure that this is our stage, marking it on first use; return its id. Raises StorageNotMounted when it
        should be the one `expected_id` and is not. Removes what an interrupted job left half done."""

    def check(self) -> None:
        """Raise StorageNotMounted when the stage prepared before is no longer there."""

    def open(self, name: str) -> ReadableFile:
        """Open for reading pieces of it."""

    def stream(self, name: str) -> Iterator[bytes]:
        """The whole file in chunks of at most CHUNK_BYTES, as the medium holds it, not as some cache remembers it."""

    def create(self, name: str) -> Incoming:
        """Begin a file."""

    def size_bytes(self, name: str) -> int | None:
        """None when there is no such file."""

    def delete(self, name: str) -> None:
        """One that is gone already is no error."""

    def segments(self) -> Iterator[StoredSegment]:
        """All segments, by listing."""

    def free_bytes(self) -> int | None:
        """None where the place has no end."""
