"""Bookmarks in the database, and who may see and change them: whoever is permitted so for the camera."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.clock import UtcUs
from common.model.devices import Camera, Microphone
from common.model.item import Item
from common.model.permissions import Verb
from common.net.tokens import Principal
from server.management.bookmarks.words import Search, device_of, given_id, given_values, shown
from server.management.configuration.items import InvalidProperties, Items, NoSuchItem
from server.management.database.bookmark_tables import BookmarkRow
from server.management.identity.authority import Authority

audit = logging.getLogger("server.management.audit")

_AT_ONCE = 500
_KINDS: tuple[type[Item], ...] = (Camera, Microphone)


class Bookmarks:
    """Works within the caller's transaction, for one user."""

    def __init__(self, session: Session, items: Items, authority: Authority, who: Principal) -> None:
        self._session = session
        self._items = items
        self._authority = authority
        self._who = who
        self._seen: dict[str, bool] = {}

    def create(self, body: Mapping[str, Any], now: UtcUs) -> dict[str, Any]:
        """Add one; raise InvalidProperties, NotPermitted."""
        values, identifier = given_values(body), given_id(body)
        device = device_of(body.get("devicePath"))
        kind = self._kind(device)
        if kind is None:
            raise InvalidProperties({"devicePath": f"There is no camera or microphone {device[:80]}."})
        self._authority.need(self._session, self._who, Verb.BOOKMARK, kind, device)
        known = self._session.get(BookmarkRow, identifier)
        if known is None:
            known = BookmarkRow(
                id=identifier,
                device_id=device,
                **values.model_dump(),
                user_id=self._who.user_id,
                user_name=self._who.name,
                created_us=now,
                modified_us=now,
            )
            self._session.add(known)
            self._session.flush()
            self._note("created", identifier)
        elif known.device_id != device:
            raise InvalidProperties({"id": "Another bookmark has this id."})
        return shown(known, kind.kind.plural)

    def get(self, identifier: str) -> dict[str, Any]:
        """One that may be seen; raise NoSuchItem."""
        row = self._row(identifier)
        return shown(row, self._kind_of(row))

    def change(self, identifier: str, body: Mapping[str, Any], now: UtcUs) -> dict[str, Any]:
        """Change what is given; raise NoSuchItem, InvalidProperties, NotPermitted."""
        row = self._row(identifier)
        self._need(row)
        if "devicePath" in body and device_of(body["devicePath"]) != row.device_id:
            raise InvalidProperties({"devicePath": "A bookmark stays with its camera: make another."})
        for name, value in given_values(body, row).model_dump().items():
            setattr(row, name, value)
        row.modified_us = now
        self._session.flush()
        self._note("changed", row.id)
        return shown(row, self._kind_of(row))

    def delete(self, identifier: str) -> None:
        """Remove one; raise NoSuchItem, NotPermitted."""
        row = self._row(identifier)
        self._need(row)
        self._session.delete(row)
        self._note("deleted", row.id)

    def search(self, wanted: Search) -> list[dict[str, Any]]:
        """Those that may be seen and overlap the time, oldest first; at most `wanted.size`."""
        query = select(BookmarkRow).where(BookmarkRow.begin_us < wanted.end_us, BookmarkRow.end_us > wanted.begin_us)
        if wanted.devices:
            query = query.where(BookmarkRow.device_id.in_(wanted.devices[:_AT_ONCE]))
        if wanted.after and (last := self._session.get(BookmarkRow, wanted.after)) is not None:
            beyond = (BookmarkRow.begin_us > last.begin_us) | (
                (BookmarkRow.begin_us == last.begin_us) & (BookmarkRow.id > last.id)
            )
            query = query.where(beyond)
        found: list[dict[str, Any]] = []
        rows = self._session.scalars(query.order_by(BookmarkRow.begin_us, BookmarkRow.id).limit(100_000))
        for row in rows:
            if self._matches(row, wanted) and self._may_see(row):
                found.append(shown(row, self._kind_of(row)))
                if len(found) >= wanted.size:
                    break
        return found

    def _matches(self, row: BookmarkRow, wanted: Search) -> bool:
        if wanted.user and wanted.user not in row.user_name.casefold():
            return False
        said = (row.header, row.description, row.reference)
        return not wanted.text or any(wanted.text in text.casefold() for text in said)

    def _row(self, identifier: str) -> BookmarkRow:
        row = self._session.get(BookmarkRow, identifier.lower())
        if row is None or not self._may_see(row):
            raise NoSuchItem(f"bookmarks/{identifier[:80]}")
        return row

    def _may_see(self, row: BookmarkRow) -> bool:
        known = self._seen.get(row.device_id)
        if known is None:
            kind = self._kind(row.device_id)
            known = kind is not None and self._authority.may(
                self._session, self._who, Verb.SEE_BOOKMARKS, kind, row.device_id
            )
            self._seen[row.device_id] = known
        return known

    def _need(self, row: BookmarkRow) -> None:
        kind = self._kind(row.device_id)
        assert kind is not None, "whose bookmark may be seen"
        self._authority.need(self._session, self._who, Verb.BOOKMARK, kind, row.device_id)

    def _kind(self, device: str) -> type[Item] | None:
        plural = self._items.kind_of(self._session, device)
        return next((kind for kind in _KINDS if kind.kind.plural == plural), None)

    def _kind_of(self, row: BookmarkRow) -> str:
        kind = self._kind(row.device_id)
        return "devices" if kind is None else kind.kind.plural

    def _note(self, what: str, identifier: str) -> None:
        fields = {"user": self._who.name, "user_id": self._who.user_id, "item": f"bookmarks/{identifier}"}
        audit.info("bookmark %s", what, extra=fields)
