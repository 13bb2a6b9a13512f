"""Retention: deleting whole segments, oldest first, in two phases and at a measured pace. One thread a storage."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from common.foundation.clock import US_PER_S, Clock
from common.foundation.errors import StorageError
from server.recording.mediadb.events import OnEvent, SpaceReclaimed
from server.recording.mediadb.index import DELETING, SEALED, SegmentIndex, SegmentRow
from server.recording.mediadb.layout import segment_path
from server.recording.mediadb.repair import exclusively, repair_at_start
from server.recording.mediadb.settings import WriterSettings

log = logging.getLogger(__name__)

_US_PER_MINUTE = 60 * US_PER_S


class Cleaner:
    """Repairs the index once at the start, then deletes what is too old, and on a disk nearly full the oldest.

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
    ) -> None:
        self.retain_minutes = settings.retain_minutes
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
            try:
                self._prepare()
                if not self._repaired.is_set():
                    report = repair_at_start(self._root, self._index)
                    log.info("index repaired", extra={"indexed": report.indexed, "forgotten": report.forgotten})
                    self._repaired.set()
                self.clean_once()
                self._failing = False
            except (OSError, StorageError) as error:
                if not self._failing:
                    log.error("cleaning failed", extra={"path": str(self._root), "reason": str(error)})
                self._failing = True
            except Exception:  # supervisor of the thread: a bug here must not end retention for good
                log.exception("cleaning failed")
            self._stop.wait(self._settings.cleaning_interval_s if self._repaired.is_set() else 1.0)

    def clean_once(self) -> int:
        """Do one round; return how many segments it deleted. Raises StorageError or OSError."""
        with exclusively(self._root, "cleaning") as ours:
            if not ours:
                return 0
            unfinished = self._index.rows("state=?", (DELETING,), self._settings.cleaning_batch)
            self._delete(unfinished)
            before = self._clock.now_us() - self.retain_minutes * _US_PER_MINUTE
            old = self._oldest(before)
            self._delete(old)
            return len(unfinished) + len(old) + self._make_room()

    def _oldest(self, before_us: int) -> list[SegmentRow]:
        where = "end_us<? AND state=? ORDER BY end_us"
        return self._index.rows(where, (before_us, SEALED), self._settings.cleaning_batch)

    def _make_room(self) -> int:
        """Delete the oldest segments until the disk has its free space again, but never the newest hour's."""
        missing = self._settings.min_free_bytes - _free_bytes(self._root)
        if missing <= 0:
            return 0
        before = self._clock.now_us() - self._settings.keep_newest_minutes * _US_PER_MINUTE
        chosen: list[SegmentRow] = []
        size_bytes = 0
        for row in self._oldest(before):
            if size_bytes >= missing:
                break
            chosen.append(row)
            size_bytes += row.size_bytes
        if chosen:
            self._delete(chosen)
            log.warning("recordings deleted for space", extra={"path": str(self._root), "segments": len(chosen)})
            self._on_event(SpaceReclaimed(str(self._root), len(chosen), size_bytes))
        return len(chosen)

    def _delete(self, rows: list[SegmentRow]) -> None:
        if not rows:
            return
        self._index.mark_deleting([row.id for row in rows])
        gone: list[int] = []
        for row in rows:
            path = segment_path(self._root, row.key, row.start)
            try:
                path.unlink(missing_ok=True)
                gone.append(row.id)
                path.parent.rmdir()  # the day, once it is empty
            except OSError as error:
                if path.exists():
                    log.error("segment not deleted", extra={"path": str(path), "reason": error.strerror})
        self._index.remove(gone)


def _free_bytes(root: Path) -> int:
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize
