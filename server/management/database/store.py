"""Opens the configuration database, brings its tables up to date, and hands out transactions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from common.foundation.errors import StorageError
from server.management.database.address import DatabaseAddress, sqlite_file
from server.management.database.cascades import remove_below
from server.management.database.engines import DatabaseLimits, for_reading, for_writing, open_engine
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway, Outage, is_away, reason_of
from server.management.database.tables import StateRow

_AFTER = "after"
MIGRATIONS = Path(__file__).with_name("migrations")


class DatabaseUnusable(StorageError):
    """The configuration database cannot be opened, or was written by a newer version."""

    message_key = "error.configuration_database"
    retryable = False


class Fence(Protocol):
    """Lets only the serving process write (see `lease`)."""

    def enter(self, session: Session) -> str:
        """Begin a writing transaction; return its mark. Raises LeaseLost."""

    def settle(self, mark: str) -> bool:
        """After a commit whose answer was lost: tell whether it counts. Raises DatabaseAway when that is not known."""


class ConfigurationSession(Session):
    """A transaction on the configuration."""


event.listen(ConfigurationSession, "before_flush", remove_below)


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

    def __init__(
        self,
        address: DatabaseAddress | Path,
        limits: DatabaseLimits | None = None,
        program: str = "vedette",
    ) -> None:
        """Nothing is opened yet: `migrate` and transactions do."""
        self.address = sqlite_file(address) if isinstance(address, Path) else address
        self.limits = limits or DatabaseLimits()
        self.program = program
        self.outage = Outage(self.limits.patience_s)
        self.fence: Fence | None = None
        self._writing = threading.Lock()
        self._here = threading.local()
        self._closing: list[Callable[[], None]] = []
        self._finishing: list[Callable[[Session], None]] = []
        self._listeners: list[Listener] = []
        self.engine = open_engine(self.address, self.limits, program)
        self._readers = for_reading(self.engine)
        self._writers = for_writing(self.engine)

    def close(self) -> None:
        for closing in self._closing:
            closing()
        self._closing.clear()
        self.engine.dispose()

    def on_close(self, closing: Callable[[], None]) -> None:
        """Call `closing` when nobody uses the database any more."""
        self._closing.append(closing)

    def on_change(self, listener: Listener) -> None:
        """Call `listener`, in the writing thread, after each transaction that changed what recorders are told."""
        self._listeners.append(listener)

    def before_commit(self, finish: Callable[[Session], None]) -> None:
        """Call `finish` at the end of each writing transaction, as a part of it."""
        self._finishing.append(finish)

    def open_transaction(self) -> Session | None:
        """Return the writing transaction that this thread is in, if it is in one."""
        session: Session | None = getattr(self._here, "session", None)
        return session

    def migrate(self, revision: str = "head") -> None:
        """Create the file or tables where there are none, and bring them up to date, or to an older `revision`.

        Raises DatabaseUnusable, or DatabaseAway when the server does not answer.
        """
        try:
            if self.address.kind == "sqlite":
                self.address.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.outage.again(partial(self._migrate, revision))
            if self.address.kind == "sqlite":
                self.address.path.chmod(0o600)
        except (SQLAlchemyError, CommandError, OSError) as error:
            self.close()
            raise DatabaseUnusable(reason_of(error), path=str(self.address)) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing is written. Raises DatabaseAway."""
        with self._told(), ConfigurationSession(self._readers, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed on leaving, or undone by an exception. Raises DatabaseAway, LeaseLost."""
        with (
            self._writing,
            self._told(),
            ConfigurationSession(self._writers, expire_on_commit=False) as session,
        ):
            mark = "" if self.fence is None else self.fence.enter(session)
            self._here.session = session
            try:
                yield session
                session.flush()
            finally:
                self._here.session = None
            for finish in self._finishing:
                finish(session)
            changes: Sequence[ItemChange] | None = session.info.get("changes")
            session.flush()
            self._commit(session, mark)
        for act in session.info.get(_AFTER, ()):
            act()
        if changes is not None:
            for listener in self._listeners:
                listener(changes)

    def _commit(self, session: Session, mark: str) -> None:
        try:
            session.commit()
        except SQLAlchemyError as error:
            if not is_away(error):
                raise
            if self.fence is None:
                raise DatabaseAway(reason_of(error), doubtful=True) from error
            if not self.fence.settle(mark):
                raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a database that is away from one that refuses a statement."""
        try:
            yield
        except SQLAlchemyError as error:
            if is_away(error):
                raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error
            raise

    def _migrate(self, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._told(), self._writers.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()


def get_state(session: Session, name: str) -> str | None:
    """Return a single value of the site."""
    row = session.get(StateRow, name)
    return None if row is None else row.value


def set_state(session: Session, name: str, value: str) -> None:
    session.merge(StateRow(name=name, value=value))


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Do what is not in the database once this transaction counts, and never when it is undone. It returns soon."""
    session.info.setdefault(_AFTER, []).append(act)


def configuration_version(session: Session) -> int:
    """Return the number that rises with each change that recorders must know."""
    return int(get_state(session, "configuration_version") or "0")


def configuration_changed(session: Session, *changes: ItemChange) -> None:
    """Say that this transaction changes what recorders must know; whoever listens is told when it is committed."""
    if "changes" not in session.info:
        session.info["changes"] = []
        set_state(session, "configuration_version", str(configuration_version(session) + 1))
    session.info["changes"] += changes
