"""Delivers an outbox: oldest first, again until it is taken, then removed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from common.api.audit import AuditBatch, AuditEntry
from common.foundation.backoff import Backoff
from common.foundation.clock import Clock
from common.foundation.errors import VmsError
from common.foundation.logs import RepeatingFault
from common.foundation.pools import BoundedPool
from server.runtime.audit_trail import AuditTrail
from server.runtime.outbox import Outbox

log = logging.getLogger(__name__)

_AT_ONCE = 200


async def deliver_audit(
    outbox: Outbox, trail: AuditTrail, send: Callable[[AuditBatch], Awaitable[None]], clock: Clock
) -> NoReturn:
    """Deliver what `trail` puts into `outbox`, until cancelled. `send` raises VmsError when it was not taken."""
    loop = asyncio.get_running_loop()
    more = asyncio.Event()
    trail.on_stored(lambda: _wake(loop, more))
    retry = Backoff(0.5, 15.0)
    fault = RepeatingFault(log, "audit entries not delivered yet", clock)
    async with BoundedPool("outbox", 1) as disk:
        while True:
            more.clear()
            try:
                found = await disk.run(outbox.oldest, _AT_ONCE)
                if found:
                    await send(AuditBatch(entries=tuple(_entries(found))))
                    await disk.run(outbox.remove, [identifier for identifier, _ in found])
            except VmsError as failed:
                fault.happened(failed)
                await clock.sleep(retry.next_s())
                continue
            fault.ended()
            retry.succeeded()
            if not found:
                await more.wait()


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)


def _entries(found: Sequence[tuple[str, str]]) -> list[AuditEntry]:
    entries = []
    for identifier, body in found:
        try:
            entries.append(AuditEntry.model_validate_json(body))
        except ValueError:  # of another version; it would stop all that follow
            log.error("an audit entry cannot be read", extra={"entry": identifier, "body": body[:1000]})
    return entries
