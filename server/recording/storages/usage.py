"""How full a storage is: used, locked and free bytes, and from when to when it holds recordings. Blocking."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from server.recording.mediadb.contract import Span
from server.recording.mediadb.fragments import unpack_table
from server.recording.mediadb.index import DELETING, SEALED, SegmentIndex, SegmentRow
from server.recording.mediadb.locks import LockBook, Protected
from server.recording.mediadb.space import free_bytes

_MOST_LOCKED = 100_000  # segments of a span that are looked into


@dataclass(slots=True)
class Usage:
    """Of a device, or of a whole storage. `locked_bytes`: of the GOPs that evidence locks meet."""

    used_bytes: int = 0
    locked_bytes: int = 0
    oldest: UtcUs | None = None
    newest: UtcUs | None = None

    def add(self, row: SegmentRow, locked_bytes: int) -> None:
        self.used_bytes += row.size_bytes
        self.locked_bytes += locked_bytes
        self.oldest = row.start if self.oldest is None else min(self.oldest, row.start)
        self.newest = row.end if self.newest is None else max(self.newest, row.end)


@dataclass(frozen=True, slots=True)
class StageUsage:
    """What a stage holds as a whole; `oldest`: the beginning of what ended first."""

    segments: int = 0
    used_bytes: int = 0
    locked_bytes: int = 0
    oldest: UtcUs | None = None


def stage_usage(root: Path, locks: LockBook) -> StageUsage:
    """As `storage_usage`, summed by SQLite and looking only into what is locked: for months of hundreds of cameras."""
    index = SegmentIndex(root, writable=False)
    try:
        if not index.exists:
            return StageUsage()
        segments, used_bytes = index.totals("state!=?", (DELETING,))
        first = index.rows("state!=? ORDER BY end_us", (DELETING,), 1)
        return StageUsage(
            segments, used_bytes, _all_locked(index, locks.protected(), used_bytes), first[0].start if first else None
        )
    finally:
        index.close()


def _all_locked(index: SegmentIndex, protected: Protected, used_bytes: int) -> int:
    if protected.all_of_it:
        return used_bytes
    locked_bytes = 0
    for device in protected.devices:
        met = {
            row.id: row
            for start, end in protected.spans(device)
            for row in index.rows(
                "device=? AND start_us<? AND end_us>? AND state!=?", (device, end, start, DELETING), _MOST_LOCKED
            )
        }
        locked_bytes += sum(_locked_bytes(index, row, protected) for row in met.values())
    return locked_bytes


@dataclass(slots=True)
class StorageUsage:
    """A recording database as its index knows it; files being written count once they are finished."""

    free_bytes: int
    total: Usage = field(default_factory=Usage)
    devices: dict[DeviceId, Usage] = field(default_factory=lambda: defaultdict(Usage))


def storage_usage(root: Path, locks: LockBook) -> StorageUsage:
    """Raises StorageError or OSError when the storage is not there."""
    usage = StorageUsage(free_bytes(root))
    index = SegmentIndex(root, writable=False)
    try:
        if not index.exists:
            return usage
        protected = locks.protected()
        for row in index.rows("state!=?", (DELETING,)):
            locked = _locked_bytes(index, row, protected)
            usage.total.add(row, locked)
            usage.devices[row.key.device].add(row, locked)
    finally:
        index.close()
    return usage


def _locked_bytes(index: SegmentIndex, row: SegmentRow, protected: Protected) -> int:
    """The bytes of the GOPs that are locked; of the whole segment, where only its table could tell and is not there."""
    if not protected.meets(row.key.device, Span(row.start, row.end)):
        return 0
    blob = index.table_blob(row.id) if row.state == SEALED else None
    if not blob or protected.all_of_it:
        return row.size_bytes
    table = unpack_table(blob)
    locked = 0
    for number in range(len(table.gops)):
        fragments = table.gop_fragments(number)
        span = Span(UtcUs(table.starts[fragments[0]]), UtcUs(table.ends[fragments[-1]]))
        if protected.meets(row.key.device, span):
            locked += sum(table.sizes[each] for each in fragments)
    return locked
