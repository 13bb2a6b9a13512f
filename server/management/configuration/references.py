"""References between items, by the declarations: what they may name, and what still names an item."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from common.model.item import Item, ItemPath, Property
from common.model.kinds import ALL
from server.management.configuration.items import InvalidProperties, Items


def check_references(session: Session, items: Items, item: Item) -> None:
    """Raise InvalidProperties where an item names one that does not exist, or one of a kind that makes no sense."""
    problems: dict[str, str] = {}
    for declared, path in _paths(item):
        found = items.kind_of(session, path.id)
        if found is None or found.lower() != path.type.lower():
            problems[declared.wire_name] = f"There is no {path.type}/{path.id}."[:200]
        elif declared.shown.refers and found not in declared.shown.refers:
            problems[declared.wire_name] = f"This must be one of {', '.join(declared.shown.refers)}."
    if problems:
        raise InvalidProperties(problems)


def check_not_needed(session: Session, items: Items, model: type[Item], identifier: str) -> None:
    """Raise InvalidProperties while another item names this one. Groups do not count: it goes from them."""
    for other in ALL:
        if other.kind.members or not any(model.kind.plural in each.shown.refers for each in other.properties()):
            continue
        for stored in items.list(session, other):
            if any(path.id.lower() == identifier.lower() for _, path in _paths(stored.item)):
                raise InvalidProperties({"": f"It is used by {stored.item.title}."})


def _paths(item: Item) -> Iterator[tuple[Property, ItemPath]]:
    for declared in item.properties():
        value = getattr(item, declared.name)
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, ItemPath):
                yield declared, path
