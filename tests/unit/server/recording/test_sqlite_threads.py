"""Transactions that fail leave the connection usable, also when the commit itself fails for want of room."""

import sqlite3
from pathlib import Path

import pytest

from server.recording.sqlite_threads import ThreadConnections, transaction


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE IF NOT EXISTS t (x BLOB)")
    return connection


def test_a_transaction_without_room_is_undone_and_the_next_one_works(tmp_path: Path) -> None:
    connections = ThreadConnections(lambda: opened(tmp_path / "file"))
    connection = connections.of_this_thread()
    assert connections.of_this_thread() is connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(connection):
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    connections.close()


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    connection = opened(tmp_path / "file")
    connection.executescript(
        "PRAGMA foreign_keys=1; CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.execute("INSERT INTO b VALUES (7)")  # found out by COMMIT, which leaves the transaction open
    with transaction(connection):
        connection.execute("INSERT INTO a VALUES (7)")
    assert connection.execute("SELECT count(*) FROM b").fetchone() == (0,)
    connection.close()
