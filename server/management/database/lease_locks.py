"""Locks given back by the system when their holder dies: a session's (PostgreSQL, SQL Server) or a file's (SQLite)."""

import contextlib
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from server.management.database.engines import DatabaseLimits, open_engine
from server.management.database.lease import SITE, LeaseLock, LeaseLost
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway, is_away, reason_of
from server.management.database.site_tables import LeaseRow
from server.management.database.store import Database

log = logging.getLogger(__name__)

_LIMITS = DatabaseLimits(pool=1, connect_timeout_s=2, statement_timeout_s=2)
_KEY = 0x7EDE77E
_ENDS_WITHIN_S = 2.0
_TOLD_BYTES = 1024
_TAKE = {
    "postgresql": text(f"SELECT CASE WHEN pg_try_advisory_lock({_KEY}) THEN 0 ELSE -1 END"),
    # sp_getapplock gives 0 or 1 for a lock that is ours, below 0 for none
    "mssql": text(
        "DECLARE @got INT; EXEC @got = sp_getapplock @Resource = N'vedette management', @LockMode = N'Exclusive', "
        "@LockOwner = N'Session', @LockTimeout = 0; SELECT @got"
    ),
}
_END = {
    # One user's sessions may end each other.
    "postgresql": text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :program "
        "AND usename = current_user AND pid <> pg_backend_pid()"
    ),
    # Ending sessions takes a right that we need not have there: the fence stops the holder all the same.
    "mssql": text("SELECT session_id FROM sys.dm_exec_sessions WHERE program_name = :program AND session_id <> @@SPID"),
}


def lease_lock(database: Database) -> LeaseLock:
    """Return the kind of lock that fits the database."""
    if database.address.kind == "sqlite":
        return FileLock(database.address.path.with_name(database.address.path.name + ".lease"))
    return SessionLock(database)


class SessionLock:
    """A lock that one session of the database's holds, on a connection kept for it alone."""

    def __init__(self, database: Database) -> None:
        self._kind = database.address.kind
        self._program = database.program
        self._engine: Engine = open_engine(database.address, _LIMITS, database.program).execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self._connection: Connection | None = None
        self._locked = False

    def take(self) -> bool:
        with self._session() as connection:
            if not self._locked:
                self._locked = (connection.scalar(_TAKE[self._kind]) or 0) >= 0
            return self._locked

    def beat(self) -> None:
        with self._session() as connection:
            ours = (LeaseRow.name == SITE, LeaseRow.holder == self._program)
            if connection.execute(update(LeaseRow).where(*ours).values(beat=LeaseRow.beat + 1)).rowcount != 1:
                raise LeaseLost("the lease is another server's")
        if not self._locked and not self.take():
            log.info("the lock of the lease is still with the session before")

    def pulse(self) -> object:
        try:
            with self._session() as connection:
                row = connection.execute(
                    select(LeaseRow.generation, LeaseRow.beat).where(LeaseRow.name == SITE)
                ).first()
        except SQLAlchemyError:
            return None  # no tables yet: the holder makes them just now
        return None if row is None else (row.generation, row.beat)

    def end_holder(self, program: str) -> bool:
        with self._session() as connection:
            found = connection.execute(_END[self._kind], {"program": program}).all()
            if self._kind == "mssql":
                for row in found:
                    with contextlib.suppress(SQLAlchemyError):
                        connection.exec_driver_sql(f"KILL {int(row[0])}")
        return True

    def release(self) -> None:
        self._drop()
        self._engine.dispose()

    @contextlib.contextmanager
    def _session(self) -> Iterator[Connection]:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            yield self._connection
        except SQLAlchemyError as error:
            if not is_away(error):
                raise
            self._drop()
            raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error

    def _drop(self) -> None:
        """Forget the connection, and with it the lock."""
        connection, self._connection, self._locked = self._connection, None, False
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()


class FileLock:
    """A lock on a file beside the database: its processes are all on this machine."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self._locked = False
        self._beats = 0

    def take(self) -> bool:
        if self._locked:
            return True
        if self._descriptor is None:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._locked = True
        self.beat()
        return True

    def beat(self) -> None:
        assert self._descriptor is not None
        self._beats += 1
        process = psutil.Process()
        told = {"host": socket.gethostname(), "pid": process.pid, "started": process.create_time(), "beat": self._beats}
        data = json.dumps(told).encode()
        os.pwrite(self._descriptor, data.ljust(_TOLD_BYTES), 0)

    def pulse(self) -> object:
        assert self._descriptor is not None
        return os.pread(self._descriptor, _TOLD_BYTES, 0) or None

    def end_holder(self, program: str) -> bool:
        """End it: it has the file's lock as long as it exists, and it does nothing."""
        assert self._descriptor is not None
        try:
            told = json.loads(os.pread(self._descriptor, _TOLD_BYTES, 0))
            holder = psutil.Process(told["pid"])
            if told["host"] != socket.gethostname() or holder.create_time() != told["started"]:
                return False
            if holder.pid == os.getpid():
                return False
            log.warning("ending a server that has stopped", extra={"pid": holder.pid, "program": program})
            holder.kill()
        except psutil.NoSuchProcess:
            pass
        except (ValueError, KeyError, TypeError, psutil.Error) as failed:
            log.error("cannot end the server that has stopped", extra={"reason": str(failed)})
            return False
        give_up_s = time.monotonic() + _ENDS_WITHIN_S
        while not self.take():
            if time.monotonic() >= give_up_s:
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._locked = None, False
