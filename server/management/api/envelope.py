"""How items look on the wire: declared properties, plus what the API shows beside them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from sqlalchemy.orm import Session

from common.foundation.clock import UtcUs
from common.model.item import UNSET_TIME, Item, Property
from common.model.kinds import BY_PLURAL, children_of
from common.model.servers import RecordingServer
from common.model.users import BUILT_IN_ROLES, BasicUser, Role
from server.management.configuration.items import Items, Stored
from server.management.registration.enrolment import hosts_of_recorder
from server.management.registration.statuses import RecorderStatuses


def api_time(at: UtcUs) -> str:
    """Write wall time as the API does: seven digits of a second, always 28 characters."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def _everything(_: type[Item]) -> Callable[[str], bool]:
    return lambda _: True


class Envelope:
    """Renders items for one request; `viewer_host` is the name by which the client reached this server."""

    def __init__(
        self,
        session: Session,
        items: Items,
        statuses: RecorderStatuses,
        *,
        lock_end: Callable[[str], UtcUs | None],
        viewer_host: str = "",
        seen: Callable[[type[Item]], Callable[[str], bool]] = _everything,
    ) -> None:
        """`lock_end` says until when a user's name is locked after wrong passwords, `seen` of a kind which of its items
        are shown below others (or raises NotPermitted)."""
        self._session = session
        self._items = items
        self._statuses = statuses
        self._viewer_host = viewer_host
        self._seen = seen
        self._lock_end = lock_end

    def item(self, stored: Stored[Item], include: Sequence[str] = ()) -> dict[str, Any]:
        """Return one item, with its children of the kinds named in `include` below it."""
        model = type(stored.item)
        shown: dict[str, Any] = {"displayName": stored.item.title, "id": stored.id, **stored.wire}
        shown |= self._extras(stored)
        shown["lastModified"] = api_time(stored.modified_us)
        shown["etag"] = str(stored.version)
        relations: dict[str, Any] = {"self": {"type": model.kind.plural, "id": stored.id}}
        if stored.parent_id is not None:
            relations["parent"] = {"type": self._kind_above(model, stored.parent_id), "id": stored.parent_id}
        shown["relations"] = relations
        if not include:
            return shown
        wanted = {name.lower() for name in include}
        for child in children_of(model.kind.plural):
            if child.kind.plural.lower() in wanted:
                may_see = self._seen(child)
                below = self._items.list(self._session, child, stored.id)
                shown[child.kind.plural] = [self.item(each, include) for each in below if may_see(each.id)]
        return shown

    def _kind_above(self, model: type[Item], parent_id: str) -> str:
        if len(model.kind.parents) == 1:
            return model.kind.parents[0]
        return self._items.kind_of(self._session, parent_id) or model.kind.parents[0]

    def _extras(self, stored: Stored[Item]) -> Mapping[str, object]:
        item = stored.item
        if isinstance(item, RecordingServer):
            uri = f"https://{_in_url(item.host_name)}:{item.port_number}/" if item.host_name else ""
            return {
                "webServerUri": uri,
                "activeWebServerUri": self._active_uri(stored.id, item),
                "online": self._statuses.is_online(stored.id),
            }
        if "created_date" in type(item).model_fields:
            return {"createdDate": api_time(stored.created_us)}
        if isinstance(item, BasicUser):
            until = self._lock_end(item.name)
            shown = {"sid": stored.id, "lockoutEnd": UNSET_TIME if until is None else api_time(until)}
            return shown if until is None else {**shown, "status": "LockedOutBySystem"}
        if isinstance(item, Role):
            return {"builtIn": stored.id in BUILT_IN_ROLES}
        return {}

    def _active_uri(self, recorder_id: str, item: RecordingServer) -> str:
        """Return where this client reaches a recorder.

        A recorder on this machine is reached by whatever name the client used for this server, if the recorder's
        certificate holds it: its own first name may be one that only this machine can resolve.
        """
        host = item.host_name
        beside_us = self._statuses.is_on_this_machine(recorder_id)
        if beside_us and self._viewer_host in hosts_of_recorder(self._session, recorder_id):
            host = self._viewer_host
        return f"https://{_in_url(host)}:{item.port_number}/" if host else ""


def definitions(model: type[Item]) -> dict[str, Any]:
    """Return what `?definitions` adds: type and limits of each property, from its declaration."""
    return {each.wire_name: _definition(each) for each in model.properties()}


def resources(model: type[Item]) -> list[dict[str, str]]:
    """Return what `?resources` lists: the kinds below an item."""
    return [{"type": child.kind.plural, "displayName": child.__name__} for child in children_of(model.kind.plural)]


def model_of(resource: str) -> type[Item] | None:
    """Return the declaration of a resource, however its name is spelt."""
    return _BY_LOWER.get(resource.lower())


_BY_LOWER = {plural.lower(): model for plural, model in BY_PLURAL.items()}


def _definition(each: Property) -> dict[str, Any]:
    kind = each.field.annotation
    if get_origin(kind) is UnionType:
        kind = next(part for part in get_args(kind) if part is not NoneType)
    found: dict[str, Any] = {
        "canSet": not each.shown.read_only,
        "valueType": _VALUE_TYPES.get(kind) or _ORIGIN_TYPES.get(get_origin(kind), "path"),
        "displayName": each.shown.label,
    }
    if get_origin(kind) is Literal:
        found["options"] = [{"displayName": choice, "value": choice} for choice in get_args(kind)]
    for limit in each.field.metadata:
        for theirs, ours in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if hasattr(limit, theirs):
                found[ours] = getattr(limit, theirs)
    return found


_ORIGIN_TYPES: Mapping[object, str] = {Literal: "enum", tuple: "array"}
_VALUE_TYPES: Mapping[object, str] = {str: "string", int: "int", float: "double", bool: "bool"}


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
