"""Evidence locks: spans of devices that nothing may delete, each in a file of its own beside the recordings.

The files are the truth, as with recordings: `<folder>/locks/<lock id>.json`, in the recorder's data folder and in each
storage, so that a lock survives the loss of any of them and of every index. Of several copies the highest version
counts. A lock that was removed stays as a file that says so, or a disk that was away meanwhile would bring it back.
"""

import bisect
import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.api.evidence import MOST_COMMENT_CHARACTERS, MOST_DEVICES
from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from server.recording.mediadb.contract import Span

log = logging.getLogger(__name__)

LOCKS = "locks"
_MOST_BYTES = 1 << 20
_EVER = 1 << 62


class EvidenceLock(BaseModel):
    """`start_us <= t < end_us` of these devices is kept, until `expires_us` if that is set; whole GOPs are kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    version: int = Field(ge=1)
    devices: tuple[DeviceId, ...] = Field(min_length=1, max_length=MOST_DEVICES)
    start_us: UtcUs
    end_us: UtcUs
    owner: str
    owner_id: str = ""
    header: str = ""
    comment: str = Field(default="", max_length=MOST_COMMENT_CHARACTERS)
    reference: str = ""
    tag_us: UtcUs | None = None
    created_us: UtcUs
    expires_us: UtcUs | None = None
    removed_us: UtcUs | None = None

    @property
    def span(self) -> Span:
        return Span(self.start_us, self.end_us)

    def holds(self, now: UtcUs) -> bool:
        """Whether it protects anything now."""
        return self.removed_us is None and (self.expires_us is None or now < self.expires_us)


def lock_path(folder: Path, lock_id: str) -> Path:
    return folder / LOCKS / f"{lock_id}.json"


def read_locks(folder: Path) -> tuple[dict[str, EvidenceLock], frozenset[str]]:
    """All locks kept in a folder, removed ones included, and the ids of those that cannot be read.

    Raises OSError when the folder itself cannot be read; one that is not there holds none."""
    found: dict[str, EvidenceLock] = {}
    damaged: set[str] = set()
    for name in _lock_files(folder):
        path = lock_path(folder, name)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            lock = EvidenceLock.model_validate_json(path.read_bytes())
            if lock.id != name:
                raise ValueError("it is another lock's")
        except FileNotFoundError:
            continue
        except (OSError, ValueError, ValidationError) as error:
            log.error(
                "evidence lock cannot be read", extra={"path": str(path), "reason": str(error).partition("\n")[0]}
            )
            damaged.add(name)
        else:
            found[name] = lock
    return found, frozenset(damaged)


def write_lock(folder: Path, lock: EvidenceLock) -> None:
    """Write a lock's file, whole or not at all, and force it to disk. Raises OSError."""
    path = lock_path(folder, lock.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{lock.id}.{os.getpid()}.new")
    try:
        with made.open("w", encoding="utf-8") as file:
            file.write(lock.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    for each in (path.parent, folder):
        opened = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _lock_files(folder: Path) -> list[str]:
    """Ids that have a file. What is not named after an id is no lock."""
    try:
        names = [entry.name for entry in os.scandir(folder / LOCKS)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name[:-5] for name in names if name.endswith(".json") and _is_id(name[:-5])]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def newest(copies: Sequence[dict[str, EvidenceLock]]) -> dict[str, EvidenceLock]:
    """Of each lock the copy with the highest version."""
    found: dict[str, EvidenceLock] = {}
    for copy in copies:
        for lock in copy.values():
            known = found.get(lock.id)
            if known is None or lock.version > known.version:
                found[lock.id] = lock
    return found


class LockBook:
    """What is locked, as some folders say: the first is the recorder's own, the others are storages. Any thread.

    Whoever deletes asks it inside `deleting`, which keeps new locks waiting: a lock that was confirmed to its owner
    holds everything that was there at that moment.
    """

    def __init__(self, folders: Sequence[Path], now_us: Callable[[], UtcUs]) -> None:
        self._folders = tuple(folders)
        self._now_us = now_us
        self._seen: dict[Path, tuple[object, tuple[dict[str, EvidenceLock], frozenset[str]]]] = {}

    @contextmanager
    def deleting(self) -> Iterator["Protected"]:
        """What may not be deleted, true until the block is left. Keep it short. Raises StorageError, OSError."""
        with _gate(self._folders[0], fcntl.LOCK_SH):
            yield self.protected()

    def locked(self, device: DeviceId, span: Span) -> bool:
        """Whether any instant of a device's span is locked now. Raises StorageError, OSError."""
        return self.protected().meets(device, span)

    def protected(self) -> "Protected":
        """Read what changed, and say what is locked now. Raises StorageError, OSError."""
        known = [self._read(folder) for folder in self._folders]
        locks = newest([copies for copies, _ in known])
        unknown = frozenset().union(*(damaged for _, damaged in known)) - locks.keys()
        now = self._now_us()
        return Protected([lock for lock in locks.values() if lock.holds(now)], all_of_it=bool(unknown))

    def _read(self, folder: Path) -> tuple[dict[str, EvidenceLock], frozenset[str]]:
        state = _state(folder / LOCKS)
        known = self._seen.get(folder)
        if known is None or known[0] != state:
            known = self._seen[folder] = (state, read_locks(folder))
        return known[1]


def _state(folder: Path) -> object:
    """Differs when any file in the folder was replaced, made or removed."""
    try:
        return frozenset((entry.name, entry.inode(), entry.stat().st_mtime_ns) for entry in os.scandir(folder))
    except FileNotFoundError:
        return None


class Protected:
    """Locked spans by device. `all_of_it`: a lock cannot be read anywhere, so nobody knows what it holds."""

    def __init__(self, locks: Sequence[EvidenceLock], *, all_of_it: bool = False) -> None:
        self.all_of_it = all_of_it
        spans: dict[DeviceId, list[tuple[int, int]]] = {}
        for lock in locks:
            for device in lock.devices:
                spans.setdefault(device, []).append((lock.start_us, lock.end_us))
        self._spans = {device: _joined(each) for device, each in spans.items()}

    @property
    def devices(self) -> Sequence[DeviceId]:
        return tuple(self._spans)

    def spans(self, device: DeviceId) -> Sequence[tuple[int, int]]:
        """Locked `start <= t < end` of a device, in order, none touching another."""
        return self._spans.get(device, ())

    def meets(self, device: DeviceId, span: Span) -> bool:
        """Whether any instant of it is locked."""
        if self.all_of_it:
            return True
        known = self._spans.get(device)
        if known is None:
            return False
        at = bisect.bisect_left(known, (span.end, -_EVER)) - 1  # the last that starts before its end
        return at >= 0 and known[at][1] > span.start


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


@contextmanager
def _gate(data: Path, how: int) -> Iterator[None]:
    """Deleting is shared, locking is exclusive."""
    data.mkdir(parents=True, exist_ok=True)
    fd = os.open(data / f".{LOCKS}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


@contextmanager
def locking(data: Path) -> Iterator[None]:
    """Wait until nobody deletes; nobody begins before the block is left. Raises StorageError."""
    try:
        with _gate(data, fcntl.LOCK_EX):
            yield
    except OSError as error:
        raise StorageError(f"{error.strerror or error}", path=str(error.filename or data)) from error
