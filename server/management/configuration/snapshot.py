"""The configuration as clients hold it: everything that a user may see at once, and later only what changed.

An item is a list: kind, id, id of the item above (or null), version, and those properties that are not as declared.
Items stand in the order of the tree, each behind the one above it, so that ids compress well.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from common.api.service_channel import Notice
from common.foundation.errors import NotPermitted
from common.model.item import Item
from common.model.kinds import ALL, BY_PLURAL
from common.net.tokens import Principal
from server.management.database.tables import ItemRow
from server.management.identity.authority import Authority

KINDS: tuple[str, ...] = (
    "sites",
    "recordingServers",
    "hardware",
    "cameras",
    "microphones",
    "speakers",
    "metadata",
    "inputEvents",
    "outputs",
    "ptzPresets",
    "patrollingProfiles",
    *(model.kind.plural for model in ALL if model.kind.members),
    "viewGroups",
    "views",
    "layoutGroups",
    "layouts",
    "clientProfiles",
    "videoWalls",
    "monitors",
    "matrix",
    "userDefinedEvents",
)
"""What clients work with."""

_CHANGES_WHAT_IS_SEEN = frozenset({"roles", *(model.kind.plural for model in ALL if model.kind.members)})
_AT_ONCE = 500  # ids in one query

Compact = list[Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a client is told. `full`: what it held before counts no more."""

    full: bool
    items: list[Compact]
    deleted: list[str]


def everything(session: Session, authority: Authority, who: Principal) -> Snapshot:
    """Return all that a user may see."""
    seen = _Seen(session, authority, who)
    below: dict[str | None, list[Row[Any]]] = {}
    for row in session.execute(_columns().where(ItemRow.kind.in_(KINDS)).order_by(ItemRow.created_us, ItemRow.id)):
        if seen(row.kind, row.id):
            below.setdefault(row.parent_id, []).append(row)
    known = {row.id for rows in below.values() for row in rows}
    roots = [row for parent, rows in below.items() if parent not in known for row in rows]
    return Snapshot(True, [_compact(row) for row in _in_order(roots, below)], [])


def changes(session: Session, authority: Authority, who: Principal, notices: Sequence[Notice]) -> Snapshot:
    """Return what notices of the service channel changed for a user."""
    told = [each for each in notices if each.what == "configuration"]
    if any(each.resource in _CHANGES_WHAT_IS_SEEN for each in told) and not who.is_administrator:
        return everything(session, authority, who)
    last = {each.id: each for each in told if each.resource in KINDS}
    deleted = [each.id for each in last.values() if each.change == "deleted"]
    wanted = [each.id for each in last.values() if each.change != "deleted"]
    seen = _Seen(session, authority, who)
    items: list[Compact] = []
    for at in range(0, len(wanted), _AT_ONCE):
        found = session.execute(_columns().where(ItemRow.id.in_(wanted[at : at + _AT_ONCE])))
        items += [_compact(row) for row in found if seen(row.kind, row.id)]
    there = {item[1] for item in items}
    return Snapshot(False, items, deleted + [each for each in wanted if each not in there])


def declared_defaults(kinds: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the properties of kinds are where an item does not say."""
    return {kind: dict(_defaults(BY_PLURAL[kind])) for kind in kinds}


class _Seen:
    """Remembers for each kind what tells whether the user may see an item of it."""

    def __init__(self, session: Session, authority: Authority, who: Principal) -> None:
        self._ask: Callable[[str], Callable[[str], bool]] = lambda kind: authority.seen(session, who, BY_PLURAL[kind])
        self._known: dict[str, Callable[[str], bool]] = {}

    def __call__(self, kind: str, identifier: str) -> bool:
        if kind not in self._known:
            try:
                self._known[kind] = self._ask(kind)
            except NotPermitted:
                self._known[kind] = lambda _: False
        return self._known[kind](identifier)


def _columns() -> Any:
    return select(ItemRow.id, ItemRow.kind, ItemRow.parent_id, ItemRow.version, ItemRow.properties)


def _in_order(roots: Sequence[Row[Any]], below: dict[str | None, list[Row[Any]]]) -> Iterator[Row[Any]]:
    waiting = list(reversed(roots))
    while waiting:
        row = waiting.pop()
        yield row
        waiting += reversed(below.get(row.id, ()))


def _compact(row: Row[Any]) -> Compact:
    return [row.kind, row.id, row.parent_id, row.version, _not_declared(row.kind, row.properties)]


@lru_cache(maxsize=65_536)
def _not_declared(kind: str, properties: str) -> dict[str, Any]:
    usual = _defaults(BY_PLURAL[kind])
    return {name: value for name, value in json.loads(properties).items() if name not in usual or usual[name] != value}


@cache
def _defaults(model: type[Item]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in model.properties():
        if not each.field.is_required() and not each.shown.secret:
            found[each.wire_name] = each.field.get_default(call_default_factory=True)
    return {name: json.loads(json.dumps(value, default=_plain)) for name, value in found.items()}


def _plain(value: BaseModel) -> dict[str, Any]:
    """Return a part of an item's default as JSON holds it."""
    return value.model_dump(mode="json", by_alias=True)
