"""Background work gives way: to recording and playback on the disk, and to a bandwidth that was set."""

import os
import sys
import threading
import time

import psutil

_MOST_WAIT_S = 0.5


class Stopped(Exception):
    """A job was cancelled, or the process ends."""


def be_nice() -> None:
    """Let this process have the processor and the disk when nobody else wants them. Threads begun later inherit it."""
    os.nice(10)
    if sys.platform == "linux":
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


class Pace:
    """Keeps the bytes that a job moves to `bytes_per_s` on average; 0: as fast as it goes. For one thread."""

    def __init__(self, bytes_per_s: int, stop: threading.Event) -> None:
        self._bytes_per_s = bytes_per_s
        self._stop = stop
        self._free_at_s = time.monotonic()

    def spend(self, size_bytes: int) -> None:
        """Wait until so many bytes were due; raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        if not self._bytes_per_s:
            return
        now_s = time.monotonic()
        # What was not used is not saved up: a pause is no reason for a burst.
        self._free_at_s = max(self._free_at_s, now_s - _MOST_WAIT_S) + size_bytes / self._bytes_per_s
        if (wait_s := self._free_at_s - now_s) > 0 and self._stop.wait(wait_s):
            raise Stopped
