"""Writes one viewer's WebSocket: texts first, then media of all its subscriptions in turn, as fast as it takes them.

Nothing queues here: subscriptions are asked for media when the socket has room, so a viewer that is slow holds no more
than one batch and the socket's own buffer, and never another viewer. Where nothing waits, a live picture goes out in
the call that brought it, and no task is woken.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from common.foundation.clock import Clock
from common.protocols.media_channel.messages import ServerMessage, encode
from common.protocols.media_channel.records import MediaRecord, header

BATCH_BYTES = 256 * 1024
MOST_TEXTS = 64


class Source(Protocol):
    """A subscription that has something to send now and then."""

    def take(self, most_bytes: int, now_s: float) -> list[str | MediaRecord]:
        """What to send next, in this order: about `most_bytes`; empty when there is nothing now."""


class Socket(Protocol):
    """What is needed of MediaSocket."""

    @property
    def has_room(self) -> bool: ...

    def send_text_now(self, text: str) -> None: ...

    def send_media_now(self, parts: Sequence[bytes], size_bytes: int) -> None: ...

    async def send(self, message: str) -> None: ...

    async def room(self) -> None: ...


class Sender:
    """The sending half of a viewer's connection."""

    def __init__(self, socket: Socket, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock
        self._texts: deque[str] = deque()
        self._ready: dict[Source, None] = {}  # in the order of their turns
        self._work = asyncio.Event()
        self._idle = False  # `run` has sent all that there was
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

    def wake_now(self, source: Source) -> None:
        """The same, for a source that may be asked from inside the call that woke it: where nothing waits, it is."""
        if not self._idle or self._ready or self._texts or not self._socket.has_room:
            self.wake(source)
            return
        items = source.take(BATCH_BYTES, self._clock.monotonic_s())
        if len(items) == 1 and isinstance(record := items[0], MediaRecord):
            self._socket.send_media_now((header(record), record.payload), record.size_bytes)
        elif items:
            self._send(items)
            self.wake(source)  # it may have more

    def forget(self, source: Source) -> None:
        self._ready.pop(source, None)

    async def room(self) -> None:
        """Wait until the viewer has read enough of what it was told to be told more."""
        await self._room.wait()

    async def run(self) -> None:
        """Write until cancelled; ConnectionClosed when the viewer has gone."""
        while True:
            self._idle = True
            await self._work.wait()
            self._idle = False
            self._work.clear()
            while self._texts or self._ready:
                while self._texts:
                    await self._socket.send(self._texts.popleft())
                    if len(self._texts) < MOST_TEXTS:
                        self._room.set()
                self._send(self._batch())
                await self._socket.room()

    def _batch(self) -> list[str | MediaRecord]:
        """Take about one batch from the sources in turn."""
        batch: list[str | MediaRecord] = []
        left = BATCH_BYTES
        now_s = self._clock.monotonic_s()
        while self._ready and left > 0:
            source = next(iter(self._ready))
            del self._ready[source]
            items = source.take(left, now_s)
            if items:
                self._ready[source] = None  # it may have more: after the others' turn
                batch += items
                left -= sum(item.size_bytes for item in items if isinstance(item, MediaRecord))
        return batch

    def _send(self, items: list[str | MediaRecord]) -> None:
        """Send in this order; records beside each other go into one message, large ones into their own."""
        parts: list[bytes] = []
        size_bytes = 0

        def flush() -> None:
            nonlocal size_bytes
            if parts:
                self._socket.send_media_now(tuple(parts), size_bytes)
                parts.clear()
                size_bytes = 0

        for item in items:
            if isinstance(item, str):
                flush()
                self._socket.send_text_now(item)
                continue
            if size_bytes + item.size_bytes > BATCH_BYTES:
                flush()
            parts += (header(item), item.payload)
            size_bytes += item.size_bytes
        flush()
