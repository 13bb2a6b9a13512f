"""View groups and views of the site, as a client reads and writes them. Blocking; failures are ManagementClient's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import quote

from common.foundation.errors import ProtocolError

Rectangle = tuple[int, int, int, int]
"""x, y, width, height on a grid of 1000 by 1000."""


@dataclass(frozen=True, slots=True)
class SiteViewGroup:
    """A folder of views. `parent` "": at the top. `owner` "": shared, else only for that user."""

    id: str
    name: str
    parent: str = ""
    owner: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class SiteView:
    """What is shown together, and where. `definition` is this product's own description of it, as JSON."""

    id: str
    name: str
    group: str
    places: tuple[Rectangle, ...] = ()
    definition: str = ""
    shortcut: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class ViewTree:
    """What a user sees, in the order in which it is shown. `user` is their id."""

    user: str = ""
    groups: tuple[SiteViewGroup, ...] = ()
    views: tuple[SiteView, ...] = ()

    def group(self, identifier: str) -> SiteViewGroup | None:
        return next((group for group in self.groups if group.id == identifier), None)

    def view(self, identifier: str) -> SiteView | None:
        return next((view for view in self.views if view.id == identifier), None)

    def views_in(self, group: str) -> tuple[SiteView, ...]:
        return tuple(view for view in self.views if view.group == group)

    def groups_in(self, parent: str) -> tuple[SiteViewGroup, ...]:
        return tuple(group for group in self.groups if group.parent == parent)

    def is_private(self, group: str) -> bool:
        """Whether a group, or one that it stands in, is only for one user."""
        known = self.group(group)
        return known is not None and (bool(known.owner) or self.is_private(known.parent))


class ViewRest(Protocol):
    """Asks `/api/rest/v1`, and who is signed in."""

    def rest(self, method: str, path: str, body: object = None) -> dict[str, Any]: ...

    def user_id(self) -> str: ...


class SiteViews:
    """What `ManagementClient.rest` answers, as values."""

    def __init__(self, client: ViewRest) -> None:
        self._client = client
        self._user = ""

    def tree(self) -> ViewTree:
        """All groups and views that the user may see; administrators, too, without other users' private ones."""
        self._user = self._user or self._client.user_id()
        groups = sorted((_group(each) for each in self._list("viewGroups")), key=_order)
        known = {group.id: group for group in groups}
        mine = {group.id for group in groups if all(owner in {"", self._user} for owner in _owners(known, group))}
        views = sorted((_view(each) for each in self._list("views")), key=_order)
        return ViewTree(
            self._user,
            tuple(_at_top(group, known) for group in groups if group.id in mine),
            tuple(view for view in views if view.group in mine),
        )

    def create_group(self, group: SiteViewGroup) -> SiteViewGroup:
        """Store a new one; the server gives it its id."""
        path = f"/viewGroups/{quote(group.parent)}/viewGroups" if group.parent else "/viewGroups"
        body: dict[str, Any] = {"name": group.name, "position": group.position}
        if group.owner:
            body["owner"] = group.owner
        return replace(group, id=_id(self._client.rest("POST", path, body)))

    def change_group(self, group: SiteViewGroup) -> None:
        body = {"name": group.name, "position": group.position}
        self._client.rest("PATCH", f"/viewGroups/{quote(group.id)}", body)

    def delete_group(self, identifier: str) -> None:
        """Remove a group and all that stands in it."""
        self._client.rest("DELETE", f"/viewGroups/{quote(identifier)}")

    def create_view(self, view: SiteView) -> SiteView:
        """Store a new one; the server gives it its id."""
        made = self._client.rest("POST", f"/viewGroups/{quote(view.group)}/views", _body(view))
        return replace(view, id=_id(made))

    def change_view(self, view: SiteView) -> None:
        self._client.rest("PATCH", f"/views/{quote(view.id)}", _body(view))

    def delete_view(self, identifier: str) -> None:
        self._client.rest("DELETE", f"/views/{quote(identifier)}")

    def _list(self, kind: str) -> list[object]:
        found = self._client.rest("GET", f"/{kind}").get("array")
        if not isinstance(found, list):
            raise ProtocolError(f"the list of {kind} is none", peer="The management server")
        return found


def _order(item: SiteViewGroup | SiteView) -> tuple[int, str, str]:
    return item.position, item.name.casefold(), item.id


def _at_top(group: SiteViewGroup, known: Mapping[str, SiteViewGroup]) -> SiteViewGroup:
    """Groups stand in the site, or in one that the user may not see: both are the top here."""
    return group if group.parent in known else replace(group, parent="")


def _owners(known: Mapping[str, SiteViewGroup], group: SiteViewGroup) -> set[str]:
    owners, seen = {group.owner}, {group.id}
    while group.parent in known and group.parent not in seen:
        group = known[group.parent]
        seen.add(group.id)
        owners.add(group.owner)
    return owners


def _body(view: SiteView) -> dict[str, Any]:
    names = ("x", "y", "width", "height")
    return {
        "name": view.name,
        "shortcut": view.shortcut,
        "position": view.position,
        "definition": view.definition,
        "layoutViewItems": [dict(zip(names, place, strict=True)) for place in view.places],
    }


def _id(answer: Mapping[str, Any]) -> str:
    result = answer.get("result")
    identifier = result.get("id") if isinstance(result, Mapping) else None
    if not isinstance(identifier, str):
        raise ProtocolError("what it created has no id", peer="The management server")
    return identifier


def _group(value: object) -> SiteViewGroup:
    try:
        assert isinstance(value, Mapping)
        owner, position = str(value.get("owner", "")).lower(), int(value.get("position", 0))
        return SiteViewGroup(str(value["id"]), str(value["name"]), _parent(value), owner, position)
    except (AssertionError, KeyError, TypeError, ValueError) as wrong:
        raise ProtocolError(f"its view group is not one: {wrong!r}", peer="The management server") from None


def _view(value: object) -> SiteView:
    try:
        assert isinstance(value, Mapping)
        places = tuple(
            (int(each["x"]), int(each["y"]), int(each["width"]), int(each["height"]))
            for each in value.get("layoutViewItems", ())
        )
        texts = (str(value.get("definition", "")), str(value.get("shortcut", "")))
        position = int(value.get("position", 0))
        return SiteView(str(value["id"]), str(value["name"]), _parent(value), places, *texts, position)
    except (AssertionError, KeyError, TypeError, ValueError) as wrong:
        raise ProtocolError(f"its view is not one: {wrong!r}", peer="The management server") from None


def _parent(value: Mapping[str, Any]) -> str:
    return str(value["relations"]["parent"]["id"])
