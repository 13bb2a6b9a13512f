"""Wakes whoever waits for the configuration to change."""

import asyncio
from collections.abc import Sequence

from server.management.database.store import ItemChange


class ConfigurationChanges:
    """Told from database threads, waited for on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Event = asyncio.Event()
        self.closing = False

    def happened(self, _: Sequence[ItemChange] = ()) -> None:
        """Wake all waiters; from any thread."""
        self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wake all waiters for good, so that the server can stop."""
        self.closing = True
        self._wake()

    def next(self) -> asyncio.Event:
        """Return what the next change sets. Ask before looking at the configuration, so that none is missed."""
        return self._next

    def _wake(self) -> None:
        woken, self._next = self._next, asyncio.Event()
        woken.set()
