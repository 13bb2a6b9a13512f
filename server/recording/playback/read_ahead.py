"""How much one viewer's playback may hold in memory: GOPs read and not sent yet, of all its tracks together."""

import asyncio

MOST_BYTES = 64 * 1024 * 1024


class ReadAhead:
    """Counts what is held; while that is too much, nothing is read ahead. What a seek shows first is never held up."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._freed = asyncio.Event()

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes

    def free(self, size_bytes: int) -> None:
        self._held_bytes -= size_bytes
        self._freed.set()

    async def room(self) -> None:
        """Wait until more may be read ahead."""
        while self._held_bytes >= self._most_bytes:
            self._freed.clear()
            await self._freed.wait()
