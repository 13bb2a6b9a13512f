"""The TCP side of an RTSP session: large reads, interleaved frames, one request at a time."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from common.foundation.errors import DeviceError, DeviceUnreachable, ProtocolError
from common.protocols.rtsp.client import RtspClient
from common.protocols.rtsp.messages import BUFFER_BYTES, Message, StreamCutter

CONNECT_S = 5.0
ANSWER_S = 8.0
_MOST_MESSAGES = 16
PacketTaker = Callable[[memoryview, int, int], None]
PacketRun = Callable[[int, memoryview, int, int], int]
"""As RtpReceiver.run."""


class RtspConnection(asyncio.BufferedProtocol):
    """A buffer is filled by the kernel and cut in place: a camera wakes us about once a picture, not once a packet."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._have = 0
        self._takers: dict[int, PacketTaker] = {}
        self._cutter = StreamCutter(self._frame, self._message)
        self._messages: asyncio.Queue[Message] = asyncio.Queue(_MOST_MESSAGES)
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrival_s = 0.0
        """Monotonic clock of the read that is being worked on."""

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.closed.done() and not self._transport.is_closing()

    def peer(self) -> tuple[str, str]:
        """Return the camera's and our own IP address."""
        assert self._transport is not None
        return self._transport.get_extra_info("peername")[0], self._transport.get_extra_info("sockname")[0]

    def take(self, channel: int, taker: PacketTaker, run: PacketRun | None = None) -> None:
        """Hand the interleaved frames of a channel to `taker`, which may go on by itself with `run`."""
        self._takers[channel] = taker
        if run is not None:
            self._cutter.runs[channel] = partial(run, channel)
        self._cutter.channels = frozenset(self._takers)

    def send_frame(self, channel: int, payload: bytes) -> None:
        """Send an interleaved frame; nothing when the connection is closed or the camera does not read."""
        if self.is_open and self._transport is not None and self._transport.get_write_buffer_size() < 65_536:
            self._transport.write(bytes((0x24, channel)) + len(payload).to_bytes(2, "big") + payload)

    async def exchange(
        self, client: RtspClient, method: str, url: str = "", headers: dict[str, str] | None = None
    ) -> Message:
        """Send a request, log in where asked, return the answer that agreed.

        Raises DeviceRefused or DeviceError when the camera says no, does not answer in time, or closes.
        """
        self._send(client.request(method, url, headers))
        while True:
            message = await self._next_message(method)
            if not client.is_answer(message):
                continue
            again = client.answer(message)
            if again is None:
                return message
            if again:
                if message.header("connection").lower() == "close":
                    raise DeviceError(f"it closed the connection instead of letting us log in ({method})")
                self._send(again)

    def _send(self, data: bytes) -> None:
        if not self.is_open or self._transport is None:
            raise DeviceError("it closed the connection")
        self._transport.write(data)

    async def _next_message(self, method: str) -> Message:
        getting = asyncio.ensure_future(self._messages.get())
        both: tuple[asyncio.Future[Message], asyncio.Future[None]] = (getting, self.closed)
        try:
            await asyncio.wait(both, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            if self.closed.done():
                self.closed.result()
                raise DeviceError("it closed the connection")
            raise DeviceUnreachable(f"it does not answer ({method}, {ANSWER_S:.0f} s)")
        finally:
            getting.cancel()

    async def close(self) -> None:
        """Close at once; returns when the transport is gone."""
        if self._transport is None:
            return
        self._transport.abort()
        await asyncio.wait([self.closed], timeout=1.0)
        if self.closed.done() and not self.closed.cancelled():
            self.closed.exception()  # looked at, so that nobody calls it forgotten

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # create_connection makes stream transports

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._have :]

    def buffer_updated(self, nbytes: int) -> None:
        self.arrival_s = time.monotonic()
        end = self._have + nbytes
        try:
            used = self._cutter.cut(self._buffer, end)
        except ProtocolError as broken:
            self._have = 0
            self._fail(DeviceError(f"protocol broken: {broken}"))
            return
        left = end - used
        if used and left:
            self._buffer[:left] = bytes(self._buffer[used:end])
        self._have = left
        if left == BUFFER_BYTES:
            self._have = 0
            self._fail(DeviceError("protocol broken: a message is larger than any camera's"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        why = f"the connection broke: {exc}" if exc else "it closed the connection"
        if not self.closed.done():
            self.closed.set_exception(DeviceError(why))

    def _fail(self, error: DeviceError) -> None:
        if not self.closed.done():
            self.closed.set_exception(error)
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, channel: int, buffer: memoryview, start: int, end: int) -> None:
        self._takers[channel](buffer, start, end)

    def _message(self, message: Message) -> None:
        if message.method:
            self._answer_request(message)
        elif not self._messages.full():
            self._messages.put_nowait(message)

    def _answer_request(self, message: Message) -> None:
        """Some cameras ask whether we are alive."""
        known = message.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER")
        number = message.header("cseq")[:20]
        status = "200 OK" if known else "501 Not Implemented"
        if self.is_open and self._transport is not None:
            self._transport.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n".encode("ascii", "replace"))


async def connect(url: str) -> RtspConnection:
    """Connect to a camera's RTSP port; raises DeviceError when it cannot be reached.

    Certificates of `rtsps` are not verified: cameras come with self-signed ones. It keeps passwords from listeners,
    not from somebody who stands in for the camera.
    """
    parts = urlsplit(url)
    secure = parts.scheme.lower() == "rtsps"
    context: ssl.SSLContext | None = None
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    port = parts.port or (322 if secure else 554)
    loop = asyncio.get_running_loop()
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, connection = await loop.create_connection(RtspConnection, host, port, ssl=context)
    except TimeoutError:
        raise DeviceUnreachable(f"{parts.hostname}:{port} does not answer") from None
    except ssl.SSLError as broken:
        raise DeviceError(f"{parts.hostname}:{port} does not speak TLS ({broken.reason})") from None
    except (OSError, UnicodeError) as broken:
        number = getattr(broken, "errno", None) or 0  # below 0: of the name resolver, which has its own words
        reason = os.strerror(number) if number > 0 else getattr(broken, "strerror", None) or broken
        raise DeviceUnreachable(f"{parts.hostname}:{port} cannot be reached ({reason})") from None
    return connection
