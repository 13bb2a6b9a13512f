"""The audit log's chain: each entry is bound to the one before with a key that is not in the database.

    hash = HMAC-SHA256(key, "<sequence>\\n<hash of the entry before>\\n<body>")

Whoever can write to the database but has not the key cannot change, remove, add or reorder entries unnoticed; the head
(the newest entry's sequence and hash, with an HMAC of its own) shows when the newest are gone. Putting the whole
database back to an earlier day is what a chain inside it cannot show: `audit verify` tells the head, to be compared
with the checkpoints in the server's log.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from common.api.audit import AuditEntry
from server.management.database.site_tables import AuditRow
from server.management.database.store import get_state, set_state

PURPOSE = "audit chain"
FIRST = "0" * 64
_HEAD = "audit_head"
_START = "audit_start"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry."""

    sequence: int = 0
    hash: str = FIRST


class AuditChain:
    """Works within the caller's transaction."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def append(self, session: Session, entries: Sequence[AuditEntry], source: str) -> int:
        """Keep entries that are not kept yet; return how many that were. `source` is the daemon that tells them."""
        fresh = {entry.id: entry for entry in entries}
        known = set(session.scalars(select(AuditRow.id).where(AuditRow.id.in_(list(fresh))))) if fresh else set()
        head = self.head(session)
        for entry in fresh.values():
            if entry.id in known:
                continue
            body = _body(entry, source)
            sequence = head.sequence + 1
            row = AuditRow(
                sequence=sequence,
                body=body,
                previous_hash=head.hash,
                hash=self._hash(sequence, head.hash, body),
                **columns_of(entry, source),
            )
            session.add(row)
            head = Head(sequence, row.hash)
        if len(fresh) > len(known):
            session.flush()
            set_state(session, _HEAD, self._note("head", head))
        return len(fresh) - len(known)

    def head(self, session: Session) -> Head:
        """Return the newest entry's place and hash, as noted."""
        return _read(get_state(session, _HEAD))

    def forget(self, session: Session, before_us: int, most: int = 10_000) -> int:
        """Remove the oldest entries, those before a moment, and note where the log begins now; return how many."""
        begins = session.scalar(select(func.min(AuditRow.sequence)).where(AuditRow.at_us >= before_us))
        start, head = _read(get_state(session, _START)), self.head(session)
        last = min((head.sequence if begins is None else begins) - 1, start.sequence + most)
        row = session.get(AuditRow, last)
        if last <= start.sequence or row is None:
            return 0
        session.execute(delete(AuditRow).where(AuditRow.sequence <= last))
        set_state(session, _START, self._note("start", Head(last, row.hash)))
        return last - start.sequence

    def problems(self, session: Session) -> Iterator[str]:
        """Check the whole log; tell each thing that is wrong in a sentence."""
        noted = get_state(session, _START)
        start = _read(noted)
        if noted is not None and noted != self._note("start", start):
            yield "The note of the oldest entry was changed."
        expected, previous = start.sequence + 1, start.hash
        wrong: list[AuditRow] = []
        for row in self._rows(session):
            if row.sequence != expected:
                yield _missing(expected, row.sequence - 1)
            elif row.previous_hash != previous and (not wrong or wrong[-1].sequence != row.sequence - 1):
                yield f"Entry {row.sequence} does not follow entry {row.sequence - 1}."
            if self._hash(row.sequence, row.previous_hash, row.body) != row.hash:
                wrong.append(row)
            else:
                yield from _column_problems(row)
            expected, previous = row.sequence + 1, row.hash
        yield from self._name(wrong)
        yield from self._head_problems(session, expected - 1, previous)

    def _rows(self, session: Session) -> Iterator[AuditRow]:
        after = -1
        while True:
            query = select(AuditRow).where(AuditRow.sequence > after).order_by(AuditRow.sequence).limit(_AT_ONCE)
            rows = list(session.scalars(query))
            yield from rows
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].sequence
            session.expunge_all()

    def _name(self, wrong: Sequence[AuditRow]) -> Iterator[str]:
        """Tell entries that were moved from those that were changed."""
        for row in wrong:
            place = next(
                (
                    other.sequence
                    for other in wrong
                    if other is not row and self._hash(other.sequence, row.previous_hash, row.body) == row.hash
                ),
                None,
            )
            if place is None:
                yield f"Entry {row.sequence} was changed."
            else:
                yield f"Entry {row.sequence} is in the wrong place: it was entry {place}."

    def _head_problems(self, session: Session, last: int, last_hash: str) -> Iterator[str]:
        text = get_state(session, _HEAD)
        if text is None:
            if last:
                yield "The note of the newest entry is missing."
            return
        head = self.head(session)
        if text != self._note("head", head):
            yield "The note of the newest entry was changed."
        elif head.sequence > last:
            yield _missing(last + 1, head.sequence)
        elif head.hash != last_hash:
            yield f"Entry {last} is not the newest entry that was noted."

    def _hash(self, sequence: int, previous: str, body: str) -> str:
        return hmac.new(self._key, f"{sequence}\n{previous}\n{body}".encode(), hashlib.sha256).hexdigest()

    def _note(self, what: str, head: Head) -> str:
        proof = hmac.new(self._key, f"{what}\n{head.sequence}\n{head.hash}".encode(), hashlib.sha256).hexdigest()
        return f"{head.sequence}:{head.hash}:{proof}"


def _read(note: str | None) -> Head:
    sequence, _, rest = (note or "").partition(":")
    return Head(int(sequence), rest.partition(":")[0]) if sequence.isdigit() else Head()


def columns_of(entry: AuditEntry, source: str) -> dict[str, str | int]:
    """Return what an entry is searched by."""
    return {
        "id": entry.id,
        "at_us": entry.at_us,
        "category": entry.category,
        "action": entry.action,
        "outcome": entry.outcome,
        "user_key": entry.user.casefold()[:255],
        "item_id": entry.item.rpartition("/")[2][:64],
        "source": source,
    }


def entry_in(row_body: str) -> tuple[AuditEntry, str]:
    """Return the entry and its source; raise ValueError."""
    whole = json.loads(row_body)
    source = str(whole.pop("source"))
    return AuditEntry.model_validate(whole), source


def _body(entry: AuditEntry, source: str) -> str:
    whole = {**entry.model_dump(mode="json"), "source": source}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


def _column_problems(row: AuditRow) -> Iterable[str]:
    try:
        expected = columns_of(*entry_in(row.body))
    except (ValueError, KeyError) as wrong:
        return [f"Entry {row.sequence} cannot be read: {type(wrong).__name__}."]
    changed = sorted(name for name, value in expected.items() if getattr(row, name) != value)
    return [f"Entry {row.sequence} was changed: its {name} is not what the entry says." for name in changed]


def _missing(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."
