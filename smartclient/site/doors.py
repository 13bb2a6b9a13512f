"""The recorders for one-off questions: blocking, for worker threads; a connection a question."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from common.clients.media_asking import AskRecorder, ask_recorder
from common.foundation.errors import ServerUnreachable
from common.net.tls import pinned_context
from common.protocols.media_channel.messages import ClientMessage, ServerMessage

T = TypeVar("T")


class RecorderDoors:
    """`uris`: the recorders' media channels by id, as the site knows them now."""

    def __init__(self, token: Callable[[], str], ca_pem: str) -> None:
        self.uris: Mapping[str, str] = {}
        self.token = token
        self._tls = pinned_context(ca_pem) if ca_pem else None

    def run(self, recorder: str, ask: Callable[[AskRecorder], Coroutine[Any, Any, T]]) -> T:
        """Return what `ask` makes of the recorder's answers. Raises as `ask_recorder`, and ServerUnreachable."""
        uri, token = self.uri(recorder), self.token()

        async def door(question: ClientMessage) -> ServerMessage:
            return await ask_recorder(uri, self.tls_for(uri), token, question)

        return asyncio.run(ask(door))

    def uri(self, recorder: str) -> str:
        """Where a recorder answers; raise ServerUnreachable when the site does not know it."""
        uri = self.uris.get(recorder)
        if not uri:
            raise ServerUnreachable("the site does not know its address now", server=recorder)
        return uri

    def tls_for(self, uri: str) -> ssl.SSLContext | None:
        return self._tls if uri.startswith("wss:") else None
