"""The newest notices, numbered. Listeners keep only their place in it, so a slow one costs nobody anything."""

import asyncio
from collections import deque
from collections.abc import Iterable

from common.api.service_channel import Change, Notice, What
from common.foundation.clock import Clock
from common.foundation.ids import new_id
from server.management.database.store import ItemChange

MOST_NOTICES = 10_000  # a listener further behind reads the site again


class Journal:
    """Belongs to an event loop; only `happened` may be called from other threads."""

    def __init__(self, clock: Clock, most: int = MOST_NOTICES) -> None:
        self.epoch = new_id()
        """Numbers count from this journal's beginning; after a restart of the server there is another one."""
        self.last = 0
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._notices: deque[Notice] = deque(maxlen=most)
        self._next = asyncio.Event()

    def happened(self, changes: Iterable[ItemChange]) -> None:
        """Tell of items that a finished transaction changed; from any thread."""
        self._loop.call_soon_threadsafe(self._add_changes, tuple(changes))

    def online(self, resource: str, identifier: str, is_online: bool) -> None:
        """Tell that a server came or went."""
        self._add("state", "online" if is_online else "offline", resource, identifier, 0)
        self._wake()

    def after(self, number: int) -> list[Notice] | None:
        """Return what came behind a number, oldest first; None when some of that is not known any more."""
        if number > self.last or number < self.last - len(self._notices):
            return None
        return [self._notices[at] for at in range(number - self.last + len(self._notices), len(self._notices))]

    def next(self) -> asyncio.Event:
        """Return what the next notice sets. Ask before looking, so that none is missed."""
        return self._next

    def _add_changes(self, changes: tuple[ItemChange, ...]) -> None:
        for change in changes:
            self._add("configuration", change.change, change.resource, change.id, change.version)
        if changes:
            self._wake()

    def _add(self, what: What, change: Change, resource: str, identifier: str, version: int) -> None:
        self.last += 1
        self._notices.append(
            Notice(
                number=self.last,
                at_us=self._clock.now_us(),
                what=what,
                change=change,
                resource=resource,
                id=identifier,
                version=version,
            )
        )

    def _wake(self) -> None:
        woken, self._next = self._next, asyncio.Event()
        woken.set()
