"""Asks recorders on behalf of a user: over their media channel, with the user's own token, so that they decide."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from common.clients.media_asking import AskRecorder, ask_recorder
from common.foundation.errors import ServerUnreachable, VmsError
from common.model.servers import RecordingServer
from common.net.tls import pinned_context
from common.protocols.media_channel.messages import PATH, ClientMessage, ServerMessage
from server.management.configuration.items import Items, Stored
from server.management.registration.statuses import RecorderStatuses

Told = TypeVar("Told")

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class AskedRecorder:
    """A recorder and how to ask it."""

    id: str
    name: str
    ask: AskRecorder


class RecorderQuestions:
    """Knows where the site's recorders are, and trusts those with its certificates only."""

    def __init__(self, items: Items, statuses: RecorderStatuses, ca_pem: str) -> None:
        self._items = items
        self._statuses = statuses
        self._tls: ssl.SSLContext = pinned_context(ca_pem)

    def recorders(self, session: Session, token: str) -> list[AskedRecorder]:
        """All recorders of the site; whoever reports no more fails at once when asked."""
        return [self._asked(each, token) for each in self._items.list(session, RecordingServer)]

    def _asked(self, stored: Stored[RecordingServer], token: str) -> AskedRecorder:
        item = stored.item
        host = f"[{item.host_name}]" if ":" in item.host_name else item.host_name
        uri = f"wss://{host}:{item.port_number}{PATH}"
        away = not item.host_name or not self._statuses.is_online(stored.id)
        ask: AskRecorder = _Away(item.name) if away else partial(ask_recorder, uri, self._tls, token)
        return AskedRecorder(stored.id, item.name, ask)


class _Away:
    """In place of a recorder that does not report: a connection to it would only be waited for."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, question: ClientMessage) -> ServerMessage:
        raise ServerUnreachable("it does not report", server=self._name)


async def ask_each(
    recorders: Sequence[AskedRecorder], work: Callable[[AskedRecorder], Awaitable[Told]]
) -> tuple[dict[str, Told], dict[str, VmsError]]:
    """Do something with several recorders, some at a time; return what came of it and what failed, by their ids."""
    places = asyncio.Semaphore(_AT_ONCE)
    said: dict[str, Told] = {}
    failed: dict[str, VmsError] = {}

    async def one(recorder: AskedRecorder) -> None:
        async with places:
            try:
                said[recorder.id] = await work(recorder)
            except VmsError as error:
                failed[recorder.id] = error

    async with asyncio.TaskGroup() as tasks:
        for recorder in recorders:
            tasks.create_task(one(recorder), name=f"question to {recorder.id}")
    return said, failed
