"""Notes every change of a configuration item in the transaction that makes it, so that none is missing or made up."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from common.foundation.clock import Clock
from common.foundation.ids import new_id
from common.model.kinds import BY_PLURAL
from server.management.audit.row_changes import previous
from server.management.database.history_tables import ItemChangeRow
from server.management.database.store import ConfigurationSession, Database
from server.management.database.tables import ItemRow
from server.runtime.audit_trail import ORIGIN

_SET, _LAST = "history.set", "history.last"
_AT_ONCE = 500  # ids in one statement: SQL Server takes 2,100 parameters


def note_history(database: Database, clock: Clock) -> None:
    """Have every writing transaction of `database` keep what it changes."""

    def flushing(session: Session, *_: object) -> None:
        if database.open_transaction() is session:
            _note(session, clock)

    # first, while what hangs below a removed item is still there
    event.listen(ConfigurationSession, "before_flush", flushing, insert=True)
    database.on_close(lambda: event.remove(ConfigurationSession, "before_flush", flushing))


def _note(session: Session, clock: Clock) -> None:
    found: list[ItemChangeRow] = []
    for row in session.new:
        if isinstance(row, ItemRow):
            found.append(_change(row, "created", before=None, after=row.properties))
    for row in session.dirty:
        if isinstance(row, ItemRow):
            before, secret = previous(row, "properties"), previous(row, "secrets") is not None
            if before is not None or secret:
                found.append(
                    _change(row, "changed", before=before or row.properties, after=row.properties, secret=secret)
                )
    for row in session.deleted:
        if isinstance(row, ItemRow):
            gone = [row, *_below(session, row.id)]
            found += [_change(each, "deleted", before=each.properties, after=None) for each in gone]
    if not found:
        return
    origin = ORIGIN.get()
    info = session.info
    if _SET not in info:
        info[_SET] = new_id()
        info[_LAST] = session.scalar(select(func.max(ItemChangeRow.number))) or 0
    for change in found:
        info[_LAST] += 1
        change.number, change.change_set, change.at_us = info[_LAST], info[_SET], clock.now_us()
        change.user_id, change.user_name, change.address = origin.user_id, origin.user, origin.address[:64]
        session.add(change)


def _below(session: Session, parent: str) -> Iterator[Any]:
    """What hangs below an item, parents first."""
    level = [parent]
    while level:
        found: list[Any] = []
        for at in range(0, len(level), _AT_ONCE):
            query = select(ItemRow.__table__).where(ItemRow.parent_id.in_(level[at : at + _AT_ONCE]))
            found += session.execute(query).all()
        yield from found
        level = [row.id for row in found]


def _change(row: Any, action: str, *, before: str | None, after: str | None, secret: bool = False) -> ItemChangeRow:
    model = BY_PLURAL.get(row.kind)
    single = model is not None and model.kind.single
    shown = json.loads(after or before or "{}")
    return ItemChangeRow(
        item_id=row.parent_id if single and row.parent_id else row.id,
        row_id=row.id,
        parent_id=row.parent_id,
        kind=row.kind,
        name=str(shown.get("name", ""))[:255],
        action=action,
        version=row.version,
        before=before,
        after=after,
        secrets=row.secrets,
        secrets_changed=secret or (action == "created" and row.secrets is not None),
    )
