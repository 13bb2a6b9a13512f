"""Making, changing and removing evidence locks, and keeping a copy of each in every storage. Blocking: use a pool."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.foundation.clock import Clock, UtcUs
from common.foundation.errors import StorageError, VmsError
from common.foundation.ids import DeviceId, new_id
from server.recording.mediadb.contract import Span
from server.recording.mediadb.layout import MARKER
from server.recording.mediadb.locks import (
    MOST_COMMENT_CHARACTERS,
    MOST_DEVICES,
    EvidenceLock,
    locking,
    newest,
    read_locks,
    write_lock,
)

log = logging.getLogger(__name__)


class NoSuchLock(VmsError):
    """There is no evidence lock of this id, or it was removed."""

    message_key = "storages.no_such_lock"


class LockWrong(VmsError):
    """What was asked for makes no lock."""

    message_key = "storages.lock_wrong"


@dataclass(frozen=True, slots=True)
class LockChange:
    """New values of a lock; None leaves what is there. `forever`: it ends no more."""

    start: UtcUs | None = None
    end: UtcUs | None = None
    comment: str | None = None
    expires: UtcUs | None = None
    forever: bool = False


class EvidenceLocks:
    """All locks of a recorder. `data` is its data folder, whose copies count even when no storage is there."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._roots: tuple[Path, ...] = ()

    def follow(self, roots: Sequence[Path]) -> None:
        """Keep copies in these storages from now on."""
        self._roots = tuple(roots)

    def create(
        self, devices: Sequence[DeviceId], span: Span, owner: str, comment: str = "", expires: UtcUs | None = None
    ) -> EvidenceLock:
        """Lock a span; once this returns, nothing of it is deleted. Raises LockWrong, StorageError."""
        lock = EvidenceLock.model_construct(
            id=str(new_id()),
            version=1,
            devices=tuple(dict.fromkeys(devices)),
            start_us=span.start,
            end_us=span.end,
            owner=owner,
            comment=comment,
            created_us=self._clock.now_us(),
            expires_us=expires,
            removed_us=None,
        )
        with locking(self._data):
            self._store(self._checked(lock))
        log.warning("evidence lock created", extra=_fields(lock))
        return lock

    def change(self, lock_id: str, change: LockChange) -> EvidenceLock:
        """Extend or shorten a lock. Raises NoSuchLock, LockWrong, StorageError."""
        with locking(self._data):
            lock = self._get(lock_id)
            expires = lock.expires_us if change.expires is None else change.expires
            changed = lock.model_copy(
                update={
                    "version": lock.version + 1,
                    "start_us": lock.start_us if change.start is None else change.start,
                    "end_us": lock.end_us if change.end is None else change.end,
                    "comment": lock.comment if change.comment is None else change.comment,
                    "expires_us": None if change.forever else expires,
                }
            )
            self._store(self._checked(changed))
        log.warning("evidence lock changed", extra=_fields(changed))
        return changed

    def remove(self, lock_id: str) -> None:
        """Give the recordings free to retention. Raises NoSuchLock, StorageError."""
        with locking(self._data):
            lock = self._get(lock_id)
            self._store(lock.model_copy(update={"version": lock.version + 1, "removed_us": self._clock.now_us()}))
        log.warning("evidence lock removed", extra=_fields(lock))

    def known(self, device: DeviceId | None = None) -> list[EvidenceLock]:
        """All that were not removed, those that have expired included, oldest first. Raises StorageError."""
        found = [lock for lock in self._all().values() if lock.removed_us is None]
        wanted = [lock for lock in found if device is None or device in lock.devices]
        return sorted(wanted, key=lambda lock: (lock.created_us, lock.id))

    def reconcile(self) -> None:
        """Bring every copy up to date, in storages that came back as well. Raises StorageError."""
        with locking(self._data):
            for lock in self._all().values():
                self._store(lock)

    def _get(self, lock_id: str) -> EvidenceLock:
        lock = self._all().get(lock_id)
        if lock is None or lock.removed_us is not None:
            raise NoSuchLock(f"no evidence lock {lock_id[:80]}")
        return lock

    def _all(self) -> dict[str, EvidenceLock]:
        try:
            return newest([read_locks(folder)[0] for folder in (self._data, *self._mounted())])
        except OSError as error:
            raise StorageError(f"{error.strerror or error}", path=str(error.filename or self._data)) from error

    def _store(self, lock: EvidenceLock) -> None:
        """The recorder's own copy must be written; one in a storage that is away is written when it is back."""
        try:
            write_lock(self._data, lock)
        except OSError as error:
            raise StorageError(f"{error.strerror or error}", path=str(self._data)) from error
        for root in self._mounted():
            try:
                write_lock(root, lock)
            except OSError as error:
                log.error("evidence lock not copied", extra={"path": str(root), "reason": str(error), "lock": lock.id})

    def _mounted(self) -> list[Path]:
        return [root for root in self._roots if (root / MARKER).exists()]

    def _checked(self, lock: EvidenceLock) -> EvidenceLock:
        if not 1 <= len(lock.devices) <= MOST_DEVICES:
            raise LockWrong(f"it needs 1 to {MOST_DEVICES} devices")
        if lock.start_us >= lock.end_us:
            raise LockWrong("its end is not after its beginning")
        if len(lock.comment) > MOST_COMMENT_CHARACTERS:
            raise LockWrong(f"its comment is longer than {MOST_COMMENT_CHARACTERS} characters")
        if lock.expires_us is not None and lock.expires_us <= self._clock.now_us():
            raise LockWrong("it would have expired already")
        return lock


def _fields(lock: EvidenceLock) -> dict[str, object]:
    return {"lock": lock.id, "owner": lock.owner, "devices": list(lock.devices)[:20], "start": lock.start_us}
