"""What payload formats produce, and the counting of media time that they share."""

from dataclasses import dataclass
from typing import Protocol

from common.media.access_unit import CodecConfig

MOST_UNIT_BYTES = 8 << 20  # an access unit larger than this is dropped as damaged


@dataclass(slots=True)
class MediaUnit:
    """An access unit put together from packets: `data` as in AccessUnit; ticks of the RTP clock, unwrapped."""

    data: bytes
    pts: int
    dts: int
    keyframe: bool
    disposable: bool
    damaged: bool


class UnitSink(Protocol):
    """Where a track's units go."""

    def config(self, config: CodecConfig) -> None:
        """In force from the next unit."""

    def unit(self, unit: MediaUnit) -> None: ...


class Depacketizer(Protocol):
    """Turns one track's RTP payloads, in order, into access units. Never raises on what a camera sent."""

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """Take the payload at data[start:end]; it is copied. `timestamp` is the 32-bit RTP time."""

    def lost(self) -> None:
        """Packets are missing before the next payload."""

    def restarted(self) -> None:
        """Another source (SSRC) follows: drop what is unfinished."""

    def ticks_of(self, timestamp: int) -> int:
        """Return the unwrapped media time of a 32-bit RTP time close to the newest."""


class Unwrapper:
    """Continues 32-bit RTP times to 64 bits; the nearest value to the last one is meant."""

    def __init__(self) -> None:
        self._last: int | None = None

    def ticks(self, timestamp: int) -> int:
        """Return the media time of `timestamp` and remember it."""
        self._last = self.peek(timestamp)
        return self._last

    def peek(self, timestamp: int) -> int:
        """Return the media time of `timestamp` without remembering it."""
        if self._last is None:
            return timestamp
        return self._last + ((timestamp - self._last + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
