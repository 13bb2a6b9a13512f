"""A bounded memory of the pieces of remote files that were read last."""

import threading
from collections import OrderedDict
from collections.abc import Callable

BLOCK_BYTES = 1 << 20  # about a GOP of a 4 Mbit/s camera: one request a GOP, and the next one often for nothing


class BlockCache:
    """Blocks of BLOCK_BYTES of any number of files, at most `most_bytes` together; the least used go first.

    Safe from several threads. Two that want the same missing block at once may both fetch it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = max(1, most_bytes // BLOCK_BYTES)
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, name: str, offset: int, size: int, fetch: Callable[[int, int], bytes]) -> bytes:
        """Bytes of a file, fewer at its end. `fetch(start, end)` gets what is not here."""
        parts: list[bytes] = []
        at, end = offset, offset + size
        while at < end:
            number = at // BLOCK_BYTES
            block = self._block(name, number, fetch)
            inside = at - number * BLOCK_BYTES
            part = block[inside : inside + end - at]
            parts.append(part)
            at += len(part)
            if len(block) < BLOCK_BYTES and inside + len(part) == len(block):
                break  # the end of the file
        return b"".join(parts)

    def _block(self, name: str, number: int, fetch: Callable[[int, int], bytes]) -> bytes:
        key = (name, number)
        with self._lock:
            known = self._blocks.get(key)
            if known is not None:
                self._blocks.move_to_end(key)
                return known
        found = fetch(number * BLOCK_BYTES, (number + 1) * BLOCK_BYTES)
        with self._lock:
            self._blocks[key] = found
            while len(self._blocks) > self._most:
                self._blocks.popitem(last=False)
        return found

    def forget(self, name: str) -> None:
        """A file was replaced or deleted."""
        with self._lock:
            for key in [key for key in self._blocks if key[0] == name]:
                del self._blocks[key]
