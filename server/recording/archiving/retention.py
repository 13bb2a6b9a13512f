"""What an archive lets go of: recordings older than any stage keeps, and the oldest where there is no room left."""

import json
import logging
from collections.abc import Callable
from contextlib import nullcontext

from common.foundation.clock import US_PER_S, Clock
from server.recording.archiving.events import ArchiveTrimmed, Report, RetentionHeld
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.moving import delete_segment, finish_deletions
from server.recording.archiving.protected import Gate, Locked
from server.recording.archiving.stage import US_PER_MINUTE, Stage
from server.recording.mediadb.contract import Span
from server.recording.mediadb.index import SEALED, SegmentRow

log = logging.getLogger(__name__)

_BATCH = 200
_FEW = 20  # below so many segments a large share says nothing
_HELD_US = 24 * 3600 * US_PER_S
_KEEP_NEWEST_MINUTES = 60  # which want of room never claims
_EVER = 1 << 62


class Retention:
    """The job of one archive. Deletes in two phases, oldest first, whole segments; never what is locked."""

    def __init__(
        self,
        stage: Stage,
        *,
        prepare: Callable[[Stage], None],
        clock: Clock,
        locked: Locked,
        report: Report,
        keep_free_bytes: int,
        gate: Gate = nullcontext,
    ) -> None:
        self._stage = stage
        self._prepare = prepare
        self._clock = clock
        self._locked = locked
        self._gate = gate
        self._report = report
        self._keep_free_bytes = keep_free_bytes

    def run(self, run: JobRun) -> None:
        """Do one round. Raises StorageError, OSError or Stopped."""
        self._prepare(self._stage)
        if not self._stage.index.exists:
            return
        finish_deletions(self._stage, run.stop)
        before = self._stage.before(self._clock.now_us(), self._stage.delete_minutes)
        if self._believable(before, run):
            self._delete_where("end_us<?", before, None, run)
        self._make_room(run)

    def _believable(self, before: int, run: JobRun) -> bool:
        """False while more than half of the archive would go by age, until it has been so for a day."""
        index = self._stage.index
        old, _ = index.totals("end_us<? AND state=?", (before, SEALED))
        everything, _ = index.totals("state=?", (SEALED,))
        if old < _FEW or old * 2 <= everything:
            run.cursor = ""
            return True
        now = self._clock.now_us()
        held_since = json.loads(run.cursor)["held_since_us"] if run.cursor else None
        if held_since is None:
            run.cursor = json.dumps({"held_since_us": now})
            log.error("retention held back", extra={"archive": self._stage.name, "segments": old, "of": everything})
            self._report(RetentionHeld(self._stage.name, old, everything))
            return False
        return bool(now - held_since >= _HELD_US)

    def _make_room(self, run: JobRun) -> None:
        """Delete the oldest until the archive keeps to its size, and its disk has room for what comes next."""
        newest = self._clock.now_us() - _KEEP_NEWEST_MINUTES * US_PER_MINUTE
        missing = self._missing_bytes()
        if missing > 0:
            segments, size_bytes = self._delete_where("end_us<?", newest, missing, run)
            if segments:
                log.warning("archive trimmed", extra={"archive": self._stage.name, "segments": segments})
                self._report(ArchiveTrimmed(self._stage.name, segments, size_bytes))

    def _missing_bytes(self) -> int:
        missing = 0
        if self._stage.most_bytes:
            _, used = self._stage.index.totals("state=?", (SEALED,))
            missing = used - self._stage.most_bytes
        free = self._stage.files.free_bytes()
        return missing if free is None else max(missing, self._keep_free_bytes - free)

    def _delete_where(self, where: str, before: int, most_bytes: int | None, run: JobRun) -> tuple[int, int]:
        """Delete what is older than `before` and not locked, but not more than `most_bytes` ask for."""
        segments = size_bytes = 0
        after = (-_EVER, -1)  # of the last row that was looked at: locked ones stay behind
        while rows := self._stage.index.rows(
            f"{where} AND state=? AND (end_us, id)>(?, ?) ORDER BY end_us, id", (before, SEALED, *after), _BATCH
        ):
            run.check()
            after = (rows[-1].end, rows[-1].id)
            chosen: list[SegmentRow] = []
            with self._gate():
                for row in rows:
                    if most_bytes is not None and size_bytes >= most_bytes:
                        break
                    if not self._locked(row.key.device, Span(row.start, row.end)):
                        chosen.append(row)
                        size_bytes += row.size_bytes
                self._stage.index.mark_deleting([row.id for row in chosen])
            self._delete(chosen)
            segments += len(chosen)
            if most_bytes is not None and size_bytes >= most_bytes:
                break
        return segments, size_bytes

    def _delete(self, rows: list[SegmentRow]) -> None:
        """Of rows that readers no longer see; killed in between, the next round finishes it."""
        for row in rows:
            delete_segment(self._stage, row)
        self._stage.index.remove([row.id for row in rows])
