"""Configuration items in the database: read, created, changed and removed as their declarations allow.

Functions work within the caller's transaction. Secrets never come back with an item; `secrets_of` is for the
recorder's feed alone.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from common.foundation.clock import Clock, UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import new_id
from common.model.item import Item, problems_of
from server.management.database.sealing import Seal
from server.management.database.store import ItemChange, configuration_changed
from server.management.database.tables import ItemRow

AnyItem = TypeVar("AnyItem", bound=Item)

NOT_STORED = frozenset(
    {"id", "displayName", "lastModified", "relations", "etag", "webServerUri", "activeWebServerUri", "online"}
    | {"sid", "lockoutEnd", "builtIn", "createdDate"}
)
"""What an item shows beside its declared properties. A client that sends an item back as it read it sends these too."""


class NoSuchItem(VmsError):
    """There is no item of this kind with this id."""

    message_key = "error.item_not_found"


class InvalidProperties(VmsError):
    """Values that a declaration does not allow; `problems` by property."""

    message_key = "error.validation_failed"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems.items()), problems=problems)
        self.problems = dict(problems)


class VersionConflict(VmsError):
    """The item is not what the caller read."""

    message_key = "error.changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Stored(Generic[AnyItem]):
    """An item with what the database knows about it. `item` holds no secrets."""

    id: str
    parent_id: str | None
    version: int
    created_us: UtcUs
    modified_us: UtcUs
    item: AnyItem
    wire: Mapping[str, Any] = field(compare=False)
    """The item by its properties' names in the API, without secrets."""


_COLUMNS = (
    ItemRow.id,
    ItemRow.parent_id,
    ItemRow.version,
    ItemRow.created_us,
    ItemRow.modified_us,
    ItemRow.properties,
)
_AT_ONCE = 1000  # rows fetched together


