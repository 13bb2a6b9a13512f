"""What roles are allowed and denied, in the database."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from common.model.permissions import Grant, operators_grants
from common.model.users import OPERATORS_ROLE_ID, Role
from common.net.tokens import OPERATORS
from server.management.configuration.items import Items
from server.management.database.store import ItemChange, configuration_changed, get_state, set_state
from server.management.database.tables import PermissionRow

_SEEDED = "permissions_seeded"


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """One row of a role, with ids as the API knows them."""

    namespace: str
    item: str
    allow: int
    deny: int
    profile: str


class RolePermissions:
    """Works within the caller's transaction."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def prepare(self, session: Session) -> None:
        """Give the built-in role Operators its permissions, once in a site's life."""
        if get_state(session, _SEEDED) is not None:
            return
        for grant in operators_grants(OPERATORS):
            self._put(session, OPERATORS_ROLE_ID, RoleGrant(grant.namespace, grant.item, grant.allow, grant.deny, ""))
        set_state(session, _SEEDED, "1")
        configuration_changed(session)

    def grants(self, session: Session) -> tuple[Grant, ...]:
        """Return all that roles are allowed and denied, by the roles' names in tokens."""
        names: Mapping[str, str] = {role.id: role.item.token_name for role in self._items.list(session, Role)}
        return tuple(
            Grant(names[row.role_id], row.namespace, row.item_id, row.allow, row.deny, row.profile_id)
            for row in session.scalars(select(PermissionRow))
            if row.role_id in names
        )

    def of_role(self, session: Session, role_id: str) -> list[RoleGrant]:
        """Return a role's rows; raise NoSuchItem."""
        role = self._items.get(session, Role, role_id)
        rows = session.scalars(select(PermissionRow).where(PermissionRow.role_id == role.id))
        return [RoleGrant(row.namespace, row.item_id, row.allow, row.deny, row.profile_id) for row in rows]

    def change(self, session: Session, role_id: str, grant: RoleGrant) -> None:
        """Replace what a role is allowed and denied on one item; raise NoSuchItem."""
        role = self._items.get(session, Role, role_id)
        if grant.allow or grant.deny:
            self._put(session, role.id, grant)
        else:
            session.execute(
                delete(PermissionRow).where(
                    PermissionRow.role_id == role.id,
                    PermissionRow.namespace == grant.namespace,
                    PermissionRow.item_id == grant.item,
                    PermissionRow.profile_id == grant.profile,
                )
            )
        configuration_changed(session, ItemChange("changed", Role.kind.plural, role.id, role.version))

    def _put(self, session: Session, role_id: str, grant: RoleGrant) -> None:
        session.merge(
            PermissionRow(
                role_id=role_id,
                namespace=grant.namespace,
                item_id=grant.item,
                profile_id=grant.profile,
                allow=grant.allow,
                deny=grant.deny,
            )
        )
