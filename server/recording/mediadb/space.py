"""How much room a disk has, and the reserve that recording never touches."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from common.foundation.errors import StorageError

_CHECK_S = 1.0  # others fill the disk as well: other engines, archiving, strangers


class DiskReserved(StorageError):
    """What is left of the disk is its reserve: writing stops until space returns."""

    message_key = "error.disk_reserved"


def free_bytes(root: Path) -> int:
    """What may still be written to the disk of `root`; raises OSError."""
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize


class Room:
    """Asked before anything is written. Any thread.

    Between two looks at the disk it counts along, so that one process never writes into the reserve.
    """

    def __init__(
        self,
        root: Path,
        reserve_bytes: int,
        tight_bytes: int,
        free: Callable[[Path], int] = free_bytes,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tight_bytes`: below so much free space, nothing more is allocated ahead."""
        self._root = root
        self._reserve_bytes = reserve_bytes
        self._tight_bytes = tight_bytes
        self._free = free
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._left_bytes = 0
        self._looked_s = -_CHECK_S
        self.tight = False
        """Whether space should not be allocated ahead now."""

    def take(self, size_bytes: int) -> None:
        """Say that so much is written now. Raises DiskReserved when that is not to be, OSError."""
        if not self._reserve_bytes:
            return
        with self._lock:
            now_s = self._monotonic_s()
            if size_bytes > self._left_bytes or now_s - self._looked_s >= _CHECK_S:
                free = self._free(self._root)
                self._looked_s = now_s
                self._left_bytes = free - self._reserve_bytes
                self.tight = free < self._tight_bytes
            if size_bytes > self._left_bytes:
                raise DiskReserved(
                    f"less than {self._reserve_bytes >> 20} MB would stay free",
                    path=str(self._root),
                    reserve_mb=self._reserve_bytes >> 20,
                )
            self._left_bytes -= size_bytes

    @property
    def plenty(self) -> bool:
        """Whether so much is free that recording may begin again without stopping at once; raises OSError."""
        return self._free(self._root) >= 2 * self._reserve_bytes
