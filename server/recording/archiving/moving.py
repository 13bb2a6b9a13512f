"""Moves one segment to the next stage so that it is playable at every instant, whatever is interrupted when.

    1 copy    2 read back and compare    3 index at the target    4 hide at the source    5 delete the file    6 the row

Until 3 the source is what is played; from 3 to 4 both are, and they are the same; from 4 on the target. A move that
was interrupted begins again at 1 (what is there already is found equal and not copied twice) or, from 4 on, is
finished by `finish_deletions`.
"""

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import Protocol

from common.foundation.errors import StorageError
from common.media.mp4.boxes import Mp4Damaged
from server.recording.archiving.pacing import Pace, Stopped
from server.recording.archiving.places import segment_name
from server.recording.archiving.protected import Gate, Locked
from server.recording.archiving.remote_files import RemoteFiles
from server.recording.archiving.stage import Stage
from server.recording.archiving.tables import encode_table_file, table_name
from server.recording.mediadb.contract import Span
from server.recording.mediadb.fragments import FragmentTable, pack_table
from server.recording.mediadb.index import DELETING, SealedSegment, SegmentRow
from server.recording.mediadb.repair import scan_file

log = logging.getLogger(__name__)

_READERS_S = 2.0  # a reader that found a segment's row before it was hidden still finds its file for so long
_BATCH = 200


class Rewritten(Protocol):
    """Other bytes of a segment on its way. `table` describes them once all `chunks` were taken."""

    table: FragmentTable

    def chunks(self) -> Iterator[bytes]:
        """Raises Mp4Damaged or OSError when the segment cannot be read."""


Rewrite = Callable[[Stage, SegmentRow], AbstractContextManager[Rewritten | None]]
"""Opens a segment to be rewritten; None: it is taken as it is. Raises Mp4Damaged or OSError."""


class CopyDiffers(StorageError):
    """What was read back from an archive is not what was written."""

    message_key = "archiving.copy_differs"


class SourceUnreadable(StorageError):
    """A segment cannot be read where it is; the others can be moved all the same."""

    message_key = "archiving.source_unreadable"


