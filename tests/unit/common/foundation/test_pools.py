"""A bounded pool: results, errors, and callers that wait."""

import asyncio
import threading

import pytest

from common.foundation.pools import BoundedPool


async def test_results_and_errors_come_back() -> None:
    async with BoundedPool("test", threads=2) as pool:
        assert await pool.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 1, 0)


async def test_a_caller_beyond_the_bound_waits_until_a_place_is_free() -> None:
    gate = threading.Event()
    async with BoundedPool("test", threads=1, waiting=1) as pool, asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(pool.run(gate.wait, 30))
        third = tasks.create_task(pool.run(threading.get_ident))
        for _ in range(5):
            await asyncio.sleep(0)
        assert pool._places.locked()
        assert not third.done()
        gate.set()
    assert third.done()


async def test_a_cancelled_caller_leaves_no_place_lost() -> None:
    gate = threading.Event()
    async with BoundedPool("test", threads=1, waiting=0) as pool:
        caller = asyncio.create_task(pool.run(gate.wait, 30))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        gate.set()
        assert await pool.run(lambda: 5) == 5
