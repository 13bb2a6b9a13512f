"""Reads recordings for playback in a bounded thread pool, because the media database's reader blocks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from common.foundation.errors import StorageError
from server.recording.ledger.proof import RecordingProof, TrackTimeline
from server.recording.ledger.reasons import Gap
from server.recording.mediadb.contract import Gop, MediaReader, Span, TrackKey
from server.recording.mediadb.timeline import Buckets
from server.recording.playback.course import Read, ReadAfter, ReadAt

READ_TIMEOUT_S = 30.0
_T = TypeVar("_T")


class RecordingsPool:
    """Answers reads off the event loop, at most `threads` at once; a cancelled one that has not begun never does."""

    def __init__(self, reader: MediaReader, pool: ThreadPoolExecutor, proof: RecordingProof | None = None) -> None:
        self._reader = reader
        self._pool = pool
        self._proof = proof

    async def gop(self, key: TrackKey, read: Read) -> Gop | None:
        """Raises StorageError when the recordings cannot be read, or the disk does not answer in 30 s."""
        if isinstance(read, ReadAt):
            return await self._run(lambda: self._reader.gop_at(key, read.at))
        if isinstance(read, ReadAfter):
            return await self._run(lambda: self._reader.gop_after(key, read.at))
        return await self._run(lambda: self._reader.gop_before(key, read.at))

    async def sequences(self, key: TrackKey, span: Span, limit: int) -> Sequence[Span]:
        return await self._run(lambda: self._reader.sequences(key, span, limit))

    async def gaps(self, key: TrackKey, span: Span) -> list[Gap]:
        """What of `span` is not recorded until now, and why. Raises StorageError."""
        proof = self._with_proof()
        return await self._run(lambda: proof.explain(key, span))

    async def timeline(self, keys: Sequence[TrackKey], buckets: Buckets) -> dict[TrackKey, TrackTimeline]:
        """What is recorded in equal parts of time. Raises StorageError."""
        proof = self._with_proof()
        return await self._run(lambda: proof.timeline(keys, buckets))

    def _with_proof(self) -> RecordingProof:
        if self._proof is None:
            raise StorageError("this recorder keeps no ledger", path="the recordings")
        return self._proof

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except TimeoutError:
            raise StorageError("the disk does not answer", path="the recordings") from None
        except OSError as failed:
            raise StorageError(str(failed), path=failed.filename or "the recordings") from failed


@asynccontextmanager
async def recordings_pool(
    reader: MediaReader, threads: int = 4, proof: RecordingProof | None = None
) -> AsyncIterator[RecordingsPool]:
    """A pool over `reader`, until left; a read that still runs then is not waited for."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="playback")
    try:
        yield RecordingsPool(reader, pool, proof)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
