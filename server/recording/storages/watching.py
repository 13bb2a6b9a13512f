"""How the recorder's storages and archives are doing: looked up beside the event loop, seldom, and kept for reports."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.api.recorder_configuration import RecordedStorage
from common.api.storage_status import HeldDeletion, StageStatus
from common.foundation.catalog import explain
from common.foundation.clock import Clock
from common.foundation.errors import StorageError, VmsError
from common.foundation.ids import DeviceId
from common.foundation.pools import BoundedPool
from server.recording.archiving.stage import Stage, open_stages
from server.recording.mediadb.holding import SafetyStop
from server.recording.mediadb.layout import StorageNotMounted, storage_id
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.storages import known_storage
from server.recording.storages.places import storage_root
from server.recording.storages.usage import stage_usage

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
_SHARE = 50  # of the time, looking takes at most one part in so many


class NoSuchStorage(VmsError):
    """The recorder has no storage of this id."""

    message_key = "storages.no_such_storage"


class NothingHeld(VmsError):
    """No deletion waits to be confirmed."""

    message_key = "storages.nothing_held"


@dataclass(frozen=True, slots=True)
class Following:
    """What is looked at. `lost_bytes`: by device, since the engines started; `home`: the storage of each device."""

    storages: Sequence[RecordedStorage] = ()
    home: Mapping[DeviceId, str] | None = None


class StorageWatch:
    """Asks each place in one thread: one that hangs, as network disks do, makes the figures old but holds up nothing.

    `archive_problems` says of stages, by name, why their jobs fail: a remote archive is not asked itself.
    """

    def __init__(self, data: Path, recordings: Path, clock: Clock) -> None:
        """`recordings`: the recorder's own folder for them."""
        self._data = data
        self._recordings = recordings
        self._clock = clock
        self._pool = BoundedPool("storage status", threads=1)
        self._following = Following()
        self._changed = asyncio.Event()
        self._found: tuple[StageStatus, ...] = ()
        self.archive_problems: Callable[[], Mapping[str, str]] = dict
        self.lost_bytes: Callable[[], Mapping[DeviceId, int]] = dict

    def follow(self, following: Following) -> None:
        """Look at these from now on, and look soon."""
        if following != self._following:
            self._following = following
            self._changed.set()

    def current(self) -> tuple[StageStatus, ...]:
        """What was found last; returns at once."""
        return self._found

    async def run(self) -> None:
        """Look now and then, until cancelled. What takes long is looked at less often."""
        async with self._pool:
            while True:
                began_s = self._clock.monotonic_s()
                if self._following.storages:
                    self._found = await self._pool.run(
                        self._look, self._following, self.archive_problems(), self.lost_bytes()
                    )
                wait_s = max(LOOK_EVERY_S, (self._clock.monotonic_s() - began_s) * _SHARE)
                try:
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
                    self._changed.clear()
                except TimeoutError:
                    continue

    async def confirm_deletion(self, identifier: str) -> None:
        """Let a storage delete what its safety stop holds. Raises NoSuchStorage, NothingHeld, StorageError."""
        storage = next((each for each in self._following.storages if each.id == identifier), None)
        if storage is None:
            raise NoSuchStorage(f"no storage {identifier[:80]}")
        root = storage_root(storage, self._recordings)
        confirmed = await self._pool.run(confirm_deletion, root)
        if not confirmed:
            raise NothingHeld(f"nothing held in {root}", storage=storage.name)
        log.warning("held deletion confirmed", extra={"path": str(root), "storage": storage.id})
        self._changed.set()

    def _look(
        self, following: Following, problems: Mapping[str, str], lost: Mapping[DeviceId, int]
    ) -> tuple[StageStatus, ...]:
        by_storage: dict[str, int] = {}
        for device, size_bytes in lost.items():
            home = (following.home or {}).get(device, "") or following.storages[0].id
            by_storage[home] = by_storage.get(home, 0) + size_bytes
        found: list[StageStatus] = []
        roots = [storage_root(each, self._recordings) for each in following.storages]
        locks = LockBook((self._data, *roots), self._clock.now_us)
        for storage, root in zip(following.storages, roots, strict=True):
            for stage in open_stages(storage, root, self._data):
                problem = "" if stage.archive is None else problems.get(stage.name, "")
                found.append(self._stage(stage, locks, problem, by_storage.get(stage.id, 0)))
        return tuple(found)

    def _stage(self, stage: Stage, locks: LockBook, problem: str, lost_bytes: int) -> StageStatus:
        known = StageStatus(
            id=stage.id,
            archive=stage.archive is not None,
            available=False,
            mounted=stage.remote,
            lost_bytes=lost_bytes,
            problem=problem[:1000],
            updated_us=self._clock.now_us(),
        )
        try:
            if not stage.remote:
                _check_mounted(Path(stage.files.place), self._data)
                known = known.model_copy(update={"mounted": True, "free_bytes": stage.files.free_bytes()})
            usage = stage_usage(stage.index_root, locks)
            held = None if stage.archive is not None else SafetyStop(stage.index_root).held()
        except (StorageError, OSError) as error:
            text = explain(error) if isinstance(error, VmsError) else f"{stage.files.place}: {error.strerror or error}"
            return known.model_copy(update={"problem": text[:1000]})
        return known.model_copy(
            update={
                "available": not problem,
                "used_bytes": usage.used_bytes,
                "locked_bytes": usage.locked_bytes,
                "segments": usage.segments,
                "oldest_us": usage.oldest,
                "held": None
                if held is None
                else HeldDeletion(since_us=held.since_us, segments=held.segments, of=held.of, confirmed=held.confirmed),
            }
        )


def confirm_deletion(root: Path) -> bool:
    """Confirm what waits in a storage's folder; False when nothing does. Raises StorageError."""
    try:
        return SafetyStop(root).confirm()
    except OSError as error:
        raise StorageError(error.strerror or str(error), path=str(root)) from error


def _check_mounted(root: Path, data: Path) -> None:
    """Raise StorageNotMounted when something else is there than before, OSError when nothing is."""
    expected, found = known_storage(data, root), storage_id(root)
    if expected is not None and expected != found:
        raise StorageNotMounted(f"expected storage {expected}, found {found or 'no marker file'}", path=str(root))
    root.stat()
