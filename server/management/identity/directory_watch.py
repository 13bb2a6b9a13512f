"""Keeps signed-in directory users true: who is disabled, locked, removed or out of a group there is signed out here."""

import asyncio
import logging
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.foundation.clock import Clock
from common.foundation.pools import BoundedPool
from server.management.configuration.items import NoSuchItem
from server.management.database.identity_tables import ExternalUserRow
from server.management.database.store import Database
from server.management.database.tables import AccessTokenRow, SessionRow
from server.management.identity.directories import Directories, DirectoryUser, KnownDirectory
from server.management.identity.external_users import ExternalUsers
from server.management.identity.refusals import DirectoryUnavailable
from server.management.identity.revocations import revoke_user

log = logging.getLogger(__name__)
audit = logging.getLogger("server.management.audit")

_TICK_S = 1.0
_NOTED_EVERY_S = 60  # how often a check that changed nothing is written down
_GOOD_FOR_S = 3600  # a user that was checked so lately stays signed in while its directory is away


@dataclass(frozen=True, slots=True)
class _Watched:
    user_id: str
    subject: str


class DirectoryWatch:
    """Asks every directory about the users that are signed in."""

    def __init__(
        self,
        database: Database,
        database_pool: BoundedPool,
        directories: Directories,
        external: ExternalUsers,
        clock: Clock,
    ) -> None:
        self._database = database
        self._database_pool = database_pool
        self._directories = directories
        self._external = external
        self._clock = clock
        self._asked_s: dict[str, float] = {}
        self._down: set[str] = set()

    async def run(self) -> NoReturn:
        """Check each directory's users as often as its configuration says, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            for directory in await self._database_pool.run(self._all):
                every_s = directory.item.check_every_seconds
                if every_s and self._clock.monotonic_s() - self._asked_s.get(directory.id, -1e9) >= every_s:
                    self._asked_s[directory.id] = self._clock.monotonic_s()
                    await self.check(directory)

    async def check(self, directory: KnownDirectory) -> None:
        """Check all signed-in users of one directory now; one that is away is logged."""
        watched = await self._database_pool.run(self._signed_in, directory.id)
        if not watched:
            return
        try:
            found = await self._directories.recheck(directory, [each.subject for each in watched])
        except DirectoryUnavailable as error:
            if directory.id not in self._down:
                log.error("directory away", extra={"directory": directory.item.name, "cause": error.detail})
            self._down.add(directory.id)
            return
        if directory.id in self._down:
            self._down.discard(directory.id)
            log.info("directory answers again", extra={"directory": directory.item.name})
        await self._database_pool.run(self._note, watched, found)

    async def before_renewal(self, refresh_token: str) -> None:
        """Look at a directory's user once more before its tokens are renewed.

        Raises DirectoryUnavailable when it was not checked for too long and cannot be checked now.
        """
        known = await self._database_pool.run(self._of_session, refresh_token.partition(".")[0])
        if known is None:
            return
        directory, watched, checked_s = known
        age_s = self._directories.now_s() - checked_s
        if directory.item.check_every_seconds and age_s < max(
            _NOTED_EVERY_S * 2, directory.item.check_every_seconds * 3
        ):
            return
        try:
            found = await self._directories.recheck(directory, [watched.subject])
        except DirectoryUnavailable:
            cached_s = directory.item.cached_sign_in_hours * 3600 if directory.item.allow_cached_sign_in else 0
            if age_s > max(cached_s, _GOOD_FOR_S):
                raise
            return
        await self._database_pool.run(self._note, [watched], found)

    def _all(self) -> list[KnownDirectory]:
        with self._database.read() as session:
            return self._directories.all(session)

    def _signed_in(self, directory_id: str) -> list[_Watched]:
        now_s = int(self._directories.now_s())
        with self._database.read() as session:
            here = {row.id: row.subject for row in self._external.of_source(session, directory_id) if row.enabled}
            live = set(session.scalars(select(SessionRow.user_id).where(SessionRow.expires_s > now_s)))
            tokens = select(AccessTokenRow.user_id).where(
                AccessTokenRow.expires_s > now_s, AccessTokenRow.revoked.is_(False)
            )
            live |= set(session.scalars(tokens))
        return [_Watched(user_id, subject) for user_id, subject in here.items() if user_id in live]

    def _of_session(self, session_id: str) -> tuple[KnownDirectory, _Watched, int] | None:
        with self._database.read() as session:
            row = session.get(SessionRow, session_id)
            user = None if row is None else self._external.by_id(session, row.user_id)
            if user is None:
                return None
            try:
                directory = self._directories.by_id(session, user.source_id)
            except NoSuchItem:  # of a login provider
                return None
            return directory, _Watched(user.id, user.subject), user.checked_s

    def _note(self, watched: list[_Watched], found: dict[str, DirectoryUser | None]) -> None:
        now_s = self._directories.now_s()
        with self._database.read() as session:
            changed = [each for each in watched if self._differs(session, each, found.get(each.subject), now_s)]
        if not changed:
            return
        with self._database.write() as session:
            for each in changed:
                row = self._external.by_id(session, each.user_id)
                if row is not None:
                    self._take(session, row, found.get(each.subject), now_s)

    def _differs(self, session: Session, watched: _Watched, found: DirectoryUser | None, now_s: float) -> bool:
        row = self._external.by_id(session, watched.user_id)
        if row is None or not row.enabled:
            return False
        if found is None or now_s - row.checked_s >= _NOTED_EVERY_S:
            return True
        return self._external.groups_of(row) != frozenset((found.subject, *found.groups))

    def _take(self, session: Session, row: ExternalUserRow, found: DirectoryUser | None, now_s: float) -> None:
        if found is None:
            audit.warning("signed out by the directory", extra={"user": row.name, "user_id": row.id})
            self._external.gone(session, row)
            return
        before = self._external.role_ids(session, row)
        cached_hash = row.cached_hash
        self._external.seen(
            session,
            row.source_id,
            row.subject,
            name=found.name,
            groups=(found.subject, *found.groups),
            now_s=now_s,
        )
        row.cached_hash = cached_hash
        if before - self._external.role_ids(session, row):
            audit.warning("role lost in the directory", extra={"user": row.name, "user_id": row.id})
            revoke_user(session, row.id)
