"""Making, changing and removing evidence locks, and keeping a copy of each in every storage. Blocking: use a pool."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from common.api.evidence import LockPatch, LockRequest
from common.foundation.clock import Clock
from common.foundation.errors import StorageError, VmsError
from common.foundation.ids import DeviceId, new_id
from server.recording.mediadb.layout import MARKER
from server.recording.mediadb.locks import (
    EvidenceLock,
    locking,
    newest,
    read_locks,
    write_lock,
)

log = logging.getLogger(__name__)

MOST_LOCKS = 100_000  # on one recorder, removed ones included


class NoSuchLock(VmsError):
    """There is no evidence lock of this id, or it was removed."""

    message_key = "storages.no_such_lock"


class LockWrong(VmsError):
    """What was asked for makes no lock."""

    message_key = "storages.lock_wrong"


Check = Callable[[EvidenceLock, EvidenceLock | None], None]
"""`check(lock, changed)` raises when somebody may not do that to a lock; `changed` None: remove it."""


def keeps_less(before: EvidenceLock, after: EvidenceLock) -> bool:
    """Whether a change gives something free that was kept, now or later."""
    ends = after.expires_us
    sooner = ends is not None and (before.expires_us is None or ends < before.expires_us)
    shorter = after.start_us > before.start_us or after.end_us < before.end_us
    return sooner or shorter or not set(before.devices) <= set(after.devices)


def _anybody(lock: EvidenceLock, changed: EvidenceLock | None) -> None:
    """The check of our own tools, whose user can delete the files as well."""


class EvidenceLocks:
    """All locks of a recorder. `data` is its data folder, whose copies count even when no storage is there."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._roots: tuple[Path, ...] = ()

    def follow(self, roots: Sequence[Path]) -> None:
        """Keep copies in these storages from now on."""
        self._roots = tuple(roots)

    def create(self, request: LockRequest, owner: str, owner_id: str = "") -> EvidenceLock:
        """Lock a span; once this returns, nothing of it is deleted. Raises LockWrong, StorageError."""
        lock = EvidenceLock(
            **request.model_dump(exclude={"id", "devices"}),
            id=request.id or new_id(),
            version=1,
            devices=tuple(dict.fromkeys(request.devices)),
            owner=owner,
            owner_id=owner_id,
            created_us=self._clock.now_us(),
        )
        with locking(self._data):
            known = self._all()
            same = known.get(lock.id)
            if same is not None:
                return self._as_asked_before(same, lock)
            if len(known) >= MOST_LOCKS:
                raise LockWrong(f"the recorder has {MOST_LOCKS} of them already")
            self._store(self._checked(lock))
        log.warning("evidence lock created", extra=_fields(lock))
        return lock

    def _as_asked_before(self, known: EvidenceLock, asked: EvidenceLock) -> EvidenceLock:
        """Who asks again, because no answer came, gets the lock that was made."""
        if known.removed_us is None and (known.owner_id, known.devices, known.span) == (
            asked.owner_id,
            asked.devices,
            asked.span,
        ):
            return known
        raise LockWrong("there is, or was, another one with this id")

    def change(self, lock_id: str, patch: LockPatch, check: Check = _anybody) -> EvidenceLock:
        """Extend or shorten a lock. Raises NoSuchLock, LockWrong, StorageError, and what `check` raises."""
        given = patch.model_dump(exclude_none=True, exclude={"forever"})
        if patch.forever:
            given["expires_us"] = None
        if patch.devices is not None:
            given["devices"] = tuple(dict.fromkeys(patch.devices))
        with locking(self._data):
            lock = self._get(lock_id)
            changed = lock.model_copy(update={**given, "version": lock.version + 1})
            check(lock, changed)
            self._store(self._checked(changed, expiry="expires_us" in given))
        log.warning("evidence lock changed", extra=_fields(changed))
        return changed

    def remove(self, lock_id: str, check: Check = _anybody) -> None:
        """Give the recordings free to retention. Raises NoSuchLock, StorageError, and what `check` raises."""
        with locking(self._data):
            lock = self._get(lock_id)
            check(lock, None)
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

    def _checked(self, lock: EvidenceLock, *, expiry: bool = True) -> EvidenceLock:
        if lock.start_us >= lock.end_us:
            raise LockWrong("its end is not after its beginning")
        if expiry and lock.expires_us is not None and lock.expires_us <= self._clock.now_us():
            raise LockWrong("it would have expired already")
        return lock


def _fields(lock: EvidenceLock) -> dict[str, object]:
    return {"lock": lock.id, "owner": lock.owner, "devices": list(lock.devices)[:20], "start": lock.start_us}
