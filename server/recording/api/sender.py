"""Writes one viewer's WebSocket: texts first, then media of all its subscriptions in turn, as fast as it takes them.

Nothing queues here: subscriptions are asked for media when the socket has room, so a viewer that is slow holds no more
than one batch and the socket's own buffer, and never another viewer.
"""

import asyncio
from collections import deque
from typing import Protocol

from websockets.asyncio.server import ServerConnection

from common.foundation.clock import Clock
from common.protocols.media_channel.messages import ServerMessage, encode
from common.protocols.media_channel.records import MediaRecord, pack_all

BATCH_BYTES = 256 * 1024
MOST_TEXTS = 64


class Source(Protocol):
    """A subscription that has something to send now and then."""

    def take(self, most_bytes: int, now_s: float) -> list[str | MediaRecord]:
        """What to send next, in this order: about `most_bytes`; empty when there is nothing now."""


class Sender:
    """The sending half of a viewer's connection."""

    def __init__(self, socket: ServerConnection, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._texts: deque[str] = deque()
        self._ready: dict[Source, None] = {}  # in the order of their turns
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def say(self, message: ServerMessage) -> None:
        """Send a message before any more media. Its causes are bounded by `room`."""
        self._texts.append(encode(message))
        if len(self._texts) >= MOST_TEXTS:
            self._room.clear()
        self._work.set()

    def wake(self, source: Source) -> None:
        """`source` has something to send."""
        if source not in self._ready:
            self._ready[source] = None
            self._work.set()

    def forget(self, source: Source) -> None:
        self._ready.pop(source, None)

    async def room(self) -> None:
        """Wait until the viewer has read enough of what it was told to be told more."""
        await self._room.wait()

    async def run(self) -> None:
        """Write until cancelled; ConnectionClosed when the viewer has gone."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._texts or self._ready:
                while self._texts:
                    await self._socket.send(self._texts.popleft())
                    if len(self._texts) < MOST_TEXTS:
                        self._room.set()
                for message in self._batch():
                    await self._socket.send(message)

    def _batch(self) -> list[str | bytes]:
        """Take the next messages: about one batch in all, with records beside each other in one message."""
        messages: list[str | bytes] = []
        records: list[MediaRecord] = []
        left = BATCH_BYTES

        def flush() -> None:
            if records:
                messages.append(pack_all(records))
                records.clear()

        now_s = self._clock.monotonic_s()
        while self._ready and left > 0:
            source = next(iter(self._ready))
            del self._ready[source]
            items = source.take(left, now_s)
            if items:
                self._ready[source] = None  # it may have more: after the others' turn
            for item in items:
                if isinstance(item, str):
                    flush()
                    messages.append(item)
                    continue
                if item.size_bytes > BATCH_BYTES:
                    flush()
                records.append(item)
                left -= item.size_bytes
                if item.size_bytes > BATCH_BYTES:
                    flush()
        flush()
        return messages
