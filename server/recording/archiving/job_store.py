"""What the jobs remember across restarts: when they ran, how far they are, and what they found damaged. SQLite."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from server.recording.sqlite_threads import SQLITE_ERRORS

STORE = "archiving.sqlite3"
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, storage TEXT NOT NULL, stage TEXT NOT NULL, state TEXT NOT NULL,
    due_us INTEGER NOT NULL, started_us INTEGER, finished_us INTEGER, done_bytes INTEGER NOT NULL,
    total_bytes INTEGER NOT NULL, done_segments INTEGER NOT NULL, error TEXT NOT NULL, cursor TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS damaged (
    stage TEXT NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, found_us INTEGER NOT NULL, PRIMARY KEY (stage, path)
);
"""
_COLUMNS = "id, kind, storage, stage, state, due_us, started_us, finished_us, done_bytes, total_bytes, done_segments,"
_COLUMNS += " error, cursor"
MOST_DAMAGED = 1000  # remembered a stage


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as it stands. `state`: `waiting`, `running`, `retrying` (it failed), `cancelled` (until it is due),
    `resuming` (the process ended meanwhile; it goes on at once).

    `done_bytes` and `total_bytes` are of the run that goes on, or of the last one. `finished_us`: end of the last run
    that got to its end. `cursor`: where the next run goes on, for those that take their work in portions.
    """

    id: str
    kind: str
    storage: str
    stage: str
    state: str = "waiting"
    due_us: int = 0
    started_us: int | None = None
    finished_us: int | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    done_segments: int = 0
    error: str = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class DamagedSegment:
    """A segment that the scrubber found."""

    stage: str
    path: str
    reason: str
    found_us: int


class JobStore:
    """The file of a recorder's jobs. Safe from several threads; raises StorageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            if self._connection.execute("PRAGMA user_version").fetchone()[0] > _VERSION:
                raise StorageError("it was made by a newer version", path=str(path))
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA user_version={_VERSION}")
        except (*SQLITE_ERRORS, OSError) as error:
            raise StorageError(f"the list of jobs cannot be used: {error}", path=str(path)) from error

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except SQLITE_ERRORS as error:
                raise StorageError(f"the list of jobs cannot be used: {error}", path=str(self._path)) from error

    def jobs(self) -> list[JobRecord]:
        with self._sqlite() as connection:
            query = f"SELECT {_COLUMNS} FROM jobs ORDER BY id"  # noqa: S608 - our own constant
            return [JobRecord(*row) for row in connection.execute(query)]

    def put(self, job: JobRecord) -> None:
        with self._sqlite() as connection:
            marks = ", ".join("?" * len(_COLUMNS.split(",")))
            values = [getattr(job, name.strip()) for name in _COLUMNS.split(",")]
            connection.execute(f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608

    def forget(self, job_id: str) -> None:
        with self._sqlite() as connection:
            connection.execute("DELETE FROM jobs WHERE id=?", (job_id,))

    def damaged(self, stage: str | None = None) -> list[DamagedSegment]:
        with self._sqlite() as connection:
            rows = connection.execute("SELECT stage, path, reason, found_us FROM damaged ORDER BY stage, path")
            return [found for row in rows if stage in (None, (found := DamagedSegment(*row)).stage)]

    def note_damaged(self, stage: str, path: str, reason: str, at: UtcUs) -> bool:
        """Remember a damaged segment; True when it was not known yet."""
        with self._sqlite() as connection:
            (count,) = connection.execute("SELECT COUNT(*) FROM damaged WHERE stage=?", (stage,)).fetchone()
            if count >= MOST_DAMAGED:
                return False
            done = connection.execute("INSERT OR IGNORE INTO damaged VALUES (?, ?, ?, ?)", (stage, path, reason, at))
            return done.rowcount == 1

    def note_sound(self, stage: str, path: str) -> None:
        """Forget that a segment was damaged: it was repaired, or is gone."""
        with self._sqlite() as connection:
            connection.execute("DELETE FROM damaged WHERE stage=? AND path=?", (stage, path))


def read_jobs(data: Path) -> tuple[list[JobRecord], list[DamagedSegment]]:
    """What a recorder's jobs remember, for whoever asks from outside its process."""
    path = data / STORE
    if not path.exists():
        return [], []
    store = JobStore(path)
    try:
        return store.jobs(), store.damaged()
    finally:
        store.close()


def resumed(job: JobRecord) -> JobRecord:
    """A job as it is after a restart: what was running goes on at once."""
    return replace(job, state="resuming", due_us=0) if job.state == "running" else job
