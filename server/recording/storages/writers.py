"""The writing side of all storages of an engine: which device is written where, changed while everything records."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from common.api.recorder_configuration import RecordedStorage
from common.foundation.clock import Clock
from common.foundation.errors import StorageError
from common.foundation.ids import DeviceId
from server.recording.keys.chest import KeyChest
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.events import Overflow, StorageEvent, StorageFailed, StorageRecovered
from server.recording.mediadb.locks import LockBook
from server.recording.mediadb.protecting import KeysMissing, Protector
from server.recording.mediadb.settings import WriterSettings
from server.recording.mediadb.storages import known_storage, remember_storage
from server.recording.mediadb.writer import MediaDatabaseWriter
from server.recording.prebuffer.folders import remove_left_over
from server.recording.prebuffer.spool import Spool
from server.recording.storages.events import KeysUnusable, KeysUsable, OnAnyEvent, SpillBegan, SpillEnded
from server.recording.storages.places import limits_of, storage_root, storages_or_default
from server.recording.storages.routing import RoutedTrackWriter
from server.recording.storages.signatures import Signatures
from server.recording.storages.spilling import Health

log = logging.getLogger(__name__)

TICK_S = 0.5
_KEYS_S = 30.0


@dataclass(slots=True)
class _Open:
    """A storage that is written to. `opened` closes it."""

    storage: RecordedStorage
    root: Path
    writer: MediaDatabaseWriter
    opened: AsyncExitStack
    health: Health
    remembered: bool = False
    retired: bool = False
    protector: Protector | KeysMissing | None = None
    keys_due_s: float = 0.0
    spilled_to: "_Open | None" = None
    closing: "asyncio.Future[None] | None" = None

    # as a Disk of pre-buffers

    @property
    def encrypted(self) -> bool:
        return self.storage.encryption != "None"

    def spool_room(self, size_bytes: int) -> None:
        self.writer.spool_room(size_bytes)

    async def close(self) -> None:
        """Seal everything. Whoever waits for it may be cancelled: the closing goes on, and can be waited for again."""
        if self.closing is None:
            self.closing = asyncio.ensure_future(self.opened.aclose())
        await asyncio.shield(self.closing)


class StorageWriters:
    """All storages of one engine. Use on one event loop, as an async context manager; leaving it seals everything.

    `run` must be running beside: it takes devices to another storage when theirs fails, and back.
    """

    def __init__(
        self, recordings: Path, data: Path, clock: Clock, settings: WriterSettings, on_event: OnAnyEvent
    ) -> None:
        """`recordings`: the folder of a storage without a path of its own. `data` remembers which disk is which."""
        self._recordings = recordings
        self._data = data
        self._clock = clock
        self._settings = settings
        self._on_event = on_event
        self._signatures = Signatures(data, on_event)
        self._keys = KeyChest(data)
        self._open: dict[str, _Open] = {}
        self._retired: list[_Open] = []
        self._default = ""
        self._homes: Mapping[DeviceId, str] = {}
        self._tracks: dict[TrackKey, RoutedTrackWriter] = {}
        self._spools: dict[Path, Spool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        everything = (*self._open.values(), *self._retired)
        await asyncio.gather(*(each.close() for each in everything))
        await asyncio.gather(*(spool.close() for spool in self._spools.values()))

    async def apply(self, storages: Sequence[RecordedStorage], retain_minutes: int) -> None:
        """Have these storages from now on; with none, the recorder's own folder with that retention."""
        wanted = storages_or_default(storages, retain_minutes)
        roots = {storage.id: storage_root(storage, self._recordings) for storage in wanted}
        for known in list(self._open.values()):
            if roots.get(known.storage.id) != known.root:
                self._retire(known)
        for storage in wanted:
            opened = self._open.get(storage.id)
            if opened is None:
                self._open[storage.id] = await self._opened(storage, roots[storage.id])
            else:
                opened.storage = storage
                opened.writer.set_limits(limits_of(storage))
                await self._sign(opened)
                await self._protect(opened)
        self._default = wanted[0].id
        self._route(self._tracks)

    def assign(self, homes: Mapping[DeviceId, str]) -> None:
        """Each device records into the storage of this id from its next keyframe on; others into the default one."""
        self._homes = homes
        self._route(self._tracks)

    def track(self, key: TrackKey) -> RoutedTrackWriter:
        """The writer of a track; the same one until it is closed."""
        known = self._tracks.get(key)
        if known is None:
            home = self._target(self._home_of(key.device))
            known = self._tracks[key] = RoutedTrackWriter(key, home.writer.track(key))
        return known

    async def close_track(self, key: TrackKey) -> None:
        """Returns when all that was written of a track is on disk."""
        known = self._tracks.pop(key, None)
        if known is not None:
            await known.close()

    def spool_of(self, device: DeviceId) -> Spool:
        """Where pre-buffers of a device are kept on disk."""
        opened = self._target(self._home_of(device))
        known = self._spools.get(opened.root)
        if known is None:
            known = self._spools[opened.root] = Spool(opened, self._clock, self._on_event)
        known.disk = opened  # that of this folder may have been closed and opened again
        return known

    def keeps_up(self, device: DeviceId) -> bool:
        """Whether the storage of a device can take more than what is live."""
        return self._target(self._home_of(device)).writer.keeps_up

    def lost(self, event: Overflow) -> None:
        """What was to be recorded did not come as far as a storage."""
        self._on_event(event)

    def folder_of(self, device: DeviceId) -> str:
        """The folder that a device records into, as storage events name it."""
        return str(self._home_of(device).root)

    @property
    def queued_bytes(self) -> int:
        """What waits for the disks."""
        return sum(each.writer.queued_bytes for each in self._open.values())

    async def run(self) -> None:
        """Watch over the storages until cancelled."""
        while True:
            for each in list(self._open.values()):
                await self._watch(each)
            for each in list(self._retired):
                if not self._written_to(each):
                    await each.close()
                    self._retired.remove(each)
            await self._clock.sleep(TICK_S)

    # opening and closing

    async def _opened(self, storage: RecordedStorage, root: Path) -> _Open:
        # A folder that was just retired and comes back must not have two writers of one process at a time.
        for before in [each for each in self._retired if each.root == root]:
            if before.closing is not None:
                await before.close()
                continue
            self._retired.remove(before)
            before.storage, before.retired = storage, False
            before.writer.set_limits(limits_of(storage))
            await self._sign(before)
            await self._protect(before)
            return before
        limits = limits_of(storage)
        settings = replace(
            self._settings,
            retain_minutes=limits.retain_minutes,
            most_bytes=limits.most_bytes,
            archived=limits.archived,
            expected_storage_id=await asyncio.to_thread(known_storage, self._data, root),
        )
        loop = asyncio.get_running_loop()

        def tell(event: StorageEvent) -> None:  # any thread
            self._on_event(event)
            loop.call_soon_threadsafe(self._heard, made, event)

        locks = LockBook((self._data, root), self._clock.now_us)
        writer = MediaDatabaseWriter(root, self._clock, settings, tell, locks)
        opened = AsyncExitStack()
        made = _Open(storage, root, writer, opened, Health(self._clock))
        await self._sign(made)
        await self._protect(made)
        await opened.enter_async_context(writer)
        return made

    async def _sign(self, opened: _Open) -> None:
        """Have what a storage records signed, or not."""
        wanted = opened.storage.signing
        opened.writer.set_signer(await asyncio.to_thread(self._signatures.read) if wanted else None)

    def _keys_due(self, opened: _Open) -> bool:
        """Whether to look for another key: at once while there is none, else now and then, since keys are changed."""
        now_s = self._clock.monotonic_s()
        if not isinstance(opened.protector, KeysMissing) and now_s < opened.keys_due_s:
            return False
        opened.keys_due_s = now_s + _KEYS_S
        return True

    async def _protect(self, opened: _Open) -> None:
        """Have what a storage records encrypted, or not; without its keys, nothing is recorded there."""
        before, extent = opened.protector, opened.storage.encryption
        if extent == "None":
            opened.protector = None
        else:
            try:
                key = await asyncio.to_thread(self._keys.newest, opened.storage.id)
            except StorageError as error:
                if not isinstance(before, Protector):  # else those that were read go on
                    opened.protector = KeysMissing(str(error))
            else:
                used = (before.storage_key, before.extent) if isinstance(before, Protector) else None
                if used != (key.id, extent):
                    opened.protector = Protector(key.id, extent, key.secret)
        if isinstance(opened.protector, KeysMissing) and not isinstance(before, KeysMissing):
            log.error("storage cannot encrypt", extra={"path": str(opened.root), "reason": opened.protector.reason})
            self._on_event(KeysUnusable(str(opened.root), opened.protector.reason))
        elif isinstance(before, KeysMissing) and not isinstance(opened.protector, KeysMissing):
            log.warning("storage encrypts again", extra={"path": str(opened.root)})
            self._on_event(KeysUsable(str(opened.root)))
        opened.writer.set_protector(opened.protector)

    def _retire(self, known: _Open) -> None:
        """It is configured no more: closed once its tracks have gone over to their new storage."""
        del self._open[known.storage.id]
        known.retired = True
        self._retired.append(known)

    def _written_to(self, opened: _Open) -> bool:
        return any(each.current.belongs_to(opened.writer) for each in self._tracks.values())

    # where tracks go

    def _home_of(self, device: DeviceId) -> _Open:
        return self._open.get(self._homes.get(device, ""), self._open[self._default])

    def _target(self, home: _Open) -> _Open:
        return home.spilled_to or home

    def _route(self, keys: Iterable[TrackKey]) -> None:
        for key in keys:
            self._tracks[key].go_to(self._target(self._home_of(key.device)).writer.track(key))

    # failing disks

    def _heard(self, opened: _Open, event: StorageEvent) -> None:
        match event:
            case StorageFailed(_, reason, _):
                opened.health.failed(reason)
            case Overflow(over=False):
                opened.health.failed("it is too slow")
            case StorageRecovered() | Overflow() if opened.spilled_to is None:
                opened.health.works()
            case _:
                return
        self._spill(opened)

    def _spill(self, opened: _Open) -> None:
        """Take the devices of a storage that does not work to the one that stands in for it."""
        if opened.health.good or opened.spilled_to is not None:
            return
        other = self._open.get(opened.storage.spill_to)
        if other is None or other is opened or not other.health.good:
            return
        opened.spilled_to = other
        self._route(self._tracks)
        log.error("storage spills", extra={"path": str(opened.root), "to": str(other.root)})
        self._on_event(SpillBegan(str(opened.root), str(other.root), opened.health.reason))

    async def _tidy(self, root: Path) -> None:
        """Delete the pre-buffers of engines that were killed."""
        try:
            await asyncio.to_thread(remove_left_over, root)
        except OSError as error:
            log.warning("pre-buffers left over", extra={"path": str(root), "reason": error.strerror})

    async def _watch(self, opened: _Open) -> None:
        if not opened.remembered and opened.writer.storage_id is not None:
            opened.remembered = True
            try:
                await asyncio.to_thread(remember_storage, self._data, opened.root, opened.writer.storage_id)
            except (OSError, StorageError) as error:
                log.error("storage not remembered", extra={"path": str(opened.root), "reason": str(error)})
            await self._tidy(opened.root)
        if opened.storage.encryption != "None" and self._keys_due(opened):
            await self._protect(opened)
        if opened.storage.signing and self._signatures.signer is None:
            await self._sign(opened)
        other = opened.spilled_to
        if other is None:
            self._spill(opened)
            return
        if other.retired or opened.storage.spill_to != other.storage.id or not other.health.good:
            opened.spilled_to = None
            self._route(self._tracks)
            self._spill(opened)
        elif opened.health.recovered(opened.writer.works):
            opened.spilled_to = None
            self._route(self._tracks)
            log.warning("storage no longer spills", extra={"path": str(opened.root)})
            self._on_event(SpillEnded(str(opened.root), str(other.root)))
