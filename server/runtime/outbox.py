"""A durable queue of messages to another daemon, in one SQLite file: what is in it survives a kill and a power cut.

Each message has an id; putting one in twice keeps it once. It is taken out after it was delivered, so that it is
delivered at least once. When the file is full the newest are refused and counted: the oldest show how it began.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.foundation.errors import StorageError

_BUSY_S = 10.0


class OutboxUnusable(StorageError):
    """The outbox's file cannot be read or written."""

    message_key = "error.outbox"


class Outbox:
    """Blocking; safe to use from several threads."""

    def __init__(self, file: Path, most: int = 200_000) -> None:
        """Open or create it; one that is damaged is set aside and a new one begun. Raises OutboxUnusable."""
        self._file = file
        self._most = most
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.set_aside: Path | None = None
        """Where a damaged file went, if it was."""
        try:
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as damaged:
                if isinstance(damaged, sqlite3.OperationalError):
                    raise
                self.set_aside = self._move_away()
                self._connection = self._open()
        except (sqlite3.Error, OSError) as failed:
            raise OutboxUnusable(str(failed), path=str(file)) from failed

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def put(self, messages: Iterable[tuple[str, str]]) -> int:
        """Keep messages, `(id, body)`; return how many had no place. They are on disk when this returns."""
        refused = 0
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                (count,) = self._connection.execute("SELECT count(*) FROM outbox").fetchone()
                for identifier, body in messages:
                    if count >= self._most:
                        refused += 1
                        continue
                    count += self._connection.execute(
                        "INSERT OR IGNORE INTO outbox (id, body) VALUES (?, ?)", (identifier, body)
                    ).rowcount
                self._connection.execute("COMMIT")
            except sqlite3.Error as failed:
                self._undo()
                raise OutboxUnusable(str(failed), path=str(self._file)) from failed
        return refused

    def oldest(self, most: int) -> list[tuple[str, str]]:
        """Return messages in the order they came, `(id, body)`."""
        with self._lock:
            try:
                return self._connection.execute(
                    "SELECT id, body FROM outbox ORDER BY number LIMIT ?", (most,)
                ).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as failed:
                raise OutboxUnusable(str(failed), path=str(self._file)) from failed

    def remove(self, identifiers: Sequence[str]) -> None:
        """Forget what was delivered."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("DELETE FROM outbox WHERE id = ?", [(each,) for each in identifiers])
                self._connection.execute("COMMIT")
            except sqlite3.Error as failed:
                self._undo()
                raise OutboxUnusable(str(failed), path=str(self._file)) from failed

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS outbox "
                "(number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)"
            )
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
            self._file.chmod(0o600)
        except BaseException:
            connection.close()
            raise
        return connection

    def _move_away(self) -> Path:
        aside = next(
            place
            for number in range(1, 1_000_000)
            if not (place := self._file.with_name(f"{self._file.name}.damaged{number}")).exists()
        )
        self._file.rename(aside)
        for suffix in ("-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        return aside
