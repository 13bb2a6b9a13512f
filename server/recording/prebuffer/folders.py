"""The folder of one run's pre-buffers on a storage's disk, and how what a killed run left behind is found.

`<storage>/.prebuffer/<random>/`: its file `run` is locked for as long as the engine lives. A folder whose lock can be
had belongs to nobody any more. What is in it was never recorded, and is deleted.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.foundation.ids import new_id

log = logging.getLogger(__name__)

FOLDER = ".prebuffer"
_MARKER = "run"
_COMING_AND_GOING = "lock"  # held while a run's folder is made, and while those left over are deleted


class RunFolder:
    """A folder of our own. Making it raises OSError."""

    def __init__(self, root: Path) -> None:
        (root / FOLDER).mkdir(exist_ok=True, mode=0o700)
        self.path = root / FOLDER / new_id()
        with _alone(root / FOLDER):
            self.path.mkdir(mode=0o700)
            self._lock = os.open(self.path / _MARKER, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._lock)
                raise

    def remove(self) -> None:
        """Delete it with all that is in it; what the disk keeps is left over, and found at the next start."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_left_over(root: Path) -> int:
    """Delete the pre-buffers of runs that ended without doing so; return how many runs. Raises OSError."""
    removed = 0
    try:
        with _alone(root / FOLDER):
            for entry in list(os.scandir(root / FOLDER)):
                if entry.is_dir(follow_symlinks=False) and not _in_use(Path(entry.path)):
                    shutil.rmtree(entry.path, ignore_errors=True)
                    log.info("left over pre-buffer deleted", extra={"path": entry.path})
                    removed += 1
    except FileNotFoundError:
        return 0
    return removed


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = os.open(folder / _COMING_AND_GOING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _in_use(folder: Path) -> bool:
    try:
        marker = os.open(folder / _MARKER, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(marker)
    return False