class Items:
    """All configuration items."""

    def __init__(self, seal: Seal, clock: Clock) -> None:
        self._seal = seal
        self._clock = clock

    def get(self, session: Session, model: type[AnyItem], identifier: str) -> Stored[AnyItem]:
        """Return one item; raise NoSuchItem."""
        if model.kind.single:
            return self._single(session, model, self._owner(session, model, identifier))
        return _stored(model, self._row(session, model, identifier))

    def list(self, session: Session, model: type[AnyItem], parent_id: str | None = None) -> list[Stored[AnyItem]]:
        """Return all items of a kind, or those below a parent, oldest first."""
        if model.kind.single:
            return [self._single(session, model, owner) for owner in self._owners(session, model, parent_id)]
        return list(self.each(session, model, parent_id))

    def each(self, session: Session, model: type[AnyItem], parent_id: str | None = None) -> Iterator[Stored[AnyItem]]:
        """Yield what `list` returns, and read no more than is taken. Within the caller's transaction."""
        if model.kind.single:
            yield from self.list(session, model, parent_id)
            return
        query = select(*_COLUMNS).where(ItemRow.kind == model.kind.plural)
        if parent_id is not None:
            query = query.where(ItemRow.parent_id == parent_id)
        query = query.order_by(ItemRow.created_us, ItemRow.id).limit(_AT_ONCE)
        found = session.execute(query).all()
        while found:  # in pieces that are read to their end: SQL Server takes no other question in between
            for identifier, parent, version, created_us, modified_us, properties in found:
                item, wire = _item(model, properties)
                yield Stored(identifier, parent, version, UtcUs(created_us), UtcUs(modified_us), item, wire)
            if len(found) < _AT_ONCE:
                return
            last_id, _, _, last_us, _, _ = found[-1]
            behind = or_(ItemRow.created_us > last_us, and_(ItemRow.created_us == last_us, ItemRow.id > last_id))
            found = session.execute(query.where(behind)).all()

    def create(
        self,
        session: Session,
        item: AnyItem,
        parent_id: str | None,
        identifier: str | None = None,
        *,
        version: int = 1,
    ) -> Stored[AnyItem]:
        """Store a new item, secrets sealed. `version`: above those that an item of this id has had."""
        model = type(item)
        now_us = self._clock.now_us()
        properties, secrets = _split(item)
        row = ItemRow(
            id=identifier or new_id(),
            kind=model.kind.plural,
            parent_id=parent_id,
            version=version,
            created_us=now_us,
            modified_us=now_us,
            properties=json.dumps(properties),
            secrets=self._sealed(secrets),
        )
        session.add(row)
        session.flush()
        configuration_changed(session, ItemChange("created", row.kind, row.id, row.version))
        return _stored(model, row)

    def change(
        self,
        session: Session,
        model: type[AnyItem],
        identifier: str,
        changes: Mapping[str, object],
        expected_version: int | None = None,
    ) -> Stored[AnyItem]:
        """Set writable properties; read-only ones are passed over, since clients send back whole items.

        Raises NoSuchItem, VersionConflict, InvalidProperties (nothing is changed then).
        """
        writable = model.writable()
        declared = {each.wire_name for each in model.properties()}
        free = set(changes) - declared - NOT_STORED
        if free and not model.is_open():
            raise InvalidProperties(dict.fromkeys(sorted(free), "There is no such property."))
        wanted = {name: value for name, value in changes.items() if name in writable or name in free}
        return self.update(session, model, identifier, wanted, expected_version)

    def update(
        self,
        session: Session,
        model: type[AnyItem],
        identifier: str,
        changes: Mapping[str, object],
        expected_version: int | None = None,
    ) -> Stored[AnyItem]:
        """Set any declared properties, read-only ones as well: for the server's own use."""
        row = self._row_to_change(session, model, identifier)
        self._check(row, model, identifier, expected_version)
        before = _known(model, row)
        old_secrets = self.secrets_of(row)
        item = validated(model, {**before, **old_secrets, **changes})
        properties, secrets = _split(item)
        if properties != before or secrets != old_secrets:
            row.properties = json.dumps(properties)
            if secrets != old_secrets:
                row.secrets = self._sealed(secrets)
            row.version += 1
            row.modified_us = self._clock.now_us()
            session.flush()
            configuration_changed(session, ItemChange("changed", row.kind, _api_id(model, row), row.version))
        return _stored(model, row)

    def check_version(
        self, session: Session, model: type[Item], identifier: str, expected_version: int | None
    ) -> ItemRow:
        """Return an item's row; raise NoSuchItem, or VersionConflict when it is not at the expected version."""
        row = self._row(session, model, identifier)
        self._check(row, model, identifier, expected_version)
        return row

    def kind_of(self, session: Session, identifier: str) -> str | None:
        """Return which kind of item has an id of its own; None when there is none."""
        row = session.get(ItemRow, identifier.lower())
        return None if row is None else row.kind

    def delete(self, session: Session, model: type[Item], identifier: str) -> None:
        """Remove an item and all below it; raise NoSuchItem."""
        row = self._row(session, model, identifier)
        session.delete(row)
        session.flush()
        session.expire_all()  # the database removed the rows below
        configuration_changed(session, ItemChange("deleted", model.kind.plural, identifier.lower(), row.version))

    def secrets_of(self, row: ItemRow) -> dict[str, str]:
        """Return an item's secrets in clear, by wire name."""
        return {} if row.secrets is None else self.opened(row.secrets)

    def opened(self, sealed: bytes) -> dict[str, str]:
        """Return sealed secrets in clear, by wire name."""
        opened: dict[str, str] = json.loads(self._seal.open(sealed))
        return opened

    def made_of(self, model: type[AnyItem], properties: Mapping[str, Any], sealed: bytes | None) -> AnyItem:
        """Return the item that once was stored like this; raise InvalidProperties."""
        secrets = {} if sealed is None else self.opened(sealed)
        return validated(model, {**_declared(model, properties), **secrets})

    def row_exists(self, session: Session, row_id: str) -> bool:
        """Whether there is a row, of whatever kind."""
        return session.get(ItemRow, row_id) is not None

    def secrets(self, session: Session, model: type[Item], identifier: str) -> dict[str, str]:
        return self.secrets_of(self._row(session, model, identifier))

    def _check(self, row: ItemRow, model: type[Item], identifier: str, expected_version: int | None) -> None:
        if expected_version is not None and expected_version != row.version:
            raise VersionConflict(
                f"{model.kind.plural}/{identifier} is at version {row.version}",
                item=identifier,
                expected=expected_version,
                current=row.version,
            )

    # what each item above has one of

    def _owner(self, session: Session, model: type[Item], identifier: str) -> ItemRow:
        row = session.get(ItemRow, identifier.lower())
        if row is None or row.kind not in model.kind.parents:
            raise NoSuchItem(f"{model.kind.plural}/{identifier}", item=identifier)
        return row

    def _owners(self, session: Session, model: type[Item], parent_id: str | None) -> Sequence[ItemRow]:
        if parent_id is not None:
            return [self._owner(session, model, parent_id)]
        query = select(ItemRow).where(ItemRow.kind.in_(model.kind.parents))
        return session.scalars(query.order_by(ItemRow.created_us, ItemRow.id)).all()

    def _single(self, session: Session, model: type[AnyItem], owner: ItemRow) -> Stored[AnyItem]:
        row = session.get(ItemRow, single_id(model, owner.id))
        if row is not None:
            return _stored(model, row)
        created_us = UtcUs(owner.created_us)
        item = validated(model, {})
        return Stored(owner.id, owner.id, 0, created_us, created_us, item, _wire(item))

    def _row_to_change(self, session: Session, model: type[Item], identifier: str) -> ItemRow:
        """Return an item's row, made with its declared defaults where nobody has changed a single item yet."""
        if not model.kind.single:
            return self._row(session, model, identifier)
        owner = self._owner(session, model, identifier)
        row = session.get(ItemRow, single_id(model, owner.id))
        if row is None:
            row = ItemRow(
                id=single_id(model, owner.id),
                kind=model.kind.plural,
                parent_id=owner.id,
                version=0,
                created_us=owner.created_us,
                modified_us=owner.created_us,
                properties=json.dumps(_split(validated(model, {}))[0]),
                secrets=None,
            )
            session.add(row)
        return row

    def _sealed(self, secrets: Mapping[str, str]) -> bytes | None:
        return self._seal.seal(json.dumps(secrets).encode()) if secrets else None

    def _row(self, session: Session, model: type[Item], identifier: str) -> ItemRow:
        row = session.get(ItemRow, single_id(model, identifier) if model.kind.single else identifier.lower())
        if row is None or row.kind != model.kind.plural:
            raise NoSuchItem(f"{model.kind.plural}/{identifier}", item=identifier)
        return row


