"""Runs a driver's blocking loops in threads of their own, owned by one task."""

import asyncio
import threading
from collections.abc import Callable, Sequence

_LEAVE_S = 12.0  # longer than any time-out inside a job


async def run_all(jobs: Sequence[tuple[str, Callable[[], None]]], stop: threading.Event) -> None:
    """Run named `jobs`, a thread each, until one ends, fails, or we are cancelled; then set `stop` and wait for all.

    Raises what the first job raised. A job looks at `stop` often and leaves when it is set.
    """
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = []
    threads: list[threading.Thread] = []
    for name, job in jobs:
        end: asyncio.Future[None] = loop.create_future()
        ends.append(end)
        threads.append(threading.Thread(target=_run, args=(loop, end, job), name=name, daemon=True))
    try:
        for thread in threads:
            thread.start()
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in done:
            end.result()
    finally:
        stop.set()
        for end in ends:
            end.cancel()
        for thread in threads:
            if thread.is_alive():
                await asyncio.to_thread(thread.join, _LEAVE_S)


def _run(loop: asyncio.AbstractEventLoop, end: "asyncio.Future[None]", job: Callable[[], None]) -> None:
    failure: BaseException | None = None
    try:
        job()
    except Exception as error:  # noqa: BLE001 - carried to the task that owns this thread
        failure = error
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, end, failure)


def _settle(end: "asyncio.Future[None]", failure: BaseException | None) -> None:
    if end.done():
        return
    if failure is None:
        end.set_result(None)
    else:
        end.set_exception(failure)
