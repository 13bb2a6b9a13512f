"""Who is in which group of devices."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from common.model.groups import MOST_MEMBERS, DeviceGroup
from common.model.item import Item
from common.model.kinds import ALL, BY_PLURAL
from server.management.configuration.items import InvalidProperties, Items, NoSuchItem, Stored

GROUPS: tuple[type[DeviceGroup], ...] = tuple(model for model in ALL if issubclass(model, DeviceGroup))


@dataclass(frozen=True, slots=True)
class Group:
    """A group that a request names, and the kind of its members."""

    model: type[DeviceGroup]
    id: str
    member: type[Item]


def group_of(plural: str, identifier: str, member: str) -> Group | None:
    """Return the group that a path such as `cameraGroups/<id>/cameras` is about; None when it is about none."""
    for model in GROUPS:
        if model.kind.plural.lower() == plural.lower():
            for kind in model.kind.members:
                if kind.lower() == member.lower():
                    return Group(model, identifier.lower(), BY_PLURAL[kind])
    return None


def members(session: Session, items: Items, group: Group) -> list[Stored[Any]]:
    """Return the devices in a group, in the order in which they were put there; raise NoSuchItem."""
    found = []
    for path in items.get(session, group.model, group.id).item.members:
        try:
            found.append(items.get(session, group.member, path.id))
        except NoSuchItem:  # removed since
            continue
    return found


def add_member(session: Session, items: Items, group: Group, device_id: str) -> None:
    """Put a device into a group; no change when it is there. Raises NoSuchItem, InvalidProperties."""
    device = items.get(session, group.member, device_id).id
    known = [path.id for path in items.get(session, group.model, group.id).item.members]
    if device in known:
        return
    if len(known) >= MOST_MEMBERS:
        raise InvalidProperties({"": f"A group holds at most {MOST_MEMBERS} devices."})
    _set_members(session, items, group, [*known, device])


def remove_member(session: Session, items: Items, group: Group, device_id: str) -> None:
    """Take a device out of a group; raise NoSuchItem when it is not in it."""
    known = [path.id for path in items.get(session, group.model, group.id).item.members]
    if device_id.lower() not in known:
        raise NoSuchItem(f"{group.member.kind.plural}/{device_id}", item=device_id)
    _set_members(session, items, group, [each for each in known if each != device_id.lower()])


def _set_members(session: Session, items: Items, group: Group, ids: Iterable[str]) -> None:
    kind = group.member.kind.plural
    items.update(session, group.model, group.id, {"members": [{"type": kind, "id": each} for each in ids]})
