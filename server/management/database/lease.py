"""The lease that makes one of several management processes the serving one, and the fence behind it.

Two things carry it. A *lock* that the system gives back when its holder dies (`lease_locks`) lets another process take
over at once after a crash. A *generation* number, checked by every writing transaction, stops a process that lost the
lease without knowing it (paused, or cut off): whatever it still tries to write is refused by the database itself.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from common.foundation.errors import StorageError
from common.foundation.ids import new_id
from server.management.database.engines import for_writing
from server.management.database.outage import RETRY_AFTER_S, DatabaseAway, is_away, reason_of
from server.management.database.site_tables import FenceRow, LeaseRow
from server.management.database.store import Database

log = logging.getLogger(__name__)

BEAT_S = 0.5
LOOK_S = 0.25
STALLED_S = 2.5
"""A holder that lives but has not moved for so long has lost the lease."""
SITE = "management"


class LeaseLost(StorageError):
    """Another process serves now; this one must end."""

    message_key = "error.lease_lost"
    retryable = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Who serves, as the database says."""

    generation: int
    beat: int
    program: str
    address: str


class LeaseLock(Protocol):
    """What a living holder holds. None of these wait."""

    def take(self) -> bool:
        """Take it if it is free, or ours already."""

    def beat(self) -> None:
        """Show that we live. Raises LeaseLost."""

    def pulse(self) -> object:
        """Return something that changes while the holder lives."""

    def end_holder(self, program: str) -> bool:
        """See that a holder that has stopped does nothing any more, as far as we can; tell whether we may go on."""

    def release(self) -> None:
        """Give it back."""


class Lease:
    """One process's way to the lease. Blocking; used by one thread at a time, except for the fence."""

    def __init__(
        self,
        database: Database,
        lock: LeaseLock,
        address: str,
        monotonic_s: Callable[[], float],
        stalled_s: float = STALLED_S,
    ) -> None:
        self.generation = 0
        self._database = database
        self._lock = lock
        self._address = address
        self._monotonic_s = monotonic_s
        self._stalled_s = stalled_s
        self._pulse: object = None
        self._pulse_s = monotonic_s()

    @property
    def held(self) -> bool:
        return self.generation > 0

    def try_take(self) -> bool:
        """Become the serving process if nobody is, or if the one that is has stopped. Raises DatabaseAway."""
        if self._lock.take():
            self._database.migrate()
            self._begin(self.holder())
            return True
        pulse, now_s = self._lock.pulse(), self._monotonic_s()
        if pulse != self._pulse or pulse is None:
            self._pulse, self._pulse_s = pulse, now_s
            return False
        if now_s - self._pulse_s < self._stalled_s:
            return False
        holder = self.holder()
        self._pulse_s = now_s  # one try for each time it stalls
        log.warning("the serving process has stopped", extra={"holder": "" if holder is None else holder.program})
        if holder is None or not self._lock.end_holder(holder.program):
            return False
        self._begin(holder)
        self._lock.take()
        return True

    def beat(self) -> None:
        """Show that we live. Raises LeaseLost, or DatabaseAway, which is no loss: nobody else can have it then."""
        self._lock.beat()

    def holder(self) -> Holder | None:
        """Return who serves; None when nobody ever did. Raises DatabaseAway."""
        columns = (LeaseRow.generation, LeaseRow.beat, LeaseRow.holder, LeaseRow.address)
        try:
            with self._database.engine.connect() as connection:
                row = connection.execute(select(*columns).where(LeaseRow.name == SITE)).first()
        except SQLAlchemyError as error:
            if is_away(error):
                raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error
            return None  # a database without our tables yet
        return None if row is None else Holder(row.generation, row.beat, row.holder, row.address)

    def release(self) -> None:
        """Give it back in good order."""
        self.generation = 0
        self._lock.release()

    # the fence

    def enter(self, session: Session) -> str:
        """Begin a writing transaction; return its mark. Raises LeaseLost."""
        mark = new_id()
        statement = (
            update(FenceRow)
            .where(FenceRow.name == SITE, FenceRow.generation == self.generation)
            .values(last_write=mark)
            .execution_options(synchronize_session=False)
        )
        if session.connection().execute(statement).rowcount != 1:
            raise LeaseLost(f"generation {self.generation} is over")
        return mark

    def settle(self, mark: str) -> bool:
        """Tell whether a transaction whose commit was not answered counts.

        Touching the row waits until that transaction has ended, one way or the other.
        """
        try:
            generation, last_write = self._database.outage.again(self._last_write)
        except DatabaseAway as away:
            raise DatabaseAway(str(away), doubtful=True, retry_after_s=RETRY_AFTER_S) from away
        if last_write == mark:
            return True
        if generation != self.generation:
            raise DatabaseAway("another server has taken over", doubtful=True, retry_after_s=RETRY_AFTER_S)
        return False

    def _last_write(self) -> tuple[int, str]:
        try:
            with for_writing(self._database.engine).begin() as connection:
                connection.execute(update(FenceRow).where(FenceRow.name == SITE).values(name=SITE))
                row = connection.execute(select(FenceRow.generation, FenceRow.last_write)).one()
                return row.generation, row.last_write
        except SQLAlchemyError as error:
            raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error

    def _begin(self, seen: Holder | None) -> None:
        """Enter us as the holder, unless somebody else was quicker. Raises LeaseLost."""
        generation = 1 if seen is None else seen.generation + 1
        ours = {"generation": generation, "beat": 0, "holder": self._database.program, "address": self._address}

        def enter() -> bool:
            try:
                with for_writing(self._database.engine).begin() as connection:
                    if seen is None:
                        connection.execute(insert(LeaseRow).values(name=SITE, **ours))
                        connection.execute(insert(FenceRow).values(name=SITE, generation=generation, last_write=""))
                        return True
                    free = (LeaseRow.name == SITE, LeaseRow.generation == seen.generation)
                    if connection.execute(update(LeaseRow).where(*free).values(**ours)).rowcount != 1:
                        return False
                    connection.execute(update(FenceRow).where(FenceRow.name == SITE).values(generation=generation))
                    return True
            except SQLAlchemyError as error:
                if is_away(error):
                    raise DatabaseAway(reason_of(error), retry_after_s=RETRY_AFTER_S) from error
                raise

        if not self._database.outage.again(enter):
            raise LeaseLost("somebody else was quicker")
        self.generation = generation
        self._database.fence = self
        log.info("serving", extra={"generation": generation})
