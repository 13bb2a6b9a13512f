"""One SQLite file used from several threads, each with a connection of its own."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What use of a file may raise: the texts of a damaged one, and SQLite's complaints that quote them, are no UTF-8."""


def tells_damage(error: Exception) -> bool:
    """Whether what came of one of these means that the file is damaged, not that it is busy or the disk full."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.DatabaseError | UnicodeDecodeError) and not isinstance(
        cause, sqlite3.OperationalError
    )


class ThreadConnections:
    """Opens a connection for each thread that asks, and closes all of them together."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """`connect`: opens one, with `check_same_thread` off (they are closed by whoever closes) and no isolation level
        (transactions are begun in so many words)."""
        self._connect = connect
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def of_this_thread(self) -> sqlite3.Connection:
        """Return the thread's connection, opened on first use. Raises what `connect` raises."""
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None:
            return known
        connection = self._connect()
        self._local.connection = connection
        with self._lock:
            self._opened.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection; a thread that asks again gets a new one."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what is done inside, or none of it. A commit that fails (the disk is full) leaves nothing open: SQLite
    has rolled back by itself, or is told to."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
