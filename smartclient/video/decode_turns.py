"""Lets the live streams of a decoder process decode in turn, on its event loop.

Handing a small picture to a thread and back costs as much as decoding it, so this is done in place, and the loop is let
go every few milliseconds; streams whose pictures are large decode in the thread.
"""

import asyncio
import time
from concurrent.futures import Executor
from typing import Protocol

from common.protocols.media_channel.records import MediaRecord

_LET_GO_AFTER_S = 0.004
MANY = 12  # streams: from here on units wait for each other, so that libav finds its code and tables in the caches
GATHER_S = 0.008
_HEAVY_S = 0.006  # a unit: then sound and playback would wait for it


class Decoding(Protocol):
    """A stream with units that wait."""

    unit_s: float

    def lateness_s(self) -> float:
        """How long the oldest unit has waited."""

    def waits(self) -> bool:
        """Whether units wait."""

    def take(self) -> list[MediaRecord]:
        """The next few units; on the event loop."""

    def decode(self, records: list[MediaRecord]) -> None:
        """Decode and show them; on the event loop or in the thread."""


class DecodeTurns:
    """`busy_s` and `worst_late_s` count from the last `judged`."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._ready: dict[Decoding, None] = {}  # in the order of their turns
        self._work = asyncio.Event()
        self.streams = 0
        self.busy_s = 0.0
        self.worst_late_s = 0.0

    def wake(self, stream: Decoding) -> None:
        """`stream` has units to decode."""
        if stream not in self._ready:
            self._ready[stream] = None
            self._work.set()

    def forget(self, stream: Decoding) -> None:
        self._ready.pop(stream, None)

    def judged(self) -> None:
        """Count anew."""
        self.busy_s = self.worst_late_s = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            if self.streams >= MANY:
                await asyncio.sleep(GATHER_S)
            let_go_s = time.monotonic() + _LET_GO_AFTER_S
            while self._ready:
                stream = next(iter(self._ready))
                del self._ready[stream]
                late_s = stream.lateness_s()
                self.worst_late_s = max(self.worst_late_s, late_s)
                began_s = time.monotonic()
                records = stream.take()
                if stream.unit_s > _HEAVY_S:
                    await loop.run_in_executor(self._pool, stream.decode, records)
                else:
                    stream.decode(records)
                now_s = time.monotonic()
                self.busy_s += now_s - began_s
                if stream.waits():
                    self._ready[stream] = None
                if now_s > let_go_s:
                    await asyncio.sleep(0)
                    let_go_s = time.monotonic() + _LET_GO_AFTER_S
