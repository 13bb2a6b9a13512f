"""Evidence locks of one recorder, as a client makes and keeps them."""

from collections.abc import AsyncIterator
from typing import Any

from pydantic import ValidationError

from common.api.evidence import LockPatch, LockRequest, ShownLock
from common.clients.media_asking import QUESTION, AskRecorder
from common.foundation.errors import ProtocolError
from common.protocols.media_channel.messages import (
    LockChange,
    LockCreate,
    LockList,
    LockRemove,
    Locks,
    ServerMessage,
)


class RecorderLocks:
    """Asks a recorder. Everything raises as `ask_recorder`; what the recorder refuses is a RecorderRefused."""

    def __init__(self, ask: AskRecorder) -> None:
        self._ask = ask

    async def create(self, request: LockRequest) -> ShownLock:
        """Keep a span from deletion; once this returns, nothing of it is deleted."""
        return _one(await self._ask(LockCreate(QUESTION, request.model_dump(mode="json"))))

    async def change(self, lock_id: str, patch: LockPatch) -> ShownLock:
        """Extend or shorten a lock."""
        given = patch.model_dump(mode="json", exclude_none=True)
        return _one(await self._ask(LockChange(QUESTION, lock_id, given)))

    async def remove(self, lock_id: str) -> None:
        """Give free what a lock keeps."""
        await self._ask(LockRemove(QUESTION, lock_id))

    async def get(self, lock_id: str) -> ShownLock | None:
        """None: it has no such lock, or not for us."""
        found, _ = _page(await self._ask(LockList(QUESTION, lock=lock_id)))
        return found[0] if found else None

    async def known(self, device: str = "") -> AsyncIterator[ShownLock]:
        """All that may be seen, of one device or of all; oldest first."""
        after = ""
        while True:
            found, complete = _page(await self._ask(LockList(QUESTION, device=device, after=after)))
            for lock in found:
                yield lock
            if complete or not found:
                return
            after = found[-1].id


def _page(answer: ServerMessage) -> tuple[list[ShownLock], bool]:
    if not isinstance(answer, Locks):
        raise ProtocolError(f"locks were asked for, not '{answer.op}'", peer="The recorder")
    return [_lock(each) for each in answer.locks], answer.complete


def _one(answer: ServerMessage) -> ShownLock:
    found, _ = _page(answer)
    if len(found) != 1:
        raise ProtocolError(f"one lock was expected, not {len(found)}", peer="The recorder")
    return found[0]


def _lock(wire: dict[str, Any]) -> ShownLock:
    try:
        return ShownLock.model_validate(wire)
    except ValidationError as wrong:
        raise ProtocolError(f"its lock is not one: {wrong.error_count()} errors", peer="The recorder") from None
