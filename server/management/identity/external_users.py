"""Users that directories and login providers vouch for: what was last known about them, and their roles."""

import json
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.ids import new_id
from common.model.identity import Directory, LoginProvider, RegisteredClaim, RoleClaim
from common.model.users import Role
from server.management.configuration.items import Items, NoSuchItem
from server.management.database.identity_tables import ExternalUserRow, RoleMemberRow
from server.management.identity.revocations import revoke_user

_MOST_GROUPS = 5000


class ExternalUsers:
    """Works within the caller's transaction."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def by_id(self, session: Session, user_id: str) -> ExternalUserRow | None:
        return session.get(ExternalUserRow, user_id)

    def by_name(self, session: Session, source_id: str, name: str) -> ExternalUserRow | None:
        """Return the user of a directory that was last known by a name."""
        query = select(ExternalUserRow).where(
            ExternalUserRow.source_id == source_id, ExternalUserRow.name_key == name.casefold()[:255]
        )
        return session.scalar(query)

    def of_source(self, session: Session, source_id: str) -> list[ExternalUserRow]:
        return list(session.scalars(select(ExternalUserRow).where(ExternalUserRow.source_id == source_id)))

    def seen(
        self, session: Session, source_id: str, subject: str, *, name: str, groups: Iterable[str], now_s: float
    ) -> ExternalUserRow:
        """Note what a directory or provider has just said about a user, enabled as it is."""
        query = select(ExternalUserRow).where(
            ExternalUserRow.source_id == source_id, ExternalUserRow.subject == subject[:255]
        )
        row = session.scalar(query)
        if row is None:
            row = ExternalUserRow(id=new_id(), source_id=source_id, subject=subject[:255], cached_hash="")
            session.add(row)
        row.name, row.name_key = name[:255], name.casefold()[:255]
        row.groups = json.dumps(sorted(set(groups))[:_MOST_GROUPS])
        row.enabled, row.checked_s = True, int(now_s)
        session.flush()
        return row

    def groups_of(self, row: ExternalUserRow) -> frozenset[str]:
        """Return what a user was last known to be: its own id and those of its groups, or its claims."""
        return frozenset(json.loads(row.groups))

    def gone(self, session: Session, row: ExternalUserRow) -> None:
        """Sign out a user that its directory no longer lets in."""
        if row.enabled:
            row.enabled, row.cached_hash = False, ""
            revoke_user(session, row.id)

    def source_enabled(self, session: Session, row: ExternalUserRow) -> bool:
        """Tell whether a user's directory or login provider is there and switched on."""
        try:
            return self._items.get(session, Directory, row.source_id).item.enabled
        except NoSuchItem:
            pass
        try:
            return self._items.get(session, LoginProvider, row.source_id).item.enabled
        except NoSuchItem:
            return False

    def role_ids(self, session: Session, row: ExternalUserRow) -> frozenset[str]:
        """Return the roles that a user has by itself, by its groups, or by its claims."""
        held = self.groups_of(row)
        members = session.scalars(select(RoleMemberRow).where(RoleMemberRow.source_id == row.source_id))
        found = {member.role_id for member in members if member.external_id in held}
        return frozenset(found) | self._role_ids_by_claims(session, row.source_id, held)

    def members(self, session: Session, role_id: str) -> list[RoleMemberRow]:
        """Return the directory users and groups in a role."""
        query = select(RoleMemberRow).where(RoleMemberRow.role_id == role_id)
        return list(session.scalars(query.order_by(RoleMemberRow.domain, RoleMemberRow.account_name)))

    def add_member(self, session: Session, member: RoleMemberRow) -> None:
        """Put a directory's user or group into a role; raise NoSuchItem."""
        self._items.get(session, Role, member.role_id)
        session.merge(member)

    def remove_member(self, session: Session, role_id: str, external_id: str) -> bool:
        """Take one out again and end the tokens of whom it concerns; False: it was not in the role."""
        row = session.get(RoleMemberRow, (role_id, external_id))
        if row is None:
            return False
        session.delete(row)
        for user in self.of_source(session, row.source_id):
            if external_id in self.groups_of(user):
                revoke_user(session, user.id)
        return True

    def forget_source(self, session: Session, source_id: str) -> None:
        """End the tokens of all users of a directory or login provider: it is removed or switched off."""
        for user in self.of_source(session, source_id):
            revoke_user(session, user.id)

    def _role_ids_by_claims(self, session: Session, provider_id: str, held: frozenset[str]) -> frozenset[str]:
        claims = [each for each in self._items.list(session, RoleClaim) if each.item.claim_provider == provider_id]
        if not claims:
            return frozenset()
        exact = {
            each.item.name
            for each in self._items.list(session, RegisteredClaim, provider_id)
            if each.item.case_sensitive
        }
        folded = {_folded(each) for each in held}
        return frozenset(
            each.parent_id
            for each in claims
            if each.parent_id is not None
            and (
                claim_text(each.item.claim_name, each.item.claim_value) in held
                if each.item.claim_name in exact
                else _folded(claim_text(each.item.claim_name, each.item.claim_value)) in folded
            )
        )


def claim_text(name: str, value: str) -> str:
    """Return how a claim stands among a user's groups."""
    return f"{name}={value}"


def _folded(claim: str) -> str:
    name, equals, value = claim.partition("=")
    return name + equals + value.casefold()
