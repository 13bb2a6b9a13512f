"""The directories that are configured: which one a name belongs to, and asking it off the event loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.foundation.pools import BoundedPool
from common.model.identity import Directory
from server.management.configuration.items import Items, Stored
from server.management.identity.ldap_directory import DirectoryMember, DirectoryUser, LdapDirectory
from server.management.identity.ldap_names import DirectoryName, belongs_to, taken_apart

__all__ = ["Directories", "DirectoryMember", "DirectoryUser", "KnownDirectory"]


@dataclass(frozen=True, slots=True, repr=False)
class KnownDirectory:
    """A configured directory, with the password it is searched with."""

    id: str
    item: Directory
    bind_password: str

    def shown_name(self, name: str) -> str:
        r"""Return a typed name in the one form that is shown and compared: `DOMAIN\user`."""
        return f"{self.item.domain}\\{taken_apart(name).user}"


class Directories:
    """Database lookups run within the caller's transaction, questions to servers in a pool of their own."""

    def __init__(self, items: Items, pool: BoundedPool, now_s: Callable[[], float]) -> None:
        self._items = items
        self._pool = pool
        self.now_s = now_s

    def of_name(self, session: Session, name: str) -> KnownDirectory | None:
        """Return the directory that a user name belongs to; None: none, so it would be a basic user's."""
        parts = taken_apart(name)
        if parts.form == "bare":
            return None
        return next((each for each in self.all(session) if belongs_to(parts, each.item)), None)

    def all(self, session: Session) -> list[KnownDirectory]:
        """Return the directories that are switched on."""
        return [self._known(session, each) for each in self._items.list(session, Directory) if each.item.enabled]

    def by_id(self, session: Session, identifier: str) -> KnownDirectory:
        """Return one; raise NoSuchItem."""
        return self._known(session, self._items.get(session, Directory, identifier))

    async def authenticate(self, directory: KnownDirectory, name: str, password: str) -> DirectoryUser:
        """Return whose password it is; raise GrantRefused or DirectoryUnavailable."""
        return await self._pool.run(self._ask(directory).authenticate, taken_apart(name), password)

    async def vouched(self, directory: KnownDirectory, name: DirectoryName) -> DirectoryUser:
        """Return a user that has proven itself otherwise; raise GrantRefused or DirectoryUnavailable."""
        return await self._pool.run(self._ask(directory).vouched, name)

    async def recheck(self, directory: KnownDirectory, subjects: Sequence[str]) -> dict[str, DirectoryUser | None]:
        """Return what is true of users now, None for one that may not sign in any more; raise DirectoryUnavailable."""
        return await self._pool.run(self._ask(directory).recheck, subjects)

    async def members(self, directory: KnownDirectory, text: str) -> list[DirectoryMember]:
        """Find users and groups; raise DirectoryUnavailable."""
        return await self._pool.run(self._ask(directory).members, text)

    async def member(self, directory: KnownDirectory, subject: str) -> DirectoryMember | None:
        return await self._pool.run(self._ask(directory).member, subject)

    async def test(self, directory: KnownDirectory) -> None:
        """Raise DirectoryUnavailable, saying why, when a directory cannot be used."""
        await self._pool.run(self._ask(directory).test)

    def _ask(self, directory: KnownDirectory) -> LdapDirectory:
        return LdapDirectory(directory.item.name, directory.item, directory.bind_password, self.now_s())

    def _known(self, session: Session, stored: Stored[Directory]) -> KnownDirectory:
        secrets = self._items.secrets(session, Directory, stored.id)
        return KnownDirectory(stored.id, stored.item, secrets.get("bindPassword", ""))
