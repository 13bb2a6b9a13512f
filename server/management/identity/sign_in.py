"""Signing in with name and password, and with all that the account's roles ask for besides.

Nothing is remembered between attempts: whoever is told that something is missing (a new password, a code, a second
person) sends everything again with it. Only when all of it is right is any of it used up or changed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from common.foundation.pools import BoundedPool
from server.management.configuration.items import InvalidProperties, NoSuchItem
from server.management.database.store import Database
from server.management.identity.accounts import Accounts
from server.management.identity.first_factor import FirstFactor, Recognised
from server.management.identity.passwords import Passwords
from server.management.identity.refusals import (
    GrantRefused,
    locked_out,
    must_change_password,
    needs_authorizer,
    needs_second_factor,
    wrong_authorizer,
    wrong_credentials,
)
from server.management.identity.second_factor import SecondFactors
from server.management.identity.subjects import Demands, Subjects
from server.management.identity.totp import as_text, enrolment_uri

audit = logging.getLogger("server.management.audit")


@dataclass(frozen=True, slots=True, repr=False)
class Typed:
    """What somebody typed to sign in; the second user is whoever authorises the first."""

    name: str
    password: str
    code: str = ""
    new_password: str = ""
    second_name: str = ""
    second_password: str = ""
    second_code: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """A user that may have tokens. `recovery_codes`: those of a second factor that was set up just now."""

    user_id: str
    name: str
    password_hash: str = ""
    recovery_codes: tuple[str, ...] = ()


class _CodeGone(Exception):
    """Somebody used the code up meanwhile; undoes the transaction."""


@dataclass(frozen=True, slots=True)
class _State:
    enabled: bool
    demands: Demands
    must_change: bool = False
    may_change: bool = False
    has_factor: bool = False
    may_authorize: bool = False
    used_passwords: tuple[str, ...] = ()


class SignIn:
    """Decides who may have tokens."""

    def __init__(
        self,
        *,
        database: Database,
        database_pool: BoundedPool,
        password_pool: BoundedPool,
        first: FirstFactor,
        accounts: Accounts,
        passwords: Passwords,
        subjects: Subjects,
        factors: SecondFactors,
        site_name: str,
        now_s: Callable[[], float],
    ) -> None:
        self._database = database
        self._database_pool = database_pool
        self._password_pool = password_pool
        self._first = first
        self._accounts = accounts
        self._passwords = passwords
        self._subjects = subjects
        self._factors = factors
        self._site_name = site_name
        self._now_s = now_s

    async def check(self, typed: Typed) -> Proven:
        """Return who may have tokens; raise GrantRefused, or InvalidProperties for a new password that is no good."""
        user = await self._first.check(typed.name, typed.password, typed.address)
        return await self.complete(user, typed)

    async def complete(self, user: Recognised, typed: Typed) -> Proven:
        """Ask for all beside the password; for whom a ticket or a provider vouches it is called alone."""
        state = await self._database_pool.run(self._state, user.user_id)
        if not state.enabled:
            audit.warning("sign-in refused", extra={"user": user.name, "reason": "disabled", "address": typed.address})
            raise locked_out()
        fresh_hash = await self._new_password(user, typed, state)
        second = await self._authorizer(user, typed) if state.demands.authorizer else None
        if state.has_factor or state.demands.second_factor:
            await self._code(user, state.has_factor, typed)
        try:
            if fresh_hash or second is not None or state.has_factor or state.demands.second_factor:
                proven = await self._database_pool.run(self._apply, user, typed, second, fresh_hash, state.has_factor)
            else:
                proven = Proven(user.user_id, user.name, user.password_hash)
        except _CodeGone:
            raise self._first.failed_code(user, typed.address) from None
        self._first.succeeded(user)
        if second is not None:
            audit.info("sign-in authorised", extra={"user": user.name, "by": second.name, "by_id": second.user_id})
        return proven

    async def change_password(self, typed: Typed) -> None:
        """Change a password with the old one; raise as `check`."""
        user = await self._first.check(typed.name, typed.password, typed.address)
        state = await self._database_pool.run(self._state, user.user_id)
        if not state.enabled:
            raise locked_out()
        if not typed.new_password:
            raise InvalidProperties({"new_password": "A new password is required."})
        fresh_hash = await self._new_password(user, typed, state)
        if state.has_factor:
            await self._code(user, True, typed)
        try:
            await self._database_pool.run(self._apply, user, typed, None, fresh_hash, state.has_factor)
        except _CodeGone:
            raise self._first.failed_code(user, typed.address) from None

    async def _new_password(self, user: Recognised, typed: Typed, state: _State) -> str:
        """Return the hash of a password that is to be set, "" for none."""
        if state.must_change and not typed.new_password:
            audit.warning("sign-in refused", extra={"user": user.name, "reason": "password must change"})
            raise must_change_password()
        if not typed.new_password:
            return ""
        if not state.may_change:
            raise InvalidProperties({"new_password": "This password can only be changed by an administrator."})
        return await self.new_hash(typed.new_password, user.name, state.used_passwords, "new_password")

    async def new_hash(self, password: object, name: str, used: tuple[str, ...], field: str = "password") -> str:
        """Check a wished password against the policy and hash it; raise InvalidProperties."""
        problem = self._passwords.policy.problem_with(password, name)
        if problem is None and await self._password_pool.run(self._passwords.is_among, str(password), used):
            problem = "This password was used before. Choose another one."
        if problem is not None:
            raise InvalidProperties({field: problem})
        return await self._password_pool.run(self._passwords.hash, str(password))

    async def _authorizer(self, user: Recognised, typed: Typed) -> Recognised:
        if not typed.second_name:
            raise needs_authorizer()
        try:
            second = await self._first.check(typed.second_name, typed.second_password, typed.address)
        except GrantRefused as refused:
            raise wrong_authorizer() from refused
        state = await self._database_pool.run(self._state, second.user_id)
        if second.user_id == user.user_id or not state.enabled or state.must_change or not state.may_authorize:
            audit.warning("authorisation refused", extra={"user": user.name, "by": second.name})
            raise wrong_authorizer()
        if state.has_factor:
            await self._code(second, True, replace(typed, name=typed.second_name, code=typed.second_code), "authorizer")
        elif state.demands.second_factor:
            raise wrong_authorizer()
        return second

    async def _code(self, user: Recognised, is_set_up: bool, typed: Typed, whose: str = "user") -> None:
        """Raise unless a right code was given; it is not used up yet."""
        if not typed.code:
            if is_set_up:
                raise needs_second_factor(whose)
            raise await self._database_pool.run(self._set_up_needed, user, "second_factor_must_be_set_up")
        if not await self._database_pool.run(self._code_is_right, user.user_id, typed.code):
            wrong = self._first.failed_code(user, typed.address)
            if is_set_up:
                raise wrong
            raise await self._database_pool.run(self._set_up_needed, user, wrong.description)

    def _state(self, user_id: str) -> _State:
        with self._database.read() as session:
            subject = self._subjects.by_id(session, user_id)
            if subject is None:
                return _State(False, Demands(False, False))
            basic = self._accounts.by_id(session, user_id)
            return _State(
                enabled=subject.enabled,
                demands=self._subjects.demands(session, user_id),
                must_change=basic is not None and self._accounts.must_change(session, basic),
                may_change=basic is not None and basic.item.can_change_password,
                has_factor=self._factors.is_set_up(session, user_id),
                may_authorize=self._subjects.may_authorize(session, user_id),
                used_passwords=self._accounts.used_passwords(session, user_id),
            )

    def _set_up_needed(self, user: Recognised, why: str) -> GrantRefused:
        with self._database.write() as session:
            secret = self._factors.begin(session, user.user_id)
        more = {"secret": as_text(secret), "otpauth_uri": enrolment_uri(secret, user.name, self._site_name)}
        return GrantRefused("invalid_grant", why, "SecondFactorSetup", more)

    def _code_is_right(self, user_id: str, code: str) -> bool:
        with self._database.read() as session:
            return self._factors.is_right(session, user_id, code, self._now_s())

    def _apply(
        self, user: Recognised, typed: Typed, second: Recognised | None, fresh_hash: str, has_factor: bool
    ) -> Proven:
        """Use up codes and set the password, all or nothing."""
        recovery_codes: tuple[str, ...] = ()
        now_s = self._now_s()
        with self._database.write() as session:
            used = True
            if has_factor:
                used = self._factors.use(session, user.user_id, typed.code, now_s)
            elif typed.code and self._subjects.demands(session, user.user_id).second_factor:
                confirmed = self._factors.confirm(session, user.user_id, typed.code, now_s)
                used, recovery_codes = confirmed is not None, confirmed or ()
            if used and second is not None and self._factors.is_set_up(session, second.user_id):
                used = self._factors.use(session, second.user_id, typed.second_code, now_s)
            if not used:
                raise _CodeGone
            if fresh_hash:
                found = self._accounts.find(session, user.name)
                if found is None or found[0].id != user.user_id or found[1] != user.password_hash:
                    raise wrong_credentials()
                self._accounts.set_password(session, user.user_id, fresh_hash)
                audit.info("password changed", extra={"user": user.name, "user_id": user.user_id})
            return Proven(user.user_id, user.name, fresh_hash or user.password_hash, recovery_codes)

    def used_passwords_of(self, user_id: str) -> tuple[str, tuple[str, ...]]:
        """Return a basic user's name, and the hashes of passwords that it may not take again; raise NoSuchItem."""
        with self._database.read() as session:
            user = self._accounts.by_id(session, user_id)
            if user is None:
                raise NoSuchItem(f"basicUsers/{user_id}", item=user_id)
            return user.item.name, self._accounts.used_passwords(session, user_id)
