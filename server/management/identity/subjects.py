"""Who can hold a token, wherever the account is: basic users, and users of directories and login providers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from common.api import programs
from common.model.rules import TimeProfile
from common.model.times import holds
from common.model.users import ADMINISTRATORS_ROLE_ID, Role
from server.management.configuration.items import Items, NoSuchItem, Stored
from server.management.identity.accounts import Accounts
from server.management.identity.external_users import ExternalUsers


@dataclass(frozen=True, slots=True)
class Subject:
    """A user. `enabled`: may have tokens now."""

    id: str
    name: str
    kind: Literal["basic", "external"]
    enabled: bool


@dataclass(frozen=True, slots=True)
class Demands:
    """What a user's roles ask for at sign-in beside the password."""

    second_factor: bool
    authorizer: bool


class Subjects:
    """Works within the caller's transaction."""

    def __init__(
        self, items: Items, accounts: Accounts, external: ExternalUsers, now_s: Callable[[], float] = time.time
    ) -> None:
        self._now_s = now_s
        self._items = items
        self._accounts = accounts
        self._external = external

    def by_id(self, session: Session, user_id: str) -> Subject | None:
        """Return a user; None when it was removed, or its directory or provider was."""
        basic = self._accounts.by_id(session, user_id)
        if basic is not None:
            return Subject(basic.id, basic.item.name, "basic", basic.item.status == "Enabled")
        row = self._external.by_id(session, user_id)
        if row is None:
            return None
        return Subject(row.id, row.name, "external", row.enabled and self._external.source_enabled(session, row))

    def roles(self, session: Session, user_id: str) -> list[Stored[Role]]:
        """Return the roles that a user has and that count now."""
        at_us = int(self._now_s() * 1e6)
        return [role for role in self.held(session, user_id) if self._counts(session, role, at_us)]

    def _counts(self, session: Session, role: Stored[Role], at_us: int) -> bool:
        profile = role.item.login_time_profile
        if profile is None or role.id == ADMINISTRATORS_ROLE_ID:
            return True
        try:
            return holds(self._items.get(session, TimeProfile, profile.id).item, at_us)
        except NoSuchItem:
            return False  # what nobody knows widens nothing

    def counts_for_s(self, session: Session, user_id: str, most_s: int) -> int:
        """Return for how long, in whole minutes up to `most_s`, the roles that count now will be the same."""
        held = [role for role in self.held(session, user_id) if role.item.login_time_profile]
        if not held:
            return most_s

        def counting(in_s: int) -> list[bool]:
            return [self._counts(session, role, int((self._now_s() + in_s) * 1e6)) for role in held]

        now, left_s = counting(0), 60 - int(self._now_s()) % 60  # profiles change with the minute
        while left_s < most_s and counting(left_s) == now:
            left_s += 60
        return min(left_s, most_s)

    def may_use(self, session: Session, user_id: str, client_id: str) -> bool:
        """Tell whether a role of the user lets it sign in with a client of this kind."""
        roles = self.roles(session, user_id)
        if any(role.id == ADMINISTRATORS_ROLE_ID for role in roles):
            return True
        match client_id:
            case programs.SMART_CLIENT:
                return any(role.item.allow_smart_client_log_on for role in roles)
            case programs.WEB_CLIENT:
                return any(role.item.allow_web_client_log_on for role in roles)
            case programs.MOBILE_CLIENT:
                return any(role.item.allow_mobile_client_log_on for role in roles)
        return True

    def held(self, session: Session, user_id: str) -> list[Stored[Role]]:
        """Return the roles that a user has, whether they count now or not."""
        held = self._accounts.role_ids(session, user_id)
        row = None if held else self._external.by_id(session, user_id)  # nobody is both
        if row is not None:
            held = self._external.role_ids(session, row)
        return [role for role in self._items.list(session, Role) if role.id in held] if held else []

    def role_names(self, session: Session, user_id: str) -> frozenset[str]:
        """Return the names, as in tokens, of the roles that a user has."""
        return frozenset(role.item.token_name for role in self.roles(session, user_id))

    def demands(self, session: Session, user_id: str) -> Demands:
        """Return what the user's roles ask for; administrators need nobody's authorisation."""
        roles = self.roles(session, user_id)
        administrator = any(role.id == ADMINISTRATORS_ROLE_ID for role in roles)
        return Demands(
            second_factor=any(role.item.second_factor_required for role in roles),
            authorizer=not administrator and any(role.item.dual_authorization_required for role in roles),
        )

    def may_authorize(self, session: Session, user_id: str) -> bool:
        """Tell whether a user may let in somebody who needs a second person: one who does not need one itself."""
        return bool(self.roles(session, user_id)) and not self.demands(session, user_id).authorizer
