"""Makes items of kinds that need nothing beside their row, below the item that they belong to."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from common.foundation.ids import new_id
from common.model.item import Item
from common.model.users import Role
from server.management.configuration.items import NOT_STORED, InvalidProperties, Items, Stored, validated
from server.management.configuration.references import check_references
from server.management.configuration.time_profiles import check_appointments


def create_item(
    session: Session, items: Items, model: type[Item], body: Mapping[str, Any], *, parent_id: str, site_id: str
) -> Stored[Any]:
    """Store an item as a client sent it; raise InvalidProperties.

    `parent_id` empty: the parent is the one that `relations` name (as in a copy of another item), else the site.
    Read-only properties are passed over, since clients send copies of whole items.
    """
    parent = parent_id or named_parent(body) or site_id
    kind = items.kind_of(session, parent)
    if kind is None or kind not in model.kind.parents:
        places = ", ".join(model.kind.parents)
        raise InvalidProperties({"relations": f"This must be created below one of: {places}."})
    declared = {each.wire_name for each in model.properties()}
    writable = model.writable()
    given = {name: value for name, value in body.items() if name in writable or name not in declared | NOT_STORED}
    item = validated(model, given)
    check_references(session, items, item)
    check_appointments(item)
    identifier = new_id()
    if isinstance(item, Role):
        item = item.model_copy(update={"token_name": identifier})
    return items.create(session, item, parent.lower(), identifier)


def named_parent(body: Mapping[str, Any]) -> str:
    """Return the id of the parent that an item's `relations` name, "" for none."""
    relations = body.get("relations")
    parent = relations.get("parent") if isinstance(relations, Mapping) else None
    identifier = parent.get("id") if isinstance(parent, Mapping) else None
    return identifier if isinstance(identifier, str) else ""
