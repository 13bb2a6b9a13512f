"""All connections to the Events and State WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from starlette.websockets import WebSocket

from common.api.site_events import SiteEvent
from common.net.tokens import Principal
from server.management.channel.switchboard import CHECK_TOKENS_S
from server.management.events.journal import EventJournal
from server.management.events.sessions import EventSessions
from server.management.events.socket import EventSocket, Seen

_MOST_KNOWN = 64


class EventHub:
    """Used on the event loop only."""

    def __init__(
        self,
        journal: EventJournal,
        verify: Callable[[str], Awaitable[Principal]],
        seen: Seen,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.journal = journal
        self._verify = verify
        self._seen = seen
        self._sessions = EventSessions(monotonic_s)
        self._sockets: set[EventSocket] = set()
        self._known: dict[tuple[frozenset[str], tuple[str, ...]], asyncio.Future[list[SiteEvent]]] = {}

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        serving = EventSocket(
            socket, self.journal, self._sessions, verify=self._verify, seen=self._seen, told=self._told
        )
        self._sockets.add(serving)
        try:
            await serving.run()
        finally:
            self._sockets.discard(serving)

    async def _told(self, who: Principal, events: Sequence[SiteEvent]) -> list[SiteEvent]:
        """Ask once for all users with the same roles: an event wakes thousands of clients."""
        key = who.roles, tuple(event.id for event in events)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = asyncio.ensure_future(self._seen(who, events))
        return await asyncio.shield(self._known[key])

    async def watch_tokens(self, revoked: Callable[[], Awaitable[frozenset[str]]]) -> NoReturn:
        """Sign out whose token was taken back (`jti`), until cancelled."""
        while True:
            await asyncio.sleep(CHECK_TOKENS_S)
            if self._sockets:
                gone = await revoked()
                for serving in tuple(self._sockets):
                    if serving.principal is not None and serving.principal.jti in gone:
                        serving.sign_out()
