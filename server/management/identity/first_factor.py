"""Whose password it is: a basic user's, checked here, or one of a directory, checked there.

A user that does not exist costs the same work as one that does, here and in the directory.
"""

import logging
from dataclasses import dataclass, replace

from common.foundation.pools import BoundedPool
from server.management.database.store import Database
from server.management.identity.accounts import Accounts, name_key
from server.management.identity.directories import Directories, DirectoryUser, KnownDirectory
from server.management.identity.external_users import ExternalUsers
from server.management.identity.lockout import Lockout, address_key
from server.management.identity.passwords import Passwords
from server.management.identity.refusals import (
    WRONG_CODE,
    DirectoryUnavailable,
    GrantRefused,
    locked_out,
    no_role,
    wrong_credentials,
)

audit = logging.getLogger("server.management.audit")


@dataclass(frozen=True, slots=True)
class Recognised:
    """A user whose password was right. `password_hash`: as it stands in the database now; "" for one of a directory."""

    user_id: str
    name: str
    password_hash: str = ""
    typed_key: str = ""

    @property
    def lock_key(self) -> str:
        """By what this user's failures are counted: the name as it was typed, in the one form of its directory."""
        return self.typed_key or name_key(self.name)


@dataclass(frozen=True, slots=True)
class _Account:
    user_id: str
    name: str
    password_hash: str


class FirstFactor:
    """Checks names and passwords, and slows down who guesses."""

    def __init__(
        self,
        *,
        database: Database,
        database_pool: BoundedPool,
        password_pool: BoundedPool,
        accounts: Accounts,
        passwords: Passwords,
        directories: Directories,
        external: ExternalUsers,
        by_name: Lockout,
        by_address: Lockout,
    ) -> None:
        self._database = database
        self._database_pool = database_pool
        self._password_pool = password_pool
        self._accounts = accounts
        self._passwords = passwords
        self._directories = directories
        self._external = external
        self._by_name = by_name
        self._by_address = by_address

    async def check(self, name: str, password: str, address: str) -> Recognised:
        """Return whose name and password these are; raise GrantRefused. A right password clears no failures yet."""
        if not name.isprintable() or len(name) > 255:
            name = "?"
        account, directory = await self._database_pool.run(self._find, name)
        key = lock_key(name, directory)
        self._refuse_locked(key, name, address)
        if account is not None or directory is None:
            right = await self._password_pool.run(
                self._passwords.matches, account.password_hash if account else None, password
            )
            if not right or account is None:
                raise self.failed(key, name, address)
            todays = await self._with_todays_hash(account, password)
            return Recognised(account.user_id, account.name, todays, key)
        try:
            found = await self._directories.authenticate(directory, name, password)
        except DirectoryUnavailable as down:
            return await self._cached(directory, name, password, address, down)
        except GrantRefused as refused:
            if refused.code == "InvalidCredentials":
                raise self.failed(key, name, address) from refused
            audit.warning("sign-in refused", extra={"user": name, "reason": refused.description, "address": address})
            raise
        return replace(await self.vouched(directory, found, password), typed_key=key)

    async def vouched(self, directory: KnownDirectory, found: DirectoryUser, password: str = "") -> Recognised:
        """Note a user that a directory vouches for; raise GrantRefused when it has no role here."""
        keep = bool(password) and directory.item.allow_cached_sign_in
        cached_hash = await self._password_pool.run(self._passwords.hash, password) if keep else ""
        return Recognised(await self._database_pool.run(self._note, directory, found, cached_hash), found.name)

    def failed_code(self, user: Recognised, address: str) -> GrantRefused:
        """Count a wrong second factor; return the refusal."""
        self.failed(user.lock_key, user.name, address)
        return GrantRefused("invalid_grant", WRONG_CODE, "SecondFactorInvalid")

    def succeeded(self, user: Recognised) -> None:
        """Forget the failures of a user that is signed in now."""
        self._by_name.succeeded(user.lock_key)

    def failed(self, key: str, name: str, address: str) -> GrantRefused:
        """Count a wrong password; return the refusal."""
        locked_s = self._by_name.failed(key)
        self._by_address.failed(address_key(address))
        fields = {"user": name, "reason": "wrong user or password", "locked_s": locked_s, "address": address}
        audit.warning("sign-in refused", extra=fields)
        return wrong_credentials()

    def _refuse_locked(self, key: str, name: str, address: str) -> None:
        by_name, by_address = self._by_name.remaining_s(key), self._by_address.remaining_s(address_key(address))
        if by_name > 0 or by_address > 0:
            reason = "locked" if by_name > 0 else "address locked"
            audit.warning("sign-in refused", extra={"user": name, "reason": reason, "address": address})
            raise locked_out()

    def _find(self, name: str) -> tuple[_Account | None, KnownDirectory | None]:
        with self._database.read() as session:
            found = self._accounts.find(session, name)
            account = None if found is None else _Account(found[0].id, found[0].item.name, found[1])
            return account, None if account else self._directories.of_name(session, name)

    async def _with_todays_hash(self, account: _Account, password: str) -> str:
        fresh = await self._password_pool.run(self._passwords.renewed, account.password_hash, password)
        if fresh is None:
            return account.password_hash
        await self._database_pool.run(self._rehash, account, fresh)
        return fresh

    def _rehash(self, account: _Account, fresh: str) -> None:
        with self._database.write() as session:
            self._accounts.rehashed(session, account.user_id, account.password_hash, fresh)

    def _note(self, directory: KnownDirectory, found: DirectoryUser, cached_hash: str) -> str:
        with self._database.write() as session:
            row = self._external.seen(
                session,
                directory.id,
                found.subject,
                name=found.name,
                groups=(found.subject, *found.groups),
                now_s=self._directories.now_s(),
            )
            row.cached_hash = cached_hash
            if not self._external.role_ids(session, row):
                audit.warning("sign-in refused", extra={"user": found.name, "reason": "no role"})
                raise no_role()  # and leave nothing behind
            return row.id

    async def _cached(
        self, directory: KnownDirectory, name: str, password: str, address: str, down: DirectoryUnavailable
    ) -> Recognised:
        """Let a user in whose password was right lately, where that is allowed; else raise `down`."""
        if not directory.item.allow_cached_sign_in:
            raise down
        known = await self._database_pool.run(self._cached_account, directory, name)
        right = await self._password_pool.run(self._passwords.matches, known.password_hash if known else None, password)
        if known is None:
            raise down
        if not right:
            raise self.failed(lock_key(name, directory), name, address)
        audit.warning("signed in while the directory is away", extra={"user": known.name, "directory": directory.id})
        return Recognised(known.user_id, known.name, typed_key=lock_key(name, directory))

    def _cached_account(self, directory: KnownDirectory, name: str) -> _Account | None:
        with self._database.read() as session:
            row = self._external.by_name(session, directory.id, directory.shown_name(name))
            oldest_s = self._directories.now_s() - directory.item.cached_sign_in_hours * 3600
            if row is None or not row.enabled or not row.cached_hash or row.checked_s < oldest_s:
                return None
            return _Account(row.id, row.name, row.cached_hash)


def lock_key(name: str, directory: KnownDirectory | None) -> str:
    """Return by what failures of a name are counted: one key for all forms of a directory user's name."""
    return name_key(name if directory is None else directory.shown_name(name))
