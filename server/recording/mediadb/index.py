"""The index of a storage: one row a segment, in SQLite (WAL). The files are the truth; this can be rebuilt from them.

Several processes write and read it at once. Each thread has its own connection.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from server.recording.mediadb import runs
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.fragments import pack_table, unpack_table
from server.recording.mediadb.layout import INDEX
from server.recording.sqlite_threads import SQLITE_ERRORS, ThreadConnections, transaction

log = logging.getLogger(__name__)

VERSION = 2
OPEN, SEALED, DELETING = 0, 1, 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    track TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    state INTEGER NOT NULL,
    gaps INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    fragments BLOB,
    UNIQUE (device, track, start_us)
);
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (device, track, start_us, end_us, state, gaps);
CREATE INDEX IF NOT EXISTS segments_by_age ON segments (end_us, state, device, track, start_us, size_bytes);
"""
_ROW = "id, device, track, start_us, end_us, state, gaps, size_bytes"


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment as the index knows it. `end_us` and `size_bytes` of an open one are those at its beginning."""

    id: int
    key: TrackKey
    start: UtcUs
    end: UtcUs
    state: int
    gaps: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """What is written when a segment is finished; `blob` is its fragment table."""

    key: TrackKey
    start: UtcUs
    end: UtcUs
    gaps: int
    size_bytes: int
    blob: bytes


def ended_by(before: SealedSegment, start: UtcUs) -> SealedSegment:
    """`before`, clipped to where the segment behind it starts: a run that was sent faster than it was shot, as cameras
    do when a connection begins, claims more time than it had. One that starts earlier (the clock was set back) does
    not count."""
    if not before.start < start < before.end:
        return before
    table = unpack_table(before.blob)
    table.ends[-1] = max(start, table.starts[-1] + 1)
    return replace(before, end=table.end, blob=pack_table(table))


def _row(found: tuple[int, str, str, int, int, int, int, int]) -> SegmentRow:
    number, device, track, start, end, state, gaps, size = found
    key = TrackKey(DeviceId(device), TrackName(track))
    return SegmentRow(number, key, UtcUs(start), UtcUs(end), state, gaps, size)


def sqlite_statements(script: str) -> list[str]:
    """Cut a script into statements, which `execute` runs inside a transaction; `executescript` would commit it."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


