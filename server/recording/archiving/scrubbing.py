"""Reads everything that is stored once in so many days, to find damage while there is still another copy of it."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from common.foundation.clock import US_PER_S, Clock, UtcUs
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import read_init, read_units, scan_fragments
from server.recording.archiving.events import Report, ScrubFinished, SegmentDamaged
from server.recording.archiving.job_store import JobStore
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.places import StageFiles, segment_name
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import Stage
from server.recording.archiving.tables import decode_table_file, table_name
from server.recording.mediadb.index import SEALED, SegmentRow
from server.recording.proof.contents import Place
from server.recording.proof.findings import Trust
from server.recording.proof.segments import verify_segment

log = logging.getLogger(__name__)

_BATCH = 50
_US_PER_DAY = 86_400 * US_PER_S

Verify = Callable[[StageFiles, str, SegmentRow], str]
"""What is wrong with a segment, in words; empty when nothing is. Raises OSError when it cannot be read at all."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass over a stage: the last row that was done, and when it began."""

    began_us: int
    row: int = 0
    segments: int = 0
    damaged: int = 0

    @classmethod
    def parse(cls, text: str) -> "_Pass | None":
        if not text:
            return None
        found = json.loads(text)
        return cls(found["began_us"], found["row"], found["segments"], found["damaged"])

    def text(self) -> str:
        return json.dumps(
            {"began_us": self.began_us, "row": self.row, "segments": self.segments, "damaged": self.damaged}
        )


def structure_faults(files: StageFiles, name: str, row: SegmentRow) -> str:
    """Check that a segment is as large as it was, and what its seals say; where it has none, that all of it is
    fragments whose samples can be cut out."""
    with files.open(name) as file:
        size = file.size_bytes()
        if size != row.size_bytes:
            return f"it has {size} bytes instead of {row.size_bytes}"
        report = verify_segment(file, Place(name, row.key.device, row.key.track, row.start), Trust())
        if report.is_sealed:
            more = f", and {len(report.findings) - 1} more faults" if len(report.findings) > 1 else ""
            return report.findings[0].why + more if report.findings else ""
        try:
            init = read_init(file.read)
            scan = scan_fragments(file.read, init.size_bytes, size, finished=True)
            for fragment in () if init.protection is not None else scan.fragments:
                read_units(file.read(fragment.offset, fragment.size_bytes), init.config)
        except Mp4Damaged as error:
            return str(error)
    skipped = scan.skipped_bytes + size - scan.next_offset
    return f"{skipped} bytes of it are no fragments" if skipped else ""


def remote_faults(files: RemoteFiles, name: str, row: SegmentRow) -> str:
    """Compare a segment in a remote archive with the hash that was noted when it was stored."""
    try:
        noted = decode_table_file(row.key, files.get(table_name(name)))
    except (FileNotFoundError, Mp4Damaged):
        return structure_faults(files, name, row)
    digest = hashlib.sha256()
    for chunk in files.stream(name):
        digest.update(chunk)
    return "" if digest.digest() == noted.sha256 else "its bytes are not those that were stored"


class Scrubber:
    """The job of one stage: in each run so many bytes that a pass takes `days`; the next run goes on from there."""

    def __init__(
        self,
        stage: Stage,
        store: JobStore,
        *,
        prepare: Callable[[Stage], None],
        clock: Clock,
        report: Report,
        days: float,
        verify: Verify = structure_faults,
    ) -> None:
        self._stage = stage
        self._store = store
        self._prepare = prepare
        self._clock = clock
        self._report = report
        self._days = days
        self._verify = verify

    def next_due(self, now: UtcUs, last: UtcUs | None) -> UtcUs:
        """Every ten minutes a portion."""
        return now if last is None else UtcUs(last + 600 * US_PER_S)

    def run(self, run: JobRun) -> None:
        """Verify the portion that is due. Raises StorageError, OSError or Stopped."""
        self._prepare(self._stage)
        if not self._stage.index.exists:
            return
        now = self._clock.now_us()
        _, total = self._stage.index.totals("state=?", (SEALED,))
        current = _Pass.parse(run.cursor)
        if current is None:
            current = _Pass(now)
            run.cursor = current.text()
        if current.row < 0:  # the pass is done; the next one begins when its days are over
            if now - current.began_us < self._days * _US_PER_DAY:
                return
            current = _Pass(now)
            run.restart()
        elapsed = max(0.0, (now - current.began_us) / (self._days * _US_PER_DAY))
        portion = max(1, int(total * min(1.0, elapsed)) - run.record.done_bytes)
        run.expect(max(0, total - run.record.done_bytes))
        done = 0
        while done < portion:
            rows = self._stage.index.rows("id>? AND state=? ORDER BY id", (current.row, SEALED), _BATCH)
            if not rows:
                self._report(ScrubFinished(self._stage.name, current.segments, current.damaged))
                run.cursor = _Pass(current.began_us, -1, current.segments, current.damaged).text()
                return
            for row in rows:
                run.check()
                damaged = self._look_at(row)
                current = _Pass(current.began_us, row.id, current.segments + 1, current.damaged + damaged)
                run.cursor = current.text()
                run.advance(row.size_bytes)
                run.segment_done()
                done += row.size_bytes
                if done >= portion:
                    break

    def _look_at(self, row: SegmentRow) -> bool:
        """Verify one segment; True when it is damaged."""
        name, files = segment_name(row.key, row.start), self._stage.files
        try:
            fault = remote_faults(files, name, row) if isinstance(files, RemoteFiles) else ""
            fault = fault or self._verify(files, name, row)
        except FileNotFoundError:
            if not self._stage.index.rows("id=? AND state=?", (row.id, SEALED)):
                return False  # it was moved or deleted while we looked
            fault = "the file is missing"
        except OSError as error:
            files.check()  # the whole stage may be gone: then this raises, and the segment is not to blame
            fault = f"it cannot be read: {error.strerror or error}"
        path = f"{files.place}/{name}"
        if not fault:
            self._store.note_sound(self._stage.id, path)
            return False
        if self._store.note_damaged(self._stage.id, path, fault, self._clock.now_us()):
            log.error("segment damaged", extra={"path": path, "reason": fault})
            self._report(SegmentDamaged(path, row.key, row.start, fault))
        return True
