"""A client's end of a recorder's media channel: one WebSocket that carries many tracks (FORMAT.md of the protocol)."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from common.foundation.errors import NotSignedIn, ProtocolError, VmsError
from common.protocols.media_channel.closing import BAD_MESSAGE, MediaConnectionLost, failure_of
from common.protocols.media_channel.messages import (
    SUBPROTOCOL,
    ClientMessage,
    Hello,
    ServerMessage,
    decode_server,
    encode,
)
from common.protocols.media_channel.records import MOST_MESSAGE_BYTES, MediaRecord, unpack_all

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0
PING_EVERY_S = 10.0
_MOST_QUEUED_REQUESTS = 1024
_MOST_QUEUED_MESSAGES = 8  # then the socket is not read, and the recorder drops whole GOPs for us


class MediaListener(Protocol):
    """Who gets what a recorder sends. Called on the connection's event loop; returns soon; never raises."""

    def message(self, message: ServerMessage) -> None: ...

    def records(self, records: list[MediaRecord]) -> None: ...

    def closed(self, error: VmsError | None) -> None:
        """The connection has ended; nothing more follows. `error` is None when this side closed it."""


class MediaConnection:
    """A signed-in connection. `hello` is what the recorder said first."""

    def __init__(self, socket: ClientConnection, server: str, hello: Hello) -> None:
        self._socket = socket
        self._server = server
        self._requests: asyncio.Queue[ClientMessage] = asyncio.Queue(_MOST_QUEUED_REQUESTS)
        self._closed = asyncio.Event()
        self.hello = hello
        self.error: VmsError | None = None

    def send(self, message: ClientMessage) -> None:
        """Send soon; returns at once, from the event loop only. Raises MediaConnectionLost when it has ended, or when
        the recorder has not taken the last thousand requests."""
        if self._closed.is_set():
            raise MediaConnectionLost("the connection has ended", server=self._server)
        try:
            self._requests.put_nowait(message)
        except asyncio.QueueFull:
            raise MediaConnectionLost("the recorder takes no more requests", server=self._server) from None

    async def wait_closed(self) -> VmsError | None:
        """Wait until the connection has ended; return why (None: closed from this side)."""
        await self._closed.wait()
        return self.error

    async def _write(self) -> None:
        while True:
            message = await self._requests.get()
            try:
                await self._socket.send(encode(message))
            except ConnectionClosed:
                return  # `_read` reports why

    async def _read(self, listener: MediaListener) -> None:
        """Hand on what comes until the connection ends; the reason is kept in `error`."""
        try:
            while True:
                received = await self._socket.recv()
                if isinstance(received, bytes):
                    listener.records(unpack_all(received))
                else:
                    listener.message(decode_server(received))
        except ConnectionClosed as gone:
            self.error = _failure(gone, self._server)
        except ProtocolError as wrong:
            self.error = ProtocolError(str(wrong), peer=self._server)
            await self._socket.close(BAD_MESSAGE, str(wrong)[:100])
        finally:
            self._closed.set()


def _failure(gone: ConnectionClosed, server: str) -> VmsError:
    if gone.rcvd is not None:
        return failure_of(gone.rcvd.code, gone.rcvd.reason, server)
    if gone.sent is not None and gone.sent.reason:
        return MediaConnectionLost(gone.sent.reason, server=server)
    return failure_of(None, "", server)


@asynccontextmanager
async def open_media_connection(
    uri: str, ssl_context: ssl.SSLContext | None, token: str, listener: MediaListener
) -> AsyncIterator[MediaConnection]:
    """Connect to `uri` (`wss://host:7563/media`), sign in with an access token, and deliver to `listener` until left.

    Raises NotSignedIn when the recorder does not believe the token, ProtocolError when something else answers, and
    MediaConnectionLost when nothing does. An end that comes later is told to `listener.closed`, and no exception.
    """
    async with _connected(uri, ssl_context, token) as socket:
        connection = MediaConnection(socket, uri, await _hello(socket, uri))
        listener.message(connection.hello)
        reader = asyncio.create_task(connection._read(listener), name=f"media reader {uri}")
        writer = asyncio.create_task(connection._write(), name=f"media writer {uri}")
        reason: VmsError | None = None
        try:
            yield connection
            reason = connection.error if connection._closed.is_set() else None
        except VmsError as error:
            reason = error
            raise
        finally:
            for task in (reader, writer):
                task.cancel()
            ended = await asyncio.gather(reader, writer, return_exceptions=True)
            connection._closed.set()
            listener.closed(reason)
            for failed in ended:
                if isinstance(failed, Exception):
                    raise failed


@asynccontextmanager
async def _connected(uri: str, ssl_context: ssl.SSLContext | None, token: str) -> AsyncIterator[ClientConnection]:
    try:
        socket = await connect(
            uri,
            ssl=ssl_context,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_EVERY_S,
            close_timeout=1.0,
            max_size=MOST_MESSAGE_BYTES,
            max_queue=_MOST_QUEUED_MESSAGES,
        )
    except InvalidStatus as refused:
        raise _refusal(refused, uri) from None
    except ssl.SSLCertVerificationError as distrusted:
        raise MediaConnectionLost(f"its certificate is not trusted: {distrusted.verify_message}", server=uri) from None
    except (OSError, TimeoutError) as unreachable:
        raise MediaConnectionLost(str(unreachable) or "no answer in time", server=uri) from None
    except WebSocketException as wrong:
        if isinstance(wrong.__cause__, EOFError):  # cut off in mid-answer: it has too many connections, or is stopping
            raise MediaConnectionLost("it closed the connection at once", server=uri) from None
        raise ProtocolError(f"no media channel answers there: {wrong}", peer=uri) from None
    except ValueError as wrong:  # somebody set an address that is none: no reason for other recorders' pictures to end
        raise ProtocolError(f"the recorder's address is none: {wrong}", peer=uri) from None
    try:
        yield socket
    finally:
        await socket.close()


def _refusal(refused: InvalidStatus, uri: str) -> VmsError:
    status = refused.response.status_code
    if status in (401, 403):
        return NotSignedIn("the recorder did not accept the access token")
    if status in (429, 503):
        return MediaConnectionLost(f"it serves no more connections now (HTTP {status})", server=uri)
    return ProtocolError(f"no media channel answers there (HTTP {status})", peer=uri)


async def _hello(socket: ClientConnection, uri: str) -> Hello:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            first = await socket.recv()
        message = decode_server(first)
    except TimeoutError:
        raise MediaConnectionLost("no answer in time", server=uri) from None
    except ConnectionClosed as gone:
        raise _failure(gone, uri) from None
    except ProtocolError as wrong:
        raise ProtocolError(str(wrong), peer=uri) from None
    if not isinstance(message, Hello):
        raise ProtocolError(f"the first message is '{message.op}', not 'hello'", peer=uri)
    return message
