"""What the storages of an engine tell beside what each media database says."""

from collections.abc import Callable
from dataclasses import dataclass

from server.recording.mediadb.events import StorageEvent


@dataclass(frozen=True, slots=True)
class SpillBegan:
    """Devices of a storage record into another one until theirs works again."""

    path: str
    to_path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpillEnded:
    """The storage works again: its devices record into it."""

    path: str
    to_path: str


@dataclass(frozen=True, slots=True)
class SigningFailed:
    """Recordings that are to be signed are not: the recorder's key cannot be read. Sent once until it can be."""

    reason: str


@dataclass(frozen=True, slots=True)
class SigningWorks:
    """Recordings are signed again."""


@dataclass(frozen=True, slots=True)
class KeysUnusable:
    """Recordings of a storage are to be encrypted, and its keys cannot be used: it does not record. Sent once."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeysUsable:
    """The storage records again, encrypted."""

    path: str


@dataclass(frozen=True, slots=True)
class PreBuffersInMemory:
    """The disk does not take the pre-buffers that belong on it: they are in memory, and so shorter. Sent once."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PreBuffersOnDisk:
    """The disk takes them again."""

    path: str


OwnEvent = (
    SpillBegan
    | SpillEnded
    | SigningFailed
    | SigningWorks
    | KeysUnusable
    | KeysUsable
    | PreBuffersInMemory
    | PreBuffersOnDisk
)
AnyStorageEvent = StorageEvent | OwnEvent
OnAnyEvent = Callable[[AnyStorageEvent], None]
