"""What whoever asks may see of the configuration."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.errors import NotPermitted
from common.model.item import Item
from common.net.tokens import Principal
from server.management.configuration.items import Items, NoSuchItem, Stored, single_id
from server.management.database.tables import ItemRow
from server.management.identity.authority import Authority

AnyItem = TypeVar("AnyItem", bound=Item)


class Seen:
    """Reads items for one user, within the caller's transaction."""

    def __init__(self, session: Session, items: Items, authority: Authority, who: Principal) -> None:
        self.session = session
        self.authority = authority
        self.who = who
        self._items = items
        self._singles: dict[type[Item], frozenset[str]] = {}
        self._asked: dict[type[Item], Callable[[str], bool]] = {}

    def all(self, model: type[AnyItem]) -> list[Stored[AnyItem]]:
        """Return the items of a kind that may be seen, oldest first."""
        may_see = self._may_see(model)
        return [each for each in self._items.each(self.session, model) if may_see(each.id)]

    def every(self, model: type[AnyItem]) -> list[Stored[AnyItem]]:
        """Return all items of a kind, to find the way between others; not to be shown."""
        return self._items.list(self.session, model)

    def one(self, model: type[AnyItem], identifier: str) -> Stored[AnyItem]:
        """Return one item; raise NoSuchItem also where it may not be seen."""
        found = self._items.get(self.session, model, identifier)
        if not self._may_see(model)(found.id):
            raise NoSuchItem(f"{model.kind.plural}/{identifier}", item=identifier)
        return found

    def single(self, model: type[AnyItem], owner_id: str) -> AnyItem | None:
        """Return what an item has one of, None while it is as declared: most are, and not worth a question each."""
        known = self._singles.get(model)
        if known is None:
            rows = self.session.scalars(select(ItemRow.id).where(ItemRow.kind == model.kind.plural))
            known = self._singles[model] = frozenset(rows)
        if single_id(model, owner_id) not in known:
            return None
        return self._items.get(self.session, model, owner_id).item

    def _may_see(self, model: type[Item]) -> Callable[[str], bool]:
        if model not in self._asked:
            try:
                self._asked[model] = self.authority.seen(self.session, self.who, model)
            except NotPermitted:
                self._asked[model] = lambda _: False
        return self._asked[model]
