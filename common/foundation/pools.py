"""Bounded thread pools for work that blocks: files, databases, decoding. One pool per kind of work."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class BoundedPool:
    """At most `threads` calls at work and `waiting` calls queued; a caller beyond that waits its turn.

    Used as `async with BoundedPool("disk read", threads=4) as disk: await disk.run(read, path)`. Leaving waits for
    running calls and gives up queued ones. A cancelled caller leaves its call running: the thread keeps its place.
    """

    def __init__(self, name: str, threads: int, waiting: int = 64) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = asyncio.Semaphore(threads + waiting)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread of the pool, with the caller's context, and return or raise what it does."""
        loop = asyncio.get_running_loop()
        await self._places.acquire()
        try:
            future: Future[T] = self._executor.submit(copy_context().run, partial(work, *args, **kwargs))
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: _release_in(loop, self._places))
        return await asyncio.wrap_future(future)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


def _release_in(loop: asyncio.AbstractEventLoop, places: asyncio.Semaphore) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(places.release)
