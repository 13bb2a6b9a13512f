"""One viewer's WebSocket on the recorder's port, with a short way out for what a recorder sends most.

The library's `send` builds and copies each frame, and awaits its turn; with hundreds of viewers of 25 pictures a
second that costs more than sending them. Here whole frames (RFC 6455, section 5.2: from a server, unmasked) go to the
transport directly, so they never mix with the library's own. Over TLS the parts of a message are joined, as each write
becomes a TLS record; in the clear they are handed on as they are, and never copied.
"""

import asyncio
from collections.abc import Sequence
from struct import pack

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

_TEXT, _BINARY = 0x81, 0x82  # whole messages


def frame_head(kind: int, size_bytes: int) -> bytes:
    """What stands before an unmasked message of that size (RFC 6455, section 5.2)."""
    if size_bytes < 126:
        return bytes((kind, size_bytes))
    if size_bytes < 0x1_0000:
        return pack(">BBH", kind, 126, size_bytes)
    return pack(">BBQ", kind, 127, size_bytes)


class MediaSocket(ServerConnection):
    """A ServerConnection that can be sent to without waiting."""

    _encrypted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._encrypted = transport.get_extra_info("sslcontext") is not None

    @property
    def has_room(self) -> bool:
        """Whether the viewer reads well enough that more may be sent at once."""
        return not self.paused

    def send_text_now(self, text: str) -> None:
        """Send a text message. Nothing when the connection is closing."""
        data = text.encode()
        self._send((frame_head(_TEXT, len(data)) + data,))

    def send_media_now(self, parts: Sequence[bytes], size_bytes: int) -> None:
        """Send one binary message, given in parts; `size_bytes` in all. Nothing when the connection is closing."""
        self._send((frame_head(_BINARY, size_bytes) + parts[0], *parts[1:]))

    def _send(self, parts: Sequence[bytes]) -> None:
        if self.protocol.state is not State.OPEN or self.transport.is_closing():
            return
        if self._encrypted:
            self.transport.write(b"".join(parts))
        else:
            self.transport.writelines(parts)

    async def room(self) -> None:
        """Wait until the viewer has read what was sent, but for the socket's own buffer."""
        await self.drain()
