"""What the writing side tells whoever runs it. Called on writer threads; a receiver must be quick and thread-safe."""

from collections.abc import Callable
from dataclasses import dataclass

from server.recording.mediadb.contract import TrackKey


@dataclass(frozen=True, slots=True)
class Overflow:
    """The disk did not keep up: whole GOPs of this track were dropped. Sent when it begins (no counts yet worth
    naming) and when recording goes on again, with what was lost in between."""

    key: TrackKey
    gops: int
    units: int
    size_bytes: int
    over: bool


@dataclass(frozen=True, slots=True)
class StorageFailed:
    """Writing began to fail; it is tried again at each keyframe. Sent once for each outage."""

    path: str
    reason: str
    disk_full: bool


@dataclass(frozen=True, slots=True)
class StorageRecovered:
    """Writing works again; `lost_units` could not be stored in between."""

    path: str
    lost_units: int


@dataclass(frozen=True, slots=True)
class IndexFailed:
    """The index could not be updated. Recording goes on; the index is repaired at the next start, or by `reindex`."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpaceReclaimed:
    """Recordings younger than their retention were deleted because the disk was nearly full."""

    path: str
    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SpaceBlocked:
    """The disk is nearly full, and what could be deleted is gone: the rest is locked, or too new. Sent once for each
    time. Recording stops when the reserve is reached."""

    path: str
    missing_bytes: int


@dataclass(frozen=True, slots=True)
class DeletionHeld:
    """Retention would delete most of the storage at once. It waits for a day, or until an administrator confirms."""

    path: str
    segments: int
    of: int


StorageEvent = Overflow | StorageFailed | StorageRecovered | IndexFailed | SpaceReclaimed | SpaceBlocked | DeletionHeld
OnEvent = Callable[[StorageEvent], None]