def single_id(model: type[Item], owner_id: str) -> str:
    """Return the id of the row of what an item has one of: in the API it has the item's own id."""
    return str(uuid.uuid5(_SINGLES, f"{model.kind.plural}/{owner_id.lower()}"))


_SINGLES = uuid.UUID("9f0c2d0e-6f0b-5a53-8f0a-6a1b7a2c3d4e")


def validated(model: type[AnyItem], properties: Mapping[str, object]) -> AnyItem:
    """Make an item of wire values; raise InvalidProperties."""
    try:
        return model.model_validate(dict(properties))
    except ValidationError as error:
        raise InvalidProperties(problems_of(error)) from error


def _split(item: Item) -> tuple[dict[str, Any], dict[str, str]]:
    names = item.secrets()
    wire = item.to_wire()
    return (
        {name: value for name, value in wire.items() if name not in names},
        {name: wire[name] for name in names if wire[name]},
    )


def _api_id(model: type[Item], row: ItemRow) -> str:
    return row.parent_id if model.kind.single and row.parent_id is not None else row.id


@lru_cache(maxsize=65_536)
def _item(model: type[AnyItem], properties: str) -> tuple[AnyItem, Mapping[str, Any]]:
    """Make an item of what is stored; many are asked for again and again without having changed."""
    item = model.model_validate(_declared(model, json.loads(properties)))
    return item, _wire(item)


def _wire(item: Item) -> Mapping[str, Any]:
    secrets = item.secrets()
    return {name: value for name, value in item.to_wire().items() if name not in secrets}


def _declared(model: type[Item], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out stored properties that the declaration has no more."""
    if model.is_open():
        return dict(stored)
    names = {each.wire_name for each in model.properties()}
    return {name: value for name, value in stored.items() if name in names}


def _known(model: type[Item], row: ItemRow) -> dict[str, Any]:
    """Return stored properties that the declaration still has, and defaults for those it has got since."""
    return _split(_item(model, row.properties)[0])[0]


def _stored(model: type[AnyItem], row: ItemRow) -> Stored[AnyItem]:
    item, wire = _item(model, row.properties)
    return Stored(
        _api_id(model, row), row.parent_id, row.version, UtcUs(row.created_us), UtcUs(row.modified_us), item, wire
    )