class Mover:
    """Moves segments from one stage to the next. For one thread; `close` it in the end."""

    def __init__(
        self,
        source: Stage,
        target: Stage,
        pace: Pace,
        *,
        rewrite: Rewrite | None = None,
        locked: Locked = lambda device, span: False,
        gate: Gate = nullcontext,
        moved: Callable[[int], None] = lambda _: None,
        readers_s: float = _READERS_S,
    ) -> None:
        """`locked` is asked once more before a segment that was rewritten takes the place of the whole one."""
        self._source = source
        self._target = target
        self._pace = pace
        self._rewrite = rewrite
        self._locked = locked
        self._gate = gate
        self._moved = moved
        self._readers_s = readers_s
        self._hidden: deque[tuple[float, SegmentRow]] = deque()

    def move(self, row: SegmentRow) -> None:
        """Raises SourceUnreadable, CopyDiffers, StorageError or OSError of the target, or Stopped."""
        self._target.files.check()
        while not self._moved_over(row):  # it was thinned out, and locked meanwhile: now it goes whole
            log.info("segment locked while it moved", extra={"device_id": row.key.device, "start": row.start})
        self._hidden.append((time.monotonic() + self._readers_s, row))
        self.delete_hidden(wait=False)

    def _moved_over(self, row: SegmentRow) -> bool:
        """Copy a segment, and have the target's one count; False when a lock forbids what was copied."""
        name = segment_name(row.key, row.start)
        sealed, sha256, rewritten = self._copied(name, row)
        # The target is checked again: what was written beside a disk that is gone must not count.
        try:
            self._target.files.check()
        except StorageError:
            self._target.files.delete(name)
            raise
        if isinstance(self._target.files, RemoteFiles):
            self._target.files.put(table_name(name), encode_table_file(sealed, sha256))
        with self._gate() if rewritten else nullcontext():
            if rewritten and self._locked(row.key.device, Span(row.start, row.end)):
                return False
            self._target.index.record([sealed], [])
            self._source.index.mark_deleting([row.id])
        return True

    def _copied(self, name: str, row: SegmentRow) -> tuple[SealedSegment, bytes, bool]:
        """Bring a segment's bytes to the target and prove it; return what the index should know, the SHA-256, and
        whether it was rewritten."""
        with ExitStack() as opened:
            rewritten = self._begin_rewriting(row, opened)
            if rewritten is not None:
                try:
                    sha256, size = self._proved(name, row, rewritten.chunks())
                except SourceUnreadable as error:
                    if not isinstance(error.__cause__, Mp4Damaged):
                        raise
                    log.warning("segment moved as it is", extra={"path": name, "reason": str(error)})
                else:
                    table = rewritten.table
                    # Where its last picture ends is known from the picture behind it, which is in another file.
                    gaps = table.gaps + (table.start != row.start)
                    return SealedSegment(row.key, row.start, row.end, gaps, size, pack_table(table)), sha256, True
        sealed = self._sealed(row)
        if self._target.files.size_bytes(name) == row.size_bytes:  # a move was interrupted behind its copy
            sha256, size = self._digest(self._reading(row, self._source.files.stream(name)))
            if self._digest(self._target.files.stream(name)) == (sha256, size):
                return replace(sealed, size_bytes=size), sha256, False
        sha256, size = self._proved(name, row, self._source.files.stream(name))
        return replace(sealed, size_bytes=size), sha256, False

    def _begin_rewriting(self, row: SegmentRow, opened: ExitStack) -> Rewritten | None:
        if self._rewrite is None:
            return None
        try:
            return opened.enter_context(self._rewrite(self._source, row))
        except Mp4Damaged as error:  # what is damaged is evidence still: it goes as it is
            log.warning("segment moved as it is", extra={"path": str(row.start), "reason": str(error)})
            return None
        except OSError as error:
            raise self._unreadable(row, error) from error

    def _proved(self, name: str, row: SegmentRow, chunks: Iterator[bytes]) -> tuple[bytes, int]:
        """Copy and compare; return SHA-256 and size."""
        written = self._copy(name, self._reading(row, chunks))
        found = self._digest(self._target.files.stream(name))
        if found != written:
            self._target.files.delete(name)
            raise CopyDiffers(
                f"{written[1]} bytes were written and {found[1]} others read",
                path=self._target.files.place,
                segment=name,
            )
        return written

    def _reading(self, row: SegmentRow, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Tell a failure of the source from one of the target."""
        try:
            yield from chunks
        except (OSError, Mp4Damaged) as error:
            raise self._unreadable(row, error) from error

    def _unreadable(self, row: SegmentRow, error: OSError | Mp4Damaged) -> SourceUnreadable:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        return SourceUnreadable(
            reason, path=f"{self._source.files.place}/{segment_name(row.key, row.start)}", device=row.key.device
        )

    def _copy(self, name: str, chunks: Iterable[bytes]) -> tuple[bytes, int]:
        digest, size = hashlib.sha256(), 0
        incoming = self._target.files.create(name)
        try:
            for chunk in chunks:
                incoming.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                self._moved(len(chunk))
                self._pace.spend(len(chunk))
            incoming.publish()
        except BaseException:
            incoming.discard()
            raise
        return digest.digest(), size

    def _digest(self, chunks: Iterable[bytes]) -> tuple[bytes, int]:
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            self._pace.spend(0)
        return digest.digest(), size

    def _sealed(self, row: SegmentRow) -> SealedSegment:
        blob = self._source.index.table_blob(row.id)
        if blob is None:
            name, files = segment_name(row.key, row.start), self._source.files
            try:
                blob = scan_file(self._source.index_root / name, row.key, lambda _: files.open(name)).sealed.blob
            except (OSError, Mp4Damaged) as error:
                raise self._unreadable(row, error) from error
        return SealedSegment(row.key, row.start, row.end, row.gaps, row.size_bytes, blob)

    def delete_hidden(self, *, wait: bool) -> None:
        """Delete at the source what no reader can still be about to open; `wait` for the last ones."""
        gone: list[int] = []
        while self._hidden and (wait or self._hidden[0][0] <= time.monotonic()):
            due_s, row = self._hidden.popleft()
            time.sleep(max(0.0, due_s - time.monotonic()))
            delete_segment(self._source, row)
            gone.append(row.id)
        if gone:
            self._source.index.remove(gone)


def delete_segment(stage: Stage, row: SegmentRow) -> None:
    """Delete a hidden segment's files."""
    name = segment_name(row.key, row.start)
    if isinstance(stage.files, RemoteFiles):
        stage.files.delete(table_name(name))
    stage.files.delete(name)


def finish_deletions(stage: Stage, stop: threading.Event) -> int:
    """Finish what was interrupted between hiding and deleting; return how many segments."""
    done = 0
    while rows := stage.index.rows("state=?", (DELETING,), _BATCH):
        for row in rows:
            if stop.is_set():
                raise Stopped
            delete_segment(stage, row)
        stage.index.remove([row.id for row in rows])
        done += len(rows)
    return done
