"""Evidence locks as viewers ask for them: who may lock, change, see and remove what."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from common.api.evidence import LockPatch, LockRequest, ShownLock
from common.foundation.clock import Clock
from common.foundation.errors import NotPermitted
from common.media.access_unit import PRIMARY
from common.model.permissions import Verb
from common.net.tokens import Principal
from common.protocols.media_channel.messages import (
    Done,
    LockChange,
    LockCreate,
    LockList,
    LockRemove,
    Locks,
    ServerMessage,
)
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.requests import checked_request
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.locks import EvidenceLock
from server.recording.storages.evidence import Check, NoSuchLock, keeps_less

audit = logging.getLogger("server.recording.audit")

LockMessage = LockCreate | LockChange | LockRemove | LockList

_MOST_ANSWER_CHARACTERS = 1_500_000  # a message has 2 MiB


class LockService(Protocol):
    """The recorder's evidence locks."""

    async def create(self, request: LockRequest, owner: str, owner_id: str) -> EvidenceLock: ...

    async def change(self, lock_id: str, patch: LockPatch, check: Check) -> EvidenceLock: ...

    async def remove(self, lock_id: str, check: Check) -> None: ...

    async def known(self) -> Sequence[EvidenceLock]: ...


class LockDesk:
    """Answers what one user asks of the locks."""

    def __init__(
        self, service: LockService, devices: DeviceDirectory, access: Access, clock: Clock, who: Principal | None
    ) -> None:
        if who is None:
            raise NotPermitted("see evidence locks")
        self._service = service
        self._devices = devices
        self._access = access
        self._clock = clock
        self._who = who

    async def answer(self, message: LockMessage) -> ServerMessage:
        """Raises NotPermitted, NoSuchTrack, NoSuchLock, LockWrong, ProtocolError, StorageError."""
        match message:
            case LockList():
                return await self._list(message)
            case LockCreate():
                request = checked_request(LockRequest, message.request, message.op)
                self._may_lock(request.devices)
                lock = await self._service.create(request, self._who.name, self._who.user_id)
                self._audit("evidence lock created", lock.id, message.request)
            case LockChange():
                patch = checked_request(LockPatch, message.request, message.op)
                if patch.devices is not None:
                    self._may_lock(patch.devices)
                lock = await self._service.change(message.lock, patch, self._may_change)
                self._audit("evidence lock changed", lock.id, message.request)
            case LockRemove():
                await self._service.remove(message.lock, self._may_change)
                self._audit("evidence lock removed", message.lock, {})
                return Done(message.id)
        return Locks(message.id, (self._wire(lock),))

    def _may_lock(self, devices: Sequence[Any]) -> None:
        for device in devices:
            self._devices.find(TrackKey(device, PRIMARY), removed_too=self._who.is_administrator)
            self._access.require(self._who, Verb.LOCK, device)

    def _may_change(self, lock: EvidenceLock, changed: EvidenceLock | None) -> None:
        """Keeping more, or describing better, takes the permission to lock; keeping less, that to unlock."""
        if not self._sees(lock):
            raise NoSuchLock(f"lock {lock.id} is not to be seen")
        verb = Verb.UNLOCK if changed is None or keeps_less(lock, changed) else Verb.LOCK
        for device in lock.devices:
            self._access.require(self._who, verb, device)

    async def _list(self, asked: LockList) -> Locks:
        known = await self._service.known()
        begun = not asked.after
        found: list[dict[str, Any]] = []
        room = _MOST_ANSWER_CHARACTERS
        for lock in known:
            if not begun:
                begun = lock.id == asked.after
                continue
            wanted = (not asked.lock or lock.id == asked.lock) and (not asked.device or asked.device in lock.devices)
            if not wanted or not self._sees(lock):
                continue
            shown = self._wire(lock)
            room -= len(json.dumps(shown))
            if len(found) == asked.limit or room < 0:
                return Locks(asked.id, tuple(found), complete=False)
            found.append(shown)
        return Locks(asked.id, tuple(found))

    def _sees(self, lock: EvidenceLock) -> bool:
        return any(self._access.may(self._who, Verb.SEE_LOCKS, device) for device in lock.devices)

    def _wire(self, lock: EvidenceLock) -> dict[str, Any]:
        seen = tuple(each for each in lock.devices if self._access.may(self._who, Verb.SEE_LOCKS, each))
        shown = ShownLock(
            **lock.model_dump(exclude={"devices", "version", "removed_us"}),
            devices=seen,
            hidden_devices=len(lock.devices) - len(seen),
            expired=not lock.holds(self._clock.now_us()),
        )
        return shown.model_dump(mode="json")

    def _audit(self, what: str, lock_id: str, given: Mapping[str, Any]) -> None:
        who = {"user": self._who.name, "user_id": str(self._who.user_id)}
        audit.info(what, extra={**who, "item": f"evidenceLocks/{lock_id}", "properties": sorted(given)})
