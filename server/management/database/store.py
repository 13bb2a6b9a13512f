"""Opens the configuration database, brings its tables up to date, and hands out transactions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from common.foundation.errors import StorageError
from server.management.database.tables import StateRow

_BUSY_TIMEOUT_MS = 10_000
_MIGRATIONS = Path(__file__).with_name("migrations")


class DatabaseUnusable(StorageError):
    """The configuration database cannot be opened, or was written by a newer version."""

    message_key = "error.configuration_database"
    retryable = False


@dataclass(frozen=True, slots=True)
class ItemChange:
    """A configuration item that a transaction changed; what is below a deleted one went with it."""

    change: Literal["created", "changed", "deleted"]
    resource: str
    id: str
    version: int


Listener = Callable[[Sequence[ItemChange]], None]


class Database:
    """Blocking; to be called from a bounded thread pool. One transaction writes at a time, any number read."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises DatabaseUnusable."""
        self._path = path
        self._writing = threading.Lock()
        self._listeners: list[Listener] = []
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}, pool_size=16, max_overflow=16
        )
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        try:
            self._migrate()
            path.chmod(0o600)
        except (SQLAlchemyError, CommandError, OSError) as error:
            self.close()
            reason = str(getattr(error, "orig", None) or error)
            raise DatabaseUnusable(reason, path=str(path)) from error

    def close(self) -> None:
        self._engine.dispose()

    def on_change(self, listener: Listener) -> None:
        """Call `listener`, in the writing thread, after each transaction that changed what recorders are told."""
        self._listeners.append(listener)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing is written."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed on leaving, or undone by an exception."""
        engine = self._engine.execution_options(vedette_writes=True)
        with self._writing, Session(engine, expire_on_commit=False) as session:
            yield session
            changes: Sequence[ItemChange] | None = session.info.get("changes")
            session.commit()
        if changes is not None:
            for listener in self._listeners:
                listener(changes)

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._engine.execution_options(vedette_writes=True).connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()


def get_state(session: Session, name: str) -> str | None:
    """Return a single value of the site."""
    row = session.get(StateRow, name)
    return None if row is None else row.value


def set_state(session: Session, name: str, value: str) -> None:
    session.merge(StateRow(name=name, value=value))


def configuration_version(session: Session) -> int:
    """Return the number that rises with each change that recorders must know."""
    return int(get_state(session, "configuration_version") or "0")


def configuration_changed(session: Session, *changes: ItemChange) -> None:
    """Say that this transaction changes what recorders must know; whoever listens is told when it is committed."""
    if "changes" not in session.info:
        session.info["changes"] = []
        set_state(session, "configuration_version", str(configuration_version(session) + 1))
    session.info["changes"] += changes


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3: we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("vedette_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
