"""Retention: deleting whole segments, oldest first, in two phases and at a measured pace. One thread a storage."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from common.foundation.clock import US_PER_S, Clock
from common.foundation.errors import StorageError
from server.recording.mediadb.contract import Span
from server.recording.mediadb.events import DeletionHeld, OnEvent, SpaceBlocked, SpaceReclaimed
from server.recording.mediadb.holding import LEAST_SEGMENTS, SafetyStop
from server.recording.mediadb.index import DELETING, SEALED, SegmentIndex, SegmentRow
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.locks import LockBook, Protected
from server.recording.mediadb.repair import exclusively, repair_at_start
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.space import free_bytes as _free_bytes

log = logging.getLogger(__name__)

_US_PER_MINUTE = 60 * US_PER_S
_TOGETHER = 20  # segments deleted before a new lock gets its turn
_MORE_S = 1.0  # pause after a round that did not get through
_ARCHIVED_OVER = 1.1  # an archive that is away may let its storage grow by a tenth
_EVER = 1 << 62


class Cleaner:
    """Repairs the index once at the start, then deletes what is too old or too much, and on a disk nearly full the
    oldest. What an evidence lock holds stays.

    A segment is first marked in the index, so that no reader begins with it, then its file is deleted, then its row:
    whatever interrupts this, the next round finishes it. Segments being written are never touched.
    """

    def __init__(
        self,
        root: Path,
        index: SegmentIndex,
        clock: Clock,
        settings: WriterSettings,
        *,
        on_event: OnEvent,
        prepare: Callable[[], None],
        locks: LockBook | None = None,
    ) -> None:
        """Without `locks`, those beside the recordings count."""
        self.limits = settings.limits
        self._locks = locks or LockBook((root,), clock.now_us)
        self._safety = SafetyStop(root)
        self._blocked = False
        self._root = root
        self._index = index
        self._clock = clock
        self._settings = settings
        self._on_event = on_event
        self._prepare = prepare
        self._stop = threading.Event()
        self._repaired = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mediadb cleaning", daemon=True)
        self._failing = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def wait_repaired(self, timeout_s: float) -> bool:
        """Wait until the repair at the start is done; False when it took longer."""
        return self._repaired.wait(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            more = False
            try:
                self._prepare()
                if not self._repaired.is_set():
                    report = repair_at_start(self._root, self._index)
                    log.info("index repaired", extra={"indexed": report.indexed, "forgotten": report.forgotten})
                    self._repaired.set()
                more = self.clean_once() >= self._settings.cleaning_batch
                self._failing = False
            except (OSError, StorageError) as error:
                if not self._failing:
                    log.error("cleaning failed", extra={"path": str(self._root), "reason": str(error)})
                self._failing = True
            except Exception:  # supervisor of the thread: a bug here must not end retention for good
                log.exception("cleaning failed")
            patient = self._repaired.is_set() and not more
            self._stop.wait(self._settings.cleaning_interval_s if patient else _MORE_S)

    def clean_once(self) -> int:
        """Do one round; return how many segments it deleted. Raises StorageError or OSError."""
        with exclusively(self._root, "cleaning") as ours:
            if not ours:
                return 0
            return self._finish() + self._by_policy() + self._make_room()

    def _finish(self) -> int:
        """Go on where an earlier round was interrupted. What was locked since is not deleted."""
        unfinished = self._index.rows("state=?", (DELETING,), self._settings.cleaning_batch)
        if not unfinished:
            return 0
        with self._locks.deleting() as protected:
            spared = [row for row in unfinished if _held(row, protected) and self._path(row).exists()]
            self._index.restore([row.id for row in spared])
            gone = [row for row in unfinished if row not in spared]
            self._unlink(gone)
        return len(gone)

    def _by_policy(self) -> int:
        """Delete what is older than its retention, and the oldest above the size cap; unless that is most of it."""
        limits = self.limits
        before = self._clock.now_us() - limits.retain_minutes * _US_PER_MINUTE
        old, _ = self._index.totals("end_us<? AND state=?", (before, SEALED))
        over_bytes = over = everything = 0
        if limits.most_bytes or old >= LEAST_SEGMENTS:
            everything, used_bytes = self._index.totals("state=?", (SEALED,))
            most_bytes = int(limits.most_bytes * (_ARCHIVED_OVER if limits.archived else 1))
            over_bytes = max(0, used_bytes - most_bytes) if most_bytes else 0
            over = everything * over_bytes // max(used_bytes, 1)
        allowed, began = self._safety.allows(max(old, over), everything, self._clock.now_us())
        if began is not None:
            fields = {"path": str(self._root), "segments": began.segments, "of": began.of}
            log.error("deletion held back", extra=fields)
            self._on_event(DeletionHeld(str(self._root), began.segments, began.of))
        if not allowed:
            return 0
        aged, aged_bytes = self._delete_oldest(before, None)
        if over_bytes <= aged_bytes:
            return aged
        return aged + self._delete_oldest(_EVER, over_bytes - aged_bytes)[0]

    def _make_room(self) -> int:
        """Delete the oldest until the disk has its free space again.

        With an archive behind, only where archiving early did not help. The newest hour stays; where hardly anything is
        left, the newest minutes.
        """
        settings = self._settings
        free = _free_bytes(self._root)
        short_bytes = min(settings.short_free_bytes, settings.min_free_bytes)
        short = free < short_bytes
        wanted = short_bytes if short and self.limits.archived else settings.min_free_bytes
        if free >= wanted or (self.limits.archived and not short):
            self._blocked = False
            return 0
        newest = settings.keep_newest_short_minutes if short else settings.keep_newest_minutes
        before = self._clock.now_us() - min(newest, settings.keep_newest_minutes) * _US_PER_MINUTE
        segments, size_bytes = self._delete_oldest(before, wanted - free)
        if segments:
            log.warning("recordings deleted for space", extra={"path": str(self._root), "segments": segments})
            self._on_event(SpaceReclaimed(str(self._root), segments, size_bytes))
        blocked = size_bytes < wanted - free and segments < settings.cleaning_batch
        if blocked and not self._blocked:
            log.error("nothing more to delete for space", extra={"path": str(self._root), "free_bytes": free})
            self._on_event(SpaceBlocked(str(self._root), wanted - free - size_bytes))
        self._blocked = blocked
        return segments

    def _delete_oldest(self, before_us: int, most_bytes: int | None) -> tuple[int, int]:
        """Delete the oldest unlocked segments that ended before, until `most_bytes` are given back, a batch at most."""
        segments = size_bytes = 0
        after = (-_EVER, -1)  # locked ones stay behind
        while segments < self._settings.cleaning_batch and not self._stop.is_set():
            rows = self._index.rows(
                "end_us<? AND state=? AND (end_us, id)>(?, ?) ORDER BY end_us, id",
                (before_us, SEALED, *after),
                _TOGETHER,
            )
            if not rows:
                break
            after = (rows[-1].end, rows[-1].id)
            with self._locks.deleting() as protected:
                chosen: list[SegmentRow] = []
                for row in rows:
                    if most_bytes is not None and size_bytes >= most_bytes:
                        break
                    if not _held(row, protected):
                        chosen.append(row)
                        size_bytes += row.size_bytes
                self._index.mark_deleting([row.id for row in chosen])
                self._unlink(chosen)
            segments += len(chosen)
            if most_bytes is not None and size_bytes >= most_bytes:
                break
        return segments, size_bytes

    def _unlink(self, rows: list[SegmentRow]) -> None:
        gone: list[int] = []
        for row in rows:
            path = self._path(row)
            try:
                path.unlink(missing_ok=True)
                gone.append(row.id)
                path.parent.rmdir()  # the day, once it is empty
            except OSError as error:
                if path.exists():
                    log.error("segment not deleted", extra={"path": str(path), "reason": error.strerror})
        self._index.remove(gone)

    def _path(self, row: SegmentRow) -> Path:
        return segment_path(self._root, row.key, row.start)


def _held(row: SegmentRow, protected: Protected) -> bool:
    return protected.meets(row.key.device, Span(row.start, row.end))
