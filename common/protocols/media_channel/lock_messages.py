"""What a client and a recorder say of evidence locks on the media channel: see FORMAT.md beside this file.

Requests and locks are JSON objects here; `common.api.evidence` says what is in them.
"""
# ruff: noqa: RUF009 - `wire` is dataclasses.field with metadata: each call makes a field, not a shared default

from dataclasses import dataclass
from typing import Any, ClassVar

from common.protocols.media_channel import fields
from common.protocols.media_channel.fields import wire

MOST_LOCKS = 200


@dataclass(frozen=True, slots=True)
class LockCreate:
    """Keep a span of devices from deletion."""

    op: ClassVar = "lock_create"
    id: int = wire(fields.u32)
    request: dict[str, Any] = wire(fields.json_object)


@dataclass(frozen=True, slots=True)
class LockChange:
    """Extend or shorten a lock, or describe it better."""

    op: ClassVar = "lock_change"
    id: int = wire(fields.u32)
    lock: str = wire(fields.name)
    request: dict[str, Any] = wire(fields.json_object)


@dataclass(frozen=True, slots=True)
class LockRemove:
    """Give what a lock keeps free to retention."""

    op: ClassVar = "lock_remove"
    id: int = wire(fields.u32)
    lock: str = wire(fields.name)


@dataclass(frozen=True, slots=True)
class LockList:
    """Ask for locks, oldest first: of one `device`, one `lock`, or those that come after the lock `after`."""

    op: ClassVar = "lock_list"
    id: int = wire(fields.u32)
    device: str = wire(fields.string(fields.MOST_NAME_CHARACTERS), default="")
    lock: str = wire(fields.string(fields.MOST_NAME_CHARACTERS), default="")
    after: str = wire(fields.string(fields.MOST_NAME_CHARACTERS), default="")
    limit: int = wire(fields.whole_number(1, MOST_LOCKS), default=MOST_LOCKS)


def _locks(value: object) -> tuple[dict[str, Any], ...]:
    return fields.json_objects(value, MOST_LOCKS)


@dataclass(frozen=True, slots=True)
class Locks:
    """Evidence locks as they stand. Not `complete`: ask again after the last."""

    op: ClassVar = "locks"
    id: int = wire(fields.u32)
    locks: tuple[dict[str, Any], ...] = wire(_locks)
    complete: bool = wire(fields.boolean, default=True)
