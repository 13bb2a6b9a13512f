"""The first bytes on the recorder's port decide: an export is answered over HTTP here, all else is WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from common.foundation.errors import ProtocolError
from common.protocols.http_request import MOST_HEAD_BYTES, HttpRequest, parse_head

HEAD_S = 10.0
_UNSENT_BYTES = 1 << 20
_STALLED_S = 60.0
_MOST_FIRST_LINE_BYTES = 8 * 1024


class Gone(Exception):  # a signal between Door and who writes through it
    """The client has closed the connection, or has not read for a minute."""


class Inner(Protocol):
    """The protocol that a connection is handed to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def data_received(self, data: bytes) -> None: ...


Answer = Callable[["Door", HttpRequest], Awaitable[None]]


class Door(asyncio.Protocol):
    """One connection until it is clear what it is. `wants` says which paths are answered by `answer`."""

    def __init__(
        self, inner: Callable[[], asyncio.Protocol], wants: Callable[[bytes], bool], start: Callable[["Door"], object]
    ) -> None:
        """`start`: called once `request` is known, or `wrong` says why it is none; owns the task that answers."""
        self._inner = inner
        self._wants = wants
        self._start = start
        self._buffer = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._decided = False
        self.transport: asyncio.Transport
        self.closed = asyncio.Event()
        self.request: HttpRequest | None = None
        self.wrong: ProtocolError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._deadline = asyncio.get_running_loop().call_later(HEAD_S, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._decided:
            return  # more than one request is not answered
        self._buffer += data
        line = self._buffer.partition(b"\r\n")[0]
        if not b"GET ".startswith(line[:4]) and not b"HEAD ".startswith(line[:5]):
            self._hand_on()
        elif b"\r\n" not in self._buffer and len(self._buffer) < _MOST_FIRST_LINE_BYTES:
            return
        elif not self._wants(bytes(line)):
            self._hand_on()
        else:
            self._head()

    def _hand_on(self) -> None:
        """It is a WebSocket, or at least no request of ours."""
        self._decided = True
        self._stop_deadline()
        inner = self._inner()
        self.transport.set_protocol(inner)
        inner.connection_made(self.transport)
        inner.data_received(bytes(self._buffer))
        self._buffer.clear()

    def _head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 and len(self._buffer) <= MOST_HEAD_BYTES:
            return
        self._decided = True
        self._stop_deadline()
        try:
            if end < 0 or end > MOST_HEAD_BYTES:
                raise ProtocolError("the request's headers are too long", peer="The client")
            self.request = parse_head(bytes(self._buffer[:end]))
        except ProtocolError as wrong:
            self.wrong = wrong
        self._buffer.clear()
        self.transport.set_write_buffer_limits(_UNSENT_BYTES)
        self._start(self)

    def eof_received(self) -> bool:
        return self._decided  # a client may close its half behind the request

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self.closed.set()
        self._room.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def write(self, data: bytes) -> None:
        """Send; returns when there is room for more. Raises Gone."""
        if self.closed.is_set():
            raise Gone
        self.transport.write(data)
        if not self._room.is_set():
            try:
                async with asyncio.timeout(_STALLED_S):
                    await self._room.wait()
            except TimeoutError:
                self.transport.abort()
                raise Gone from None
        if self.closed.is_set():
            raise Gone
