"""One question to a recorder: a media channel is opened, asked, and closed."""

import asyncio
import ssl
from typing import Protocol

from common.clients.media import open_media_connection
from common.foundation.errors import ServerUnreachable, VmsError
from common.protocols.media_channel.messages import ClientMessage, Error, ServerMessage
from common.protocols.media_channel.records import MediaRecord

ANSWER_S = 20.0
QUESTION = 1
"""The `id` that a question must have."""


class RecorderRefused(VmsError):
    """A recorder did not do what it was asked for. The detail is its sentence; `code` is for programs."""

    message_key = "clients.recorder_refused"

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail, code=code)
        self.code = code


class AskRecorder(Protocol):
    """Asks one recorder, with whatever address and token it takes."""

    async def __call__(self, question: ClientMessage) -> ServerMessage:
        """Raises as `ask_recorder`."""


class _OneAnswer:
    """Waits for the answer to the one request of the connection."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.answer: asyncio.Future[ServerMessage] = asyncio.get_running_loop().create_future()

    def message(self, message: ServerMessage) -> None:
        if getattr(message, "id", None) == QUESTION and not self.answer.done():
            self.answer.set_result(message)

    def records(self, records: list[MediaRecord]) -> None:
        """No media was asked for."""

    def closed(self, error: VmsError | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(error or ServerUnreachable("the connection ended", server=self._server))
            self.answer.exception()  # looked at: nobody may be waiting any more


async def ask_recorder(
    uri: str, tls: ssl.SSLContext | None, token: str, question: ClientMessage, timeout_s: float = ANSWER_S
) -> ServerMessage:
    """Return a recorder's answer to a request whose `id` is QUESTION.

    Raises RecorderRefused with the recorder's reason, ServerUnreachable, NotSignedIn or ProtocolError.
    """
    listener = _OneAnswer(uri)
    async with open_media_connection(uri, tls, token, listener) as connection:
        connection.send(question)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await listener.answer
        except TimeoutError:
            raise ServerUnreachable(f"no answer within {timeout_s:.0f} s", server=uri) from None
    if isinstance(answer, Error):
        raise RecorderRefused(answer.message, answer.code)
    return answer
