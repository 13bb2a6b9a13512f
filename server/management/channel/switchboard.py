"""Everybody who listens to the service channel, and what is told to all of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from starlette.websockets import WebSocket

from common.api.service_channel import TOO_MANY, Notice
from common.net.tokens import Principal
from server.management.channel.journal import Journal
from server.management.channel.listener import ChannelListener

log = logging.getLogger(__name__)

MOST_LISTENERS = 4000
_MOST_KNOWN = 64
CHECK_TOKENS_S = 5.0  # the tokens of a removed user die within ten seconds
WATCH_STATES_S = 1.0


class Switchboard:
    """Used on the event loop only."""

    def __init__(
        self,
        journal: Journal,
        verify: Callable[[str], Awaitable[Principal]],
        may_know: Callable[[Principal, Sequence[Notice]], Awaitable[list[Notice]]],
        now_s: Callable[[], float],
        most: int = MOST_LISTENERS,
    ) -> None:
        self.journal = journal
        self._verify = verify
        self._may_know = may_know
        self._known: dict[tuple[frozenset[str], int, int], asyncio.Future[list[Notice]]] = {}
        self._now_s = now_s
        self._most = most
        self._listeners: set[ChannelListener] = set()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        if len(self._listeners) >= self._most:
            await socket.accept()
            await socket.close(TOO_MANY)
            return
        listener = ChannelListener(socket, self.journal, self._verify, self._told, self._now_s)
        self._listeners.add(listener)
        try:
            await listener.run()
        finally:
            self._listeners.discard(listener)

    async def _told(self, who: Principal, notices: Sequence[Notice]) -> list[Notice]:
        """Ask once for all users with the same roles: a change wakes thousands of listeners."""
        key = who.roles, notices[0].number, notices[-1].number
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = asyncio.ensure_future(self._may_know(who, notices))
        return await asyncio.shield(self._known[key])

    async def watch_tokens(self, revoked: Callable[[], Awaitable[frozenset[str]]]) -> NoReturn:
        """Sign out whose token was taken back (`jti`), until cancelled."""
        while True:
            await asyncio.sleep(CHECK_TOKENS_S)
            if self._listeners:
                gone = await revoked()
                for listener in tuple(self._listeners):
                    if listener.principal is not None and listener.principal.jti in gone:
                        listener.sign_out()

    async def watch_states(self, resource: str, online: Callable[[], frozenset[str]]) -> NoReturn:
        """Tell which servers come and go, until cancelled."""
        before = online()
        while True:
            await asyncio.sleep(WATCH_STATES_S)
            now = online()
            for identifier in sorted(now ^ before):
                self.journal.online(resource, identifier, identifier in now)
            before = now
