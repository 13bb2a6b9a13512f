"""The recorder's evidence locks beside its event loop, with their copies kept up to date in every storage."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from common.api.evidence import LockPatch, LockRequest
from common.foundation.clock import Clock
from common.foundation.errors import StorageError
from common.foundation.logs import RepeatingFault
from common.foundation.pools import BoundedPool
from server.recording.mediadb.locks import EvidenceLock
from server.recording.storages.evidence import Check, EvidenceLocks

log = logging.getLogger(__name__)

_RECONCILE_S = 60.0


class LockKeeper:
    """Makes and changes locks in a thread of its own, as waiting for who deletes may take a moment."""

    def __init__(self, locks: EvidenceLocks, pool: BoundedPool, clock: Clock) -> None:
        self._locks = locks
        self._pool = pool
        self._clock = clock
        self._changed = asyncio.Event()

    def follow(self, roots: Sequence[Path]) -> None:
        """Keep copies in these storages from now on."""
        self._locks.follow(roots)
        self._changed.set()

    async def run(self) -> None:
        """Bring the copies up to date whenever storages may have come back; until cancelled."""
        fault = RepeatingFault(log, "evidence locks not copied", self._clock)
        while True:
            try:
                await self._pool.run(self._locks.reconcile)
                fault.ended()
            except StorageError as failed:
                fault.happened(failed)
            try:
                async with asyncio.timeout(_RECONCILE_S):
                    await self._changed.wait()
                self._changed.clear()
            except TimeoutError:
                continue

    async def create(self, request: LockRequest, owner: str, owner_id: str) -> EvidenceLock:
        """Lock a span; raises LockWrong, StorageError."""
        return await self._pool.run(self._locks.create, request, owner, owner_id)

    async def change(self, lock_id: str, patch: LockPatch, check: Check) -> EvidenceLock:
        """Extend or shorten a lock; raises NoSuchLock, LockWrong, StorageError, and what `check` raises."""
        return await self._pool.run(self._locks.change, lock_id, patch, check)

    async def remove(self, lock_id: str, check: Check) -> None:
        """Give free what a lock keeps; raises NoSuchLock, StorageError, and what `check` raises."""
        await self._pool.run(self._locks.remove, lock_id, check)

    async def known(self) -> Sequence[EvidenceLock]:
        """All that were not removed, oldest first; raises StorageError."""
        return await self._pool.run(self._locks.known)


@asynccontextmanager
async def keeping_locks(data: Path, clock: Clock) -> AsyncIterator[LockKeeper]:
    """Open the locks of a recorder whose data folder this is."""
    async with BoundedPool("evidence locks", threads=1) as pool:
        yield LockKeeper(EvidenceLocks(data, clock), pool, clock)
