"""Reads all cameras' sockets of an engine together, some milliseconds' worth at a time, into one buffer.

A busy engine that wakes for each camera's each picture runs the same code cold, thousands of times a second. Here it
wakes at most every `PACE_S` and works off all sockets that have something, one after the other, while code and buffer
are in the processor's cache. An engine with few cameras reads each at once. A picture that comes in two pieces may wait
twice, so the pace is well below the 40 ms that may be added to live pictures.
"""

import asyncio
import select
from types import TracebackType
from typing import Protocol, Self

PACE_S = 0.015
BUFFER_BYTES = 512 * 1024  # a whole keyframe in one read; more waits in the kernel for the next turn
_MOST_AT_ONCE = 1024
_BUSY_READS_PER_S = 300  # about a dozen cameras
_WINDOW_S = 0.2


class ReadableSocket(Protocol):
    """What reads itself."""

    def read_into(self, buffer: memoryview) -> None:
        """Read what there is, once, without waiting. Never raises on what came, or that nothing comes any more."""


class PacedReader:
    """Use as an async context manager on the event loop that its sockets belong to. Linux only: epoll."""

    def __init__(self, pace_s: float = PACE_S) -> None:
        self._pace_s = pace_s
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._sockets: dict[int, ReadableSocket] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._window_began_s = 0.0
        self._window_reads = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._read_all)
        self._listening = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._listening:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._sockets.clear()

    def add(self, descriptor: int, reading: ReadableSocket) -> None:
        """Read this socket until `remove`, which must come before it is closed."""
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
        self._sockets[descriptor] = reading

    def remove(self, descriptor: int) -> None:
        """Unknown ones are ignored."""
        if self._sockets.pop(descriptor, None) is not None and not self._epoll.closed:
            self._epoll.unregister(descriptor)

    def _read_all(self) -> None:
        """Work off what is there. While there is much each time, the next look is timed; else the loop watches."""
        self._timer = None
        ready = self._epoll.poll(0, _MOST_AT_ONCE)
        sockets, buffer = self._sockets, self._buffer
        for descriptor, _ in ready:
            reading = sockets.get(descriptor)
            if reading is not None:  # else one before it in this turn ended it
                reading.read_into(buffer)
        self._note(len(ready))
        if ready and self._busy:
            if self._listening:
                self._loop.remove_reader(self._epoll.fileno())
                self._listening = False
            self._timer = self._loop.call_later(self._pace_s, self._read_all)
        elif not self._listening:
            self._loop.add_reader(self._epoll.fileno(), self._read_all)
            self._listening = True

    def _note(self, reads: int) -> None:
        """Judge now and then whether there are many cameras."""
        self._window_reads += reads
        now_s = self._loop.time()
        took_s = now_s - self._window_began_s
        if took_s >= _WINDOW_S:
            self._busy = self._window_reads >= _BUSY_READS_PER_S * took_s
            self._window_began_s, self._window_reads = now_s, 0
