"""The history as it is read, and the way back. Functions work within the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.model.item import Item
from common.model.kinds import BY_PLURAL
from common.model.servers import RecordingServer
from common.model.users import BasicUser, Role
from server.management.configuration.items import Items
from server.management.configuration.references import check_references
from server.management.database.history_tables import ItemChangeRow
from server.management.identity.sources import SOURCES

_HIDDEN = "***"
_AT_ONCE = 1000


class CannotRestore(VmsError):
    """There is no way back to this version; the message says why."""

    message_key = "error.cannot_restore"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes to show; empty: any."""

    item: str = ""
    kind: str = ""
    user: str = ""
    from_us: int | None = None
    to_us: int | None = None


def page(session: Session, wanted: Wanted, *, skip: int, most: int) -> list[ItemChangeRow]:
    """Return changes, the newest first."""
    query = select(ItemChangeRow)
    if wanted.item:
        query = query.where(ItemChangeRow.item_id == wanted.item.lower())
    if wanted.kind:
        query = query.where(ItemChangeRow.kind == wanted.kind)
    if wanted.user:
        query = query.where(ItemChangeRow.user_name == wanted.user)
    if wanted.from_us is not None:
        query = query.where(ItemChangeRow.at_us >= wanted.from_us)
    if wanted.to_us is not None:
        query = query.where(ItemChangeRow.at_us < wanted.to_us)
    return list(session.scalars(query.order_by(ItemChangeRow.number.desc()).offset(skip).limit(most)))


def find(session: Session, number: int) -> ItemChangeRow | None:
    """Return one change; None when it is not known (any more)."""
    return session.get(ItemChangeRow, number)


def differences(change: ItemChangeRow) -> list[dict[str, Any]]:
    """What a change made of which property; of secrets only that they changed."""
    before, after = _read(change.before), _read(change.after)
    found = [
        {"property": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]
    if change.secrets_changed:
        found.append({"property": "secrets", "before": _HIDDEN, "after": _HIDDEN})
    return found


def forget(session: Session, before_us: UtcUs) -> int:
    """Remove what is older, some at a time, but never the newest; return how many."""
    newest = session.scalar(select(func.max(ItemChangeRow.number))) or 0
    old = select(ItemChangeRow.number).where(ItemChangeRow.at_us < before_us, ItemChangeRow.number < newest)
    numbers = list(session.scalars(old.order_by(ItemChangeRow.number).limit(_AT_ONCE)))
    if numbers:
        last = numbers[-1]
        session.execute(delete(ItemChangeRow).where(ItemChangeRow.at_us < before_us, ItemChangeRow.number <= last))
    return len(numbers)


def properties_to_restore(items: Items, change: ItemChangeRow, *, undo: bool) -> dict[str, Any]:
    """Return an item's properties, secrets included, as they were after a change (`undo`: before it).

    Raises CannotRestore: there was no item then.
    """
    properties = change.before if undo else change.after
    if properties is None:
        raise CannotRestore("the item did not exist then")
    restored = _read(properties)
    if not undo and change.secrets is not None:
        restored |= items.opened(change.secrets)
    model = model_of(change)
    names = {each.wire_name for each in model.properties()}
    return restored if model.is_open() else {name: value for name, value in restored.items() if name in names}


def bring_back(session: Session, items: Items, change: ItemChangeRow) -> int:
    """Make a deleted item again, with what was deleted below it; return how many items that are.

    Raises CannotRestore, InvalidProperties.
    """
    query = select(ItemChangeRow).where(
        ItemChangeRow.change_set == change.change_set, ItemChangeRow.action == "deleted"
    )
    gone = list(session.scalars(query.order_by(ItemChangeRow.number)))
    back = _below(change, gone)
    if change.parent_id is not None and items.kind_of(session, change.parent_id) is None:
        raise CannotRestore("what it stood in is gone; restore that first")
    for each in back:
        model = model_of(each)
        if model in (BasicUser, RecordingServer, Role) or model in SOURCES:
            raise CannotRestore(f"{each.kind} have accounts or keys that are gone for good; make a new one")
        if items.row_exists(session, each.row_id):
            raise CannotRestore("it is there")
    made = []
    for each in back:
        item = items.made_of(model_of(each), _read(each.before), each.secrets)
        made.append(items.create(session, item, each.parent_id, each.row_id, version=each.version + 1))
    for stored in made:
        check_references(session, items, stored.item)
    return len(made)


def model_of(change: ItemChangeRow) -> type[Item]:
    """Return the declaration of a change's kind; raise CannotRestore when this version has none."""
    model = BY_PLURAL.get(change.kind)
    if model is None:
        raise CannotRestore(f"this version knows no {change.kind}")
    return model


def _below(change: ItemChangeRow, gone: Sequence[ItemChangeRow]) -> list[ItemChangeRow]:
    """Those that stood below the changed item, and itself first."""
    chosen, ids = [change], {change.row_id}
    for each in gone:  # parents were noted before what is below them
        if each.parent_id in ids and each.row_id not in ids:
            chosen.append(each)
            ids.add(each.row_id)
    return chosen


def _read(text: str | None) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text) if text else {}
    return read
