"""Moves what is old, or what the disk has no more room for, to the next stage: oldest first."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from common.api.recorder_configuration import RecordedArchive
from common.foundation.clock import Clock, UtcUs
from common.foundation.errors import StorageError
from common.media.mp4.protection import Mp4Locked
from server.recording.archiving.events import Report, SegmentNotMoved
from server.recording.archiving.grooming import Groomed
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.moving import Mover, Rewritten, SourceUnreadable, finish_deletions
from server.recording.archiving.pacing import Pace
from server.recording.archiving.places import segment_name
from server.recording.archiving.protected import Gate, Locked
from server.recording.archiving.rekeying import RenewableKeys
from server.recording.archiving.stage import Stage
from server.recording.mediadb.contract import Span
from server.recording.mediadb.files import ReadableFile
from server.recording.mediadb.index import SEALED, SegmentRow
from server.recording.mediadb.seals import Signer

log = logging.getLogger(__name__)

_BATCH = 100
_MOST_SKIPPED = 10_000
_EVER = 1 << 62
_ROOM_BACK = 1.02  # so much more is freed than is missing, or the next second would ask again


class Archiver:
    """The job between two neighbouring stages."""

    def __init__(
        self,
        source: Stage,
        target: Stage,
        *,
        prepare: Callable[[Stage], None],
        clock: Clock,
        locked: Locked,
        report: Report,
        bytes_per_s: int,
        low_free_bytes: int,
        signer: Callable[[], Signer | None] = lambda: None,
        keys: RenewableKeys | None = None,
        gate: Gate = nullcontext,
    ) -> None:
        """`signer`: signs what is thinned out, where it was signed before. `keys`: of what is encrypted; without them
        it moves as it is."""
        self._source = source
        self._target = target
        self._prepare = prepare
        self._clock = clock
        self._locked = locked
        self._gate = gate
        self._report = report
        self._bytes_per_s = bytes_per_s
        self._low_free_bytes = low_free_bytes
        self._signer = signer
        self._keys = keys
        self._keyless = False
        self._told: set[tuple[str, str, int]] = set()

    def urgent(self) -> bool:
        """Whether the stage before has no room left, so that archiving must not wait for its hour."""
        try:
            return self._source.index.exists and self._missing_bytes() > 0
        except (OSError, StorageError):
            return False

    def run(self, run: JobRun) -> None:
        """Move everything that is due. Raises StorageError or OSError when it cannot go on, or Stopped."""
        self._prepare(self._source)
        if not self._source.index.exists:
            return  # nothing was recorded yet
        self._prepare(self._target)
        finish_deletions(self._source, run.stop)
        before = self._source.before(self._clock.now_us(), self._source.retain_minutes)
        _, due_bytes = self._source.index.totals("end_us<? AND state=?", (before, SEALED))
        run.expect(max(due_bytes, self._missing_bytes()))
        groom = self._target.archive is not None and self._target.archive.groom != "none"
        mover = Mover(
            self._source,
            self._target,
            Pace(self._bytes_per_s, run.stop),
            rewrite=self._groomed if groom else None,
            locked=self._locked,
            gate=self._gate,
            moved=run.advance,
        )
        skipped: set[int] = set()
        try:
            for row in self._due(before, skipped, mover):
                try:
                    mover.move(row)
                    run.segment_done()
                except SourceUnreadable as error:
                    if len(skipped) >= _MOST_SKIPPED:
                        raise
                    skipped.add(row.id)
                    self._tell(row, error)
        finally:
            mover.delete_hidden(wait=not run.stop.is_set())

    def _due(self, before: int, skipped: set[int], mover: Mover) -> Iterator[SegmentRow]:
        """Segments that are due by age, then by want of room; each was moved, or is in `skipped`, when the next is
        asked for."""
        while rows := self._oldest("end_us<?", before, skipped):
            yield from rows
        while (missing := self._missing_bytes()) > 0 and (rows := self._oldest("end_us<=?", _EVER, skipped)):
            for row in rows:
                yield row
                missing -= row.size_bytes
                if missing <= 0:
                    break
            mover.delete_hidden(wait=True)  # gives the room back before it is measured again

    def _oldest(self, where: str, before: int, skipped: set[int]) -> list[SegmentRow]:
        rows = self._source.index.rows(f"{where} AND state=? ORDER BY end_us", (before, SEALED), len(skipped) + _BATCH)
        return [row for row in rows if row.id not in skipped]

    def _missing_bytes(self) -> int:
        """How much the stage before has to give up by its size cap, or by the free space of its disk."""
        missing = 0
        if self._source.most_bytes:
            _, used = self._source.index.totals("state=?", (SEALED,))
            missing = used - self._source.most_bytes
        if self._low_free_bytes and self._source.files.disk != self._target.files.disk:
            free = self._source.files.free_bytes()
            if free is not None:
                missing = max(missing, int(self._low_free_bytes * _ROOM_BACK) - free)
        return max(0, missing)

    @contextmanager
    def _groomed(self, source: Stage, row: SegmentRow) -> Iterator[Rewritten | None]:
        archive = self._target.archive
        assert archive is not None
        if self._locked(row.key.device, Span(row.start, row.end)):
            yield None
            return
        with source.files.open(segment_name(row.key, row.start)) as file:
            groomed = self._thinned(file, row, archive)
            yield None if groomed is None or groomed.keeps_all else groomed

    def _thinned(self, file: ReadableFile, row: SegmentRow, archive: RecordedArchive) -> Groomed | None:
        """None when the segment is encrypted and its key is not known: it moves as it is."""
        try:
            return Groomed(file, row.start, archive.groom, archive.groom_fps, signer=self._signer(), keys=self._keys)
        except Mp4Locked as error:
            if not self._keyless:
                log.warning("encrypted segments not thinned out", extra={"reason": str(error)})
            self._keyless = True
            return None

    def _tell(self, row: SegmentRow, error: SourceUnreadable) -> None:
        """Report a segment that cannot be moved, once in this process's life."""
        known = (row.key.device, row.key.track, row.start)
        if known not in self._told and len(self._told) < _MOST_SKIPPED:
            self._told.add(known)
            self._report(SegmentNotMoved(str(error.params["path"]), row.key, UtcUs(row.start), str(error)))