class SegmentIndex:
    """Rows by track and time. Every method raises StorageError when SQLite cannot do it."""

    def __init__(self, root: Path, *, writable: bool) -> None:
        self.path = root / INDEX
        self._writable = writable
        self._connections = ThreadConnections(self._connect)
        self._seen = False

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded here: the index is there, and its maker has finished making it."""
        if not self._seen and self.path.exists():
            with self._sqlite() as connection:
                self._seen = connection.execute("PRAGMA user_version").fetchone()[0] >= 1
        return self._seen

    def close(self) -> None:
        """Close the connections of all threads."""
        self._connections.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            if self._writable:
                connection.execute("PRAGMA synchronous=FULL")  # a row outlives a power cut
                self._make(connection)
            else:
                if 1 <= connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
                    self._make(connection)  # of a storage that is no longer recorded to
                connection.execute("PRAGMA query_only=1")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        """Create the tables once, or bring those of an older version up to date. SQLite's own waiting does not cover
        the change to WAL, hence the file lock."""
        if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            return
        lock = os.open(self.path.with_name(".index.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StorageError("the index was made by a newer version", path=str(self.path))
            if version < VERSION:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} {runs.TABLE} {runs.FILL} {runs.TRIGGERS}"
                    f" PRAGMA user_version={VERSION}; COMMIT;"
                )
        finally:
            os.close(lock)

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connections.of_this_thread()
        except SQLITE_ERRORS as error:
            raise StorageError(f"the index cannot be used: {error}", path=str(self.path)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._sqlite() as connection, transaction(connection):
            yield connection

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the index; empty when it is sound."""
        with self._sqlite() as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
        return [] if found == ["ok"] else found

    def record(self, sealed: Sequence[SealedSegment], opened: Sequence[tuple[TrackKey, UtcUs]]) -> None:
        """Note finished segments and new ones in one transaction."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO segments (device, track, start_us, end_us, state, gaps, size_bytes, fragments)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, track, start_us) DO UPDATE SET"
                " end_us=excluded.end_us, state=excluded.state, gaps=excluded.gaps, size_bytes=excluded.size_bytes,"
                " fragments=excluded.fragments",
                [(*s.key, s.start, s.end, SEALED, s.gaps, s.size_bytes, s.blob) for s in sealed],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO segments (device, track, start_us, end_us, state, gaps, size_bytes)"
                " VALUES (?, ?, ?, ?, ?, 0, 0)",
                [(*key, start, start, OPEN) for key, start in opened],
            )

    def record_found(self, found: Sequence[SealedSegment]) -> None:
        """Note segments read from their files, unless their writer has noted them itself meanwhile: it knows better."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO segments (device, track, start_us, end_us, state, gaps, size_bytes, fragments)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, track, start_us) DO UPDATE SET"
                " end_us=excluded.end_us, state=excluded.state, gaps=excluded.gaps, size_bytes=excluded.size_bytes,"
                " fragments=excluded.fragments WHERE segments.state=0",
                [(*s.key, s.start, s.end, SEALED, s.gaps, s.size_bytes, s.blob) for s in found],
            )

    def set_end(self, key: TrackKey, start: UtcUs, end: UtcUs) -> None:
        """Correct where a segment ends."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE segments SET end_us=? WHERE device=? AND track=? AND start_us=?", (end, *key, start)
            )

    def mark_deleting(self, ids: Sequence[int]) -> None:
        """First phase of deletion: readers no longer see these."""
        with self._transaction() as connection:
            connection.executemany("UPDATE segments SET state=? WHERE id=?", [(DELETING, number) for number in ids])

    def restore(self, ids: Sequence[int]) -> None:
        """Take back `mark_deleting`, where the files are still there."""
        with self._transaction() as connection:
            connection.executemany("UPDATE segments SET state=? WHERE id=?", [(SEALED, number) for number in ids])

    def remove(self, ids: Sequence[int]) -> None:
        """Last phase of deletion, or of forgetting a file that is gone."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM segments WHERE id=?", [(number,) for number in ids])

    def clear(self) -> None:
        """Forget everything, to be rebuilt."""
        with self._transaction() as connection:
            for statement in sqlite_statements(runs.NO_TRIGGERS):  # row by row it takes minutes
                connection.execute(statement)
            connection.execute("DELETE FROM segments")
            connection.execute("DELETE FROM heads")
            for statement in sqlite_statements(runs.TRIGGERS):
                connection.execute(statement)

    def rows(self, where: str, params: Sequence[object], limit: int = -1) -> list[SegmentRow]:
        """Return rows without their tables; `where` may carry its own ORDER BY."""
        with self._sqlite() as connection:
            query = f"SELECT {_ROW} FROM segments WHERE {where} LIMIT ?"  # noqa: S608 - our own constant texts
            return [_row(found) for found in connection.execute(query, (*params, limit))]

    def totals(self, where: str, params: Sequence[object]) -> tuple[int, int]:
        """How many segments, and how many bytes, rows come to."""
        with self._sqlite() as connection:
            query = f"SELECT COUNT(*), TOTAL(size_bytes) FROM segments WHERE {where}"  # noqa: S608 - our own texts
            count, size_bytes = connection.execute(query, params).fetchone()
        return int(count), int(size_bytes)

    def spans(self, key: TrackKey, start: int, end: int) -> list[SegmentRow]:
        """Rows of a track that start in `start <= t < end`, oldest first."""
        where = "device=? AND track=? AND start_us>=? AND start_us<? AND state!=2 ORDER BY start_us"
        return self.rows(where, (*key, start, end))

    def runs(self, key: TrackKey, start: int, end: int, most: int) -> list[tuple[SegmentRow, UtcUs]]:
        """The runs of segments without a gap that meet `start <= t < end`, and at most one before them: the first
        segment of each (its size is not told), and where the run ends. Where that segment is not sealed, or has gaps
        inside, it is a run by itself and only its table tells what it holds."""
        with self._sqlite() as connection:
            return [(_row(first), last) for first, last in runs.find_runs(connection, key, start, end, most)]

    def at_or_before(self, key: TrackKey, at: int, most: int = 1) -> list[SegmentRow]:
        """The newest rows of a track that start at or before `at`, newest first."""
        where = "device=? AND track=? AND start_us<=? AND state!=2 ORDER BY start_us DESC"
        return self.rows(where, (*key, at), most)

    def after(self, key: TrackKey, at: int, most: int = 1) -> list[SegmentRow]:
        """The oldest rows of a track that start later than `at`, oldest first."""
        where = "device=? AND track=? AND start_us>? AND state!=2 ORDER BY start_us"
        return self.rows(where, (*key, at), most)

    def table_blob(self, number: int) -> bytes | None:
        """The fragment table of a sealed segment; None when the row has none or is gone."""
        with self._sqlite() as connection:
            found = connection.execute("SELECT fragments FROM segments WHERE id=?", (number,)).fetchone()
        return None if found is None else found[0]
