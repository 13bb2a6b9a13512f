"""What happens while the database is away: what can be done again is, for some seconds; then everybody is told at once.

One caller a second tries whether it is back, so that requests do not queue behind time-outs.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from psycopg import errors as postgresql
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from common.foundation.backoff import Backoff
from common.foundation.errors import StorageError
from common.foundation.pools import BoundedPool

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2
_PROBE_EVERY_S = 1.0
_PASSING = (postgresql.DeadlockDetected, postgresql.SerializationFailure, postgresql.LockNotAvailable)
_NOT_NOW = (
    postgresql.CannotConnectNow,
    postgresql.AdminShutdown,
    postgresql.CrashShutdown,
    postgresql.ReadOnlySqlTransaction,  # it has become a replica
    postgresql.TooManyConnections,
    postgresql.IdleInTransactionSessionTimeout,
)
_SQL_SERVER_AGAIN = frozenset({1205, 1222, 3960, 40197, 40501, 40613})
"""Deadlock victim, lock time-out, snapshot conflict, and a database that is failing over."""
_SQL_SERVER_NEVER = {
    18456: "the user or its password is wrong",
    4060: "there is no such database, or not for this user",
}
_POSTGRESQL_NEVER = ("authentication failed", " does not exist", "certificate verify failed", "pg_hba.conf")


class DatabaseAway(StorageError):
    """The database does not answer. Unless `doubtful`, nothing was changed, and the same can be tried again."""

    message_key = "error.database_away"
    retryable = True

    def __init__(self, detail: str, *, doubtful: bool = False, **params: object) -> None:
        super().__init__(detail, **params)
        self.doubtful = doubtful
        if doubtful:
            self.message_key = "error.database_doubtful"


def is_away(error: BaseException) -> bool:
    """Tell whether a failure is the connection's or the moment's, and not the statement's."""
    if isinstance(error, NoConnectionFree):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    number = _number(cause)
    of_postgresql = isinstance(cause, postgresql.Error)
    if number in _SQL_SERVER_NEVER or (of_postgresql and any(words in str(cause) for words in _POSTGRESQL_NEVER)):
        return False
    if error.connection_invalidated or isinstance(cause, _PASSING + _NOT_NOW):
        return True
    if number in _SQL_SERVER_AGAIN:
        return True
    # psycopg gives connections that cannot be made no code (PEP 249: OperationalError); pymssql says 20002 to 20009
    unmade = isinstance(error, OperationalError) and type(cause) is postgresql.OperationalError
    return unmade or 20_002 <= number <= 20_009


def reason_of(error: BaseException) -> str:
    """Return the driver's words in one line; SQLAlchemy's own add the statement."""
    cause = getattr(error, "orig", None) or error
    return _SQL_SERVER_NEVER.get(_number(cause), " ".join(str(cause).split())[:500])


def _number(cause: BaseException | None) -> int:
    """Return SQL Server's number of a failure, 0 for none.

    WORKAROUND(pymssql 2.4.6): where no server could be reached, it still tells the number of the failure before.
    """
    number = cause.args[0] if cause is not None and cause.args else None
    if isinstance(number, tuple) and number:  # of a connection that was not made
        number = number[0]
    if not isinstance(number, int):
        return 0
    return 20_009 if "message 20009" in str(cause) else number


class Outage:
    """Knows whether the database is away; shared by all threads that use it."""

    def __init__(
        self,
        patience_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience_s = patience_s
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._lock = threading.Lock()
        self._since_s: float | None = None
        self._probed_s = 0.0
        self._refused = 0

    def again(self, work: Callable[[], T]) -> T:
        """Do `work`, one transaction, until the database took it; raise DatabaseAway when that takes too long."""
        backoff = Backoff(0.05, 1.0)
        self._may_try()
        while True:
            try:
                result = work()
            except DatabaseAway as away:
                if away.doubtful or not self._wait(away, backoff.next_s()):
                    raise
            else:
                self._answered()
                return result

    def _may_try(self) -> None:
        with self._lock:
            if self._since_s is None:
                return
            now_s = self._monotonic_s()
            if now_s - self._since_s < self._patience_s or now_s - self._probed_s >= _PROBE_EVERY_S:
                self._probed_s = now_s
                return
            self._refused += 1
        raise DatabaseAway("it has not answered for a while", retry_after_s=RETRY_AFTER_S)

    def _wait(self, away: DatabaseAway, wait_s: float) -> bool:
        """Wait before the next try; False when the database has been away for too long."""
        with self._lock:
            now_s = self._monotonic_s()
            if self._since_s is None:
                self._since_s = now_s
                log.warning("database away", extra={"reason": str(away)})
            left_s = self._since_s + self._patience_s - now_s
        if left_s <= 0:
            return False
        self._sleep(min(wait_s, left_s))
        return True

    def _answered(self) -> None:
        if self._since_s is None:
            return
        with self._lock:
            since_s, self._since_s = self._since_s, None
            refused, self._refused = self._refused, 0
        if since_s is not None:
            away_s = round(self._monotonic_s() - since_s, 3)
            log.warning("database answers again", extra={"away_s": away_s, "refused": refused})


class DatabasePool(BoundedPool):
    """The threads that use the database. What is run is one transaction at most, so that it can be done again."""

    def __init__(self, threads: int, outage: Outage) -> None:
        super().__init__("configuration database", threads)
        self._outage = outage

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await super().run(self._outage.again, partial(work, *args, **kwargs))
