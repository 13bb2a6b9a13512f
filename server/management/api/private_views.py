"""Private view groups: everybody who may see views may have some, and they are nobody else's.

What stands in a group inherits its owner (`Authority`); here is who may make one, and that none is given away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from common.foundation.errors import NotPermitted
from common.model.clients import View, ViewGroup
from common.model.item import Item
from common.model.permissions import LABELS, Verb
from common.net.tokens import Principal
from server.management.configuration.creating import named_parent
from server.management.configuration.items import Items
from server.management.identity.authority import Authority


@dataclass(frozen=True, slots=True)
class Writing:
    """A request that creates or changes a group or view. `above`: the path's parent, "" for the site."""

    verb: Verb
    model: type[Item]
    identifier: str
    above: str
    body: Mapping[str, Any]


def concern(method: str, model: type[Item]) -> bool:
    """Return whether `need` decides about such a request."""
    return method != "DELETE" and model in {View, ViewGroup}


def need(session: Session, items: Items, authority: Authority, who: Principal, asked: Writing) -> None:
    """Raise NotPermitted unless a user may do so; NoSuchItem."""
    if who.is_administrator:
        return
    creating = not asked.identifier
    above = asked.above or (named_parent(asked.body).lower() if creating else "")
    if asked.model is ViewGroup and "owner" in asked.body:
        owner = str(asked.body["owner"]).lower()
        if creating and owner == who.user_id and not above:
            authority.seen(session, who, ViewGroup)
            return
        stays = {"", who.user_id} if creating else {items.get(session, ViewGroup, asked.identifier).item.owner.lower()}
        if owner not in stays:
            raise NotPermitted(LABELS[asked.verb])
    authority.need(session, who, asked.verb, asked.model, asked.identifier or above)
