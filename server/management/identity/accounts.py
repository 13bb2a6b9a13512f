"""Basic users: their accounts, passwords and roles."""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.foundation.errors import VmsError
from common.foundation.ids import new_id
from common.model.users import ADMINISTRATORS_ROLE_ID, BUILT_IN_ROLES, BasicUser, Role
from server.management.configuration.items import InvalidProperties, Items, Stored, validated
from server.management.database.identity_tables import EarlierPasswordRow
from server.management.database.tables import AccountRow, MembershipRow
from server.management.identity.password_policy import PasswordPolicy
from server.management.identity.revocations import revoke_user


class LastAdministrator(VmsError):
    """Nobody could administer the site any more."""

    message_key = "error.last_administrator"


class Accounts:
    """Works within the caller's transaction; passwords are hashed by the caller, outside of it."""

    def __init__(self, items: Items, policy: PasswordPolicy, now_s: Callable[[], float]) -> None:
        self._items = items
        self._policy = policy
        self._now_s = now_s

    def create(self, session: Session, user: BasicUser, password_hash: str, site_id: str) -> Stored[BasicUser]:
        """Add a user without roles; raise InvalidProperties when the name is taken."""
        self._claim(session, user.name, owner=None)
        stored = self._items.create(session, user, site_id)
        session.add(
            AccountRow(
                user_id=stored.id,
                name_key=name_key(user.name),
                password_hash=password_hash,
                changed_s=int(self._now_s()),
            )
        )
        session.flush()
        return stored

    def renamed(self, session: Session, stored: Stored[BasicUser]) -> None:
        """Let a user whose item was changed sign in with its new name; a locked one is signed out."""
        account = session.get(AccountRow, stored.id)
        if account is not None and account.name_key != name_key(stored.item.name):
            self._claim(session, stored.item.name, owner=stored.id)
            account.name_key = name_key(stored.item.name)
        if stored.item.status != "Enabled":
            self._keep_an_administrator(session, without=stored.id)
            revoke_user(session, stored.id)

    def set_password(self, session: Session, user_id: str, password_hash: str) -> None:
        """Change a password and sign the user out everywhere; raise NoSuchItem."""
        self._items.get(session, BasicUser, user_id)
        account = session.get(AccountRow, user_id)
        if account is not None:
            self._remember(session, account)
            account.password_hash, account.changed_s = password_hash, int(self._now_s())
        self._items.update(session, BasicUser, user_id, {"forcePasswordChange": False})
        revoke_user(session, user_id)

    def has_hash(self, session: Session, user_id: str, password_hash: str) -> bool:
        """Tell whether a user's password is still the one that was checked."""
        account = session.get(AccountRow, user_id)
        return account is not None and account.password_hash == password_hash

    def rehashed(self, session: Session, user_id: str, old_hash: str, new_hash: str) -> None:
        """Replace the hash of an unchanged password by one made with today's parameters."""
        account = session.get(AccountRow, user_id)
        if account is not None and account.password_hash == old_hash:
            account.password_hash = new_hash

    def used_passwords(self, session: Session, user_id: str) -> tuple[str, ...]:
        """Return hashes that a new password may not match: the present one and those that the policy remembers."""
        account = session.get(AccountRow, user_id)
        if account is None or self._policy.history == 0:
            return ()
        return (account.password_hash, *(row.password_hash for row in self._earlier(session, user_id)))

    def must_change(self, session: Session, user: Stored[BasicUser]) -> bool:
        """Tell whether a user may do nothing before it changes its password."""
        account = session.get(AccountRow, user.id)
        too_old = account is not None and self._policy.is_too_old(account.changed_s, self._now_s())
        return user.item.force_password_change or too_old

    def delete(self, session: Session, user_id: str) -> None:
        """Remove a user and sign it out everywhere; raise NoSuchItem or LastAdministrator."""
        self._items.get(session, BasicUser, user_id)
        self._keep_an_administrator(session, without=user_id)
        revoke_user(session, user_id)
        self._items.delete(session, BasicUser, user_id)

    def find(self, session: Session, name: str) -> tuple[Stored[BasicUser], str] | None:
        """Return a user and its password's hash."""
        account = session.scalar(select(AccountRow).where(AccountRow.name_key == name_key(name)))
        if account is None:
            return None
        return self._items.get(session, BasicUser, account.user_id), account.password_hash

    def by_id(self, session: Session, user_id: str) -> Stored[BasicUser] | None:
        """Return a user; None when it was removed."""
        row = session.get(AccountRow, user_id.lower())
        return None if row is None else self._items.get(session, BasicUser, user_id)

    def role_ids(self, session: Session, user_id: str) -> frozenset[str]:
        """Return the roles that a user is in."""
        return frozenset(session.scalars(select(MembershipRow.role_id).where(MembershipRow.user_id == user_id)))

    def members(self, session: Session, role_id: str) -> list[Stored[BasicUser]]:
        """Return the users in a role; raise NoSuchItem."""
        role = self._items.get(session, Role, role_id)
        held = set(session.scalars(select(MembershipRow.user_id).where(MembershipRow.role_id == role.id)))
        return [user for user in self._items.list(session, BasicUser) if user.id in held]

    def add_member(self, session: Session, role_id: str, user_id: str) -> None:
        role, user = self._items.get(session, Role, role_id), self._items.get(session, BasicUser, user_id)
        session.merge(MembershipRow(role_id=role.id, user_id=user.id))

    def remove_member(self, session: Session, role_id: str, user_id: str) -> None:
        """Take a user out of a role; its tokens, which name the role, are taken back."""
        role, user = self._items.get(session, Role, role_id), self._items.get(session, BasicUser, user_id)
        if role.id == ADMINISTRATORS_ROLE_ID:
            self._keep_an_administrator(session, without=user.id)
        row = session.get(MembershipRow, (role.id, user.id))
        if row is not None:
            session.delete(row)
            revoke_user(session, user.id)

    def check_removable(self, session: Session, role_id: str) -> None:
        """Raise InvalidProperties for the built-in roles; take its tokens back from everybody in a role that goes."""
        if role_id.lower() in BUILT_IN_ROLES:
            raise InvalidProperties({"": "This role is built in and stays."})
        for user in self.members(session, role_id):
            revoke_user(session, user.id)

    def administrators(self, session: Session) -> int:
        """Return how many users are administrators."""
        query = select(func.count()).select_from(MembershipRow).where(MembershipRow.role_id == ADMINISTRATORS_ROLE_ID)
        return session.scalar(query) or 0

    def check_password(self, password: object, user_name: str) -> str:
        """Return a new password that is good enough; raise InvalidProperties."""
        problem = self._policy.problem_with(password, user_name)
        if problem is not None:
            raise InvalidProperties({"password": problem})
        return str(password)

    def _earlier(self, session: Session, user_id: str) -> list[EarlierPasswordRow]:
        query = select(EarlierPasswordRow).where(EarlierPasswordRow.user_id == user_id)
        return list(session.scalars(query.order_by(EarlierPasswordRow.until_s.desc(), EarlierPasswordRow.id)))

    def _remember(self, session: Session, account: AccountRow) -> None:
        """Keep the present password's hash among the earlier ones, as many as the policy asks for."""
        keep = max(self._policy.history - 1, 0)  # the one that comes now is the first of the history
        if keep:
            session.add(
                EarlierPasswordRow(
                    id=new_id(),
                    user_id=account.user_id,
                    password_hash=account.password_hash,
                    until_s=int(self._now_s()),
                )
            )
            session.flush()
        for row in self._earlier(session, account.user_id)[keep:]:
            session.delete(row)

    def _claim(self, session: Session, name: str, owner: str | None) -> None:
        taken = session.scalar(select(AccountRow).where(AccountRow.name_key == name_key(name)))
        if taken is not None and taken.user_id != owner:
            raise InvalidProperties({"name": f"There is already a user called {name}."})

    def _keep_an_administrator(self, session: Session, without: str) -> None:
        """Refuse what would leave no administrator that can sign in."""
        left = [user for user in self.members(session, ADMINISTRATORS_ROLE_ID) if user.id != without]
        is_one = session.get(MembershipRow, (ADMINISTRATORS_ROLE_ID, without)) is not None
        if is_one and not any(user.item.status == "Enabled" for user in left):
            raise LastAdministrator("this is the last administrator that can sign in")


def name_key(name: str) -> str:
    """Return a user name as it is compared: without regard to case and surrounding blanks."""
    return name.strip().casefold()[:512]


def user_from(properties: dict[str, object]) -> BasicUser:
    """Make a user of an API's properties, without its password; raise InvalidProperties."""
    return validated(BasicUser, {key: value for key, value in properties.items() if key != "password"})
