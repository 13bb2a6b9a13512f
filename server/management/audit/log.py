"""The audit log in the configuration database: takes entries in, and gives them out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from common.api.audit import AuditBatch, AuditEntry, AuditReceipt
from server.management.audit.chain import AuditChain, entry_in
from server.management.database.site_tables import AuditRow
from server.management.database.store import Database

log = logging.getLogger(__name__)

MANAGEMENT = "management"
_CHECKPOINT_EVERY = 100
_IN_TRANSACTION = "audit_entries"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: those that fit all that is not None or empty. Times are `from_us <= at < to_us`."""

    from_us: int | None = None
    to_us: int | None = None
    category: str = ""
    outcome: str = ""
    action: str = ""
    user: str = ""
    item: str = ""
    source: str = ""

    def apply(self, query: Select[AuditRow]) -> Select[AuditRow]:
        if self.from_us is not None:
            query = query.where(AuditRow.at_us >= self.from_us)
        if self.to_us is not None:
            query = query.where(AuditRow.at_us < self.to_us)
        wanted = (
            (AuditRow.category, self.category),
            (AuditRow.outcome, self.outcome),
            (AuditRow.action, self.action),
            (AuditRow.user_key, self.user.casefold()),
            (AuditRow.item_id, self.item.rpartition("/")[2].lower()),
            (AuditRow.source, self.source),
        )
        for column, value in wanted:
            if value:
                query = query.where(column == value)
        return query


class AuditLog:
    """Blocking. `join` and the end of a transaction belong to the thread that writes."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain
        self._noted = 0
        database.before_commit(self._finish)

    def join(self, entry: AuditEntry) -> bool:
        """Take an entry into the transaction that this thread is in; False when it is in none."""
        session = self._database.open_transaction()
        if session is None:
            return False
        session.info.setdefault(_IN_TRANSACTION, []).append(entry)
        return True

    def take(self, batch: AuditBatch, source: str) -> AuditReceipt:
        """Keep what a daemon delivers; what was delivered before is kept once. Raises DatabaseAway."""
        with self._database.write() as session:
            kept = self._chain.append(session, batch.entries, source)
            head = self._chain.head(session)
        if head.sequence - self._noted >= _CHECKPOINT_EVERY or not self._noted:
            self._noted = head.sequence
            log.info("audit checkpoint", extra={"sequence": head.sequence, "hash": head.hash})
        return AuditReceipt(kept=kept, known=len(batch.entries) - kept)

    def forget(self, before_us: int) -> int:
        """Remove entries that are older, as far as one go reaches; return how many. Raises DatabaseAway."""
        with self._database.write() as session:
            return self._chain.forget(session, before_us)

    def _finish(self, session: Session) -> None:
        entries = session.info.pop(_IN_TRANSACTION, [])
        if entries:
            self._chain.append(session, entries, MANAGEMENT)


def page(session: Session, wanted: AuditFilter, before: int | None, limit: int) -> list[dict[str, JsonValue]]:
    """Return entries, newest first, older than the one with the sequence number `before`."""
    query = wanted.apply(select(AuditRow))
    if before is not None:
        query = query.where(AuditRow.sequence < before)
    return [_shown(row) for row in session.scalars(query.order_by(AuditRow.sequence.desc()).limit(limit))]


def oldest_first(session: Session, wanted: AuditFilter, at_once: int = 500) -> Iterator[dict[str, JsonValue]]:
    """Every entry that fits, a part at a time."""
    after = 0
    while True:
        query = wanted.apply(select(AuditRow)).where(AuditRow.sequence > after).order_by(AuditRow.sequence)
        rows = list(session.scalars(query.limit(at_once)))
        for row in rows:
            yield _shown(row)
        if len(rows) < at_once:
            return
        after = rows[-1].sequence
        session.expunge_all()


def _shown(row: AuditRow) -> dict[str, JsonValue]:
    try:
        entry, source = entry_in(row.body)
    except (ValueError, KeyError):
        return {"sequence": row.sequence, "id": row.id, "error": "This entry was damaged; run `audit verify`."}
    return {"sequence": row.sequence, **entry.model_dump(mode="json"), "source": source, "hash": row.hash}
