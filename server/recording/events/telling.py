"""Tells management what has happened, as soon as it has, and again until it is known."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from common.api.site_events import IDLE_S, EventBatch, EventReceipt
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.logs import RepeatingFault
from server.recording.events.board import EventBoard

log = logging.getLogger(__name__)


async def tell_events(
    board: EventBoard, send: Callable[[EventBatch], Awaitable[EventReceipt]], clock: Clock
) -> NoReturn:
    """Deliver what `board` has until cancelled."""
    retry = Backoff(0.3, 10.0)
    fault = RepeatingFault(log, "events not delivered", clock)
    while True:
        batch = board.batch()
        try:
            receipt = await send(batch)
        except VmsError as failed:
            fault.happened(failed)
            board.tell_all()  # the answer may have asked for it
            await clock.sleep(retry.next_s())
            continue
        fault.ended()
        retry.succeeded()
        board.told(batch)
        if receipt.whole:
            board.tell_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await board.happened.wait()
