"""Keeping the index of an archive in step with its files. A remote one is made again from its table files, or where one
is missing from the segment itself."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from common.foundation.clock import US_PER_S, UtcUs
from common.foundation.errors import StorageError
from common.media.mp4.boxes import Mp4Damaged
from server.recording.archiving.jobs import JobRun
from server.recording.archiving.places import StoredSegment
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import Stage
from server.recording.archiving.tables import decode_table_file, encode_table_file, table_name
from server.recording.mediadb.index import SealedSegment, SegmentIndex
from server.recording.mediadb.repair import move_aside, reindex, repair_at_start, scan_file

log = logging.getLogger(__name__)

_BATCH = 200
_FAR_US = 365 * 86_400 * US_PER_S


class Indexing:
    """The job that puts an archive's index in step with its files: when the recorder starts, and when it is gone."""

    def __init__(self, stage: Stage, prepare: Callable[[Stage], None]) -> None:
        self._stage = stage
        self._prepare = prepare
        self._done = False

    def next_due(self, now: UtcUs, last: UtcUs | None) -> UtcUs:
        """Once in the life of the process."""
        return UtcUs(now + _FAR_US) if self._done else now

    def urgent(self) -> bool:
        return not self._stage.index.path.exists() or not self._complete.exists()

    @property
    def _complete(self) -> Path:
        """A file beside the index that says that everything stored is in it."""
        return self._stage.index_root / ".index.complete"

    def run(self, run: JobRun) -> None:
        """Raises StorageError, OSError or Stopped."""
        self._prepare(self._stage)
        index = self._stage.index
        if not index.path.exists():
            self._complete.unlink(missing_ok=True)
        if not self._stage.remote:
            root = self._stage.index_root
            report = repair_at_start(root, index) if self._complete.exists() else reindex(root, index)
            log.info("index repaired", extra={"archive": self._stage.name, "indexed": report.indexed})
        elif not self._complete.exists() or _damaged(index):
            self._complete.unlink(missing_ok=True)
            entered = rebuild_remote(self._stage, run)
            log.info("index rebuilt", extra={"archive": self._stage.name, "indexed": entered})
        self._complete.touch()
        self._done = True


def _damaged(index: SegmentIndex) -> bool:
    """Whether SQLite cannot use the index; if so it is moved aside."""
    try:
        faults = index.check()
    except StorageError as error:
        faults = [str(error)]
    if faults:
        move_aside(index, faults[0])
    return bool(faults)


def rebuild_remote(stage: Stage, run: JobRun) -> int:
    """List the archive and enter what the index does not know; return how many segments. Raises OSError, StorageError
    or Stopped. A segment that cannot be read is left where it is, and logged."""
    files = stage.files
    assert isinstance(files, RemoteFiles)
    known = {(row.key, row.start) for row in stage.index.rows("state!=2", ())} if stage.index.exists else set()
    missing = [found for found in files.segments() if (found.key, found.start) not in known]
    run.expect(sum(found.size_bytes for found in missing))
    entered = 0
    for at in range(0, len(missing), _BATCH):
        batch = missing[at : at + _BATCH]
        tables = files.get_many([table_name(found.name) for found in batch])
        for found in batch:
            run.check()
            sealed = _from_table(found, tables.get(table_name(found.name))) or _from_segment(stage, found)
            if sealed is not None:
                stage.index.record_found([sealed])
                entered += 1
            run.advance(found.size_bytes)
            run.segment_done()
    return entered


def _from_table(found: StoredSegment, data: bytes | None) -> SealedSegment | None:
    if data is None:
        return None
    try:
        sealed = decode_table_file(found.key, data).sealed
    except Mp4Damaged as error:
        log.warning("table file cannot be read", extra={"path": table_name(found.name), "reason": str(error)})
        return None
    return sealed if (sealed.start, sealed.size_bytes) == (found.start, found.size_bytes) else None


def _from_segment(stage: Stage, found: StoredSegment) -> SealedSegment | None:
    """Read every fragment's header. A copy that was interrupted before it was entered comes in here as well."""
    files = stage.files
    assert isinstance(files, RemoteFiles)
    try:
        sealed = scan_file(stage.index_root / found.name, found.key, lambda _: files.open(found.name)).sealed
    except Mp4Damaged as error:
        log.warning("segment cannot be read", extra={"path": found.name, "reason": str(error)})
        return None
    digest = hashlib.sha256()
    for chunk in files.stream(found.name):
        digest.update(chunk)
    files.put(table_name(found.name), encode_table_file(sealed, digest.digest()))
    return sealed
