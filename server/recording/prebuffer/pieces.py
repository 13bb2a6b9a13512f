"""Pieces of a track: what a pre-buffer on disk writes, reads and lets go as one, and how a piece looks on disk."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.errors import StorageError
from common.media.access_unit import AccessUnit, CodecConfig

_COUNT = struct.Struct(">I")
_UNIT = struct.Struct(">qqqBI")  # pts, dts, wall time, flags, length; the bytes of all units follow the last of these
_KEYFRAME, _DISPOSABLE = 1, 2
_MOST_UNITS = 100_000


class Keeper(Protocol):
    """Has pieces on its disk."""

    async def read(self, place: "Place") -> list[AccessUnit]:
        """Return the units of a piece; raises StorageError."""

    def let_go(self, place: "Place") -> None:
        """A piece is needed no longer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece is: in which file of which spool, from which byte on, and how long it is there."""

    keeper: Keeper
    file: int
    offset: int
    size_bytes: int
    check: int  # its CRC-32, or where it is encrypted, -1 less the number of its nonce


@dataclass(slots=True, eq=False)
class Piece:
    """At most a second of a track, in decoding order; `units` while it is in memory, `place` once it is on disk."""

    number: int  # rising
    run: int  # another number than the piece before: the stream broke in between
    config: CodecConfig
    units: Sequence[AccessUnit] | None = field(repr=False)
    size_bytes: int
    place: Place | None = None
    offered: bool = False  # to the disk
    dropped: bool = False
    begins: bool = field(init=False)  # with a keyframe
    start: UtcUs = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.units
        self.begins, self.start, self.count = self.units[0].keyframe, self.units[0].utc_us, len(self.units)


def to_bytes(units: Sequence[AccessUnit]) -> bytes:
    """How units look on disk: a count, what is known of each, and then what they hold."""
    parts = [_COUNT.pack(len(units))]
    for unit in units:
        flags = _KEYFRAME * unit.keyframe | _DISPOSABLE * unit.disposable
        parts.append(_UNIT.pack(unit.pts, unit.dts, unit.utc_us, flags, len(unit.data)))
    parts += (unit.data for unit in units)
    return b"".join(parts)


def from_bytes(data: bytes) -> list[AccessUnit]:
    """Raises StorageError where this is not what `to_bytes` made."""
    try:
        (count,) = _COUNT.unpack_from(data)
        if count > _MOST_UNITS:
            raise StorageError("the pre-buffer on disk is damaged: no piece has so many units")
        heads = [_UNIT.unpack_from(data, _COUNT.size + number * _UNIT.size) for number in range(count)]
    except struct.error as error:
        raise StorageError("the pre-buffer on disk is damaged: a piece is cut short") from error
    units: list[AccessUnit] = []
    at = _COUNT.size + count * _UNIT.size
    for pts, dts, utc_us, flags, length in heads:
        units.append(
            AccessUnit(
                data[at : at + length], pts, dts, UtcUs(utc_us), bool(flags & _KEYFRAME), bool(flags & _DISPOSABLE)
            )
        )
        at += length
    if at != len(data):
        raise StorageError("the pre-buffer on disk is damaged: a piece is not as long as it says")
    return units
