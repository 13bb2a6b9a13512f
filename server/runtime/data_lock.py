"""One server on one data folder: a lock that the system gives back however its holders end."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from common.foundation.errors import VmsError

LOCK_FILE = "vedette.lock"
_ENDING_S = 25.0  # daemons of a killed supervisor seal their files that long at most


class DataInUse(VmsError):
    """Another server runs on this data folder."""

    message_key = "error.data_in_use"


@contextmanager
def locked_data(data: Path, ending_s: float = _ENDING_S) -> Iterator[int]:
    """Hold `data` until left; gives the lock's descriptor, which daemons inherit: they hold it too.

    So daemons that outlive a killed supervisor for the seconds they need to end are waited for (`ending_s`), and never
    write beside new ones. Raises DataInUse naming the process.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        give_up_at_s = time.monotonic() + ending_s
        while not _taken(descriptor):
            holder = _holder(descriptor)
            if holder is None or psutil.pid_exists(holder) or time.monotonic() >= give_up_at_s:
                pid = holder or "unknown"
                raise DataInUse(f"{data} is locked by process {pid}", path=str(data), pid=pid)
            time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failed:
        if failed.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
