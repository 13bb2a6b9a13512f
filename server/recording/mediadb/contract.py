"""What the media database promises to the parts that write, play, search and archive recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, CodecConfig, TrackName


class TrackKey(NamedTuple):
    """One recording track of one device."""

    device: DeviceId
    track: TrackName


@dataclass(frozen=True, slots=True)
class Span:
    """`start <= t < end`."""

    start: UtcUs
    end: UtcUs


@dataclass(frozen=True, slots=True)
class Gop:
    """Access units from one keyframe to the next, in decoding order, with what a decoder needs.

    `end` is the start of the next GOP where that follows without a gap, else the presentation time of the last unit
    plus its duration. Where every unit is a keyframe (MJPEG and audio), this is a block of up to one second (one
    fragment), whose first unit starts the block.
    `growing`: the GOP is still being written; ask for it again to get more.
    """

    config: CodecConfig
    units: tuple[AccessUnit, ...]
    start: UtcUs
    end: UtcUs
    growing: bool = False


class TrackWriter(Protocol):
    """Writes one track. Called on the engine's event loop; returns at once; files are written by the storage's
    threads. A queue that is full drops whole GOPs, counts them, and tells `on_overflow`."""

    def configure(self, config: CodecConfig) -> None:
        """In force from the next unit, which must be a keyframe: a new segment begins when `config` differs."""

    def write(self, unit: AccessUnit) -> None:
        """Append a unit. Before the first keyframe, units are dropped."""

    def end_run(self) -> None:
        """The stream breaks here: close the open fragment; the next unit starts a new run and a new segment."""

    async def close(self) -> None:
        """Seal the open segment; returns when it is on disk."""


class MediaReader(Protocol):
    """Finds and reads recordings, those being written included. Blocking: call it in a bounded thread pool.

    Safe from several threads and processes at once. A file that is missing or damaged is skipped, logged once and
    counted; it never makes the rest unreadable.
    """

    def sequences(self, key: TrackKey, span: Span, limit: int = 10_000) -> Sequence[Span]:
        """Recorded spans that meet `span`, oldest first, clipped to nothing, adjoining ones joined."""

    def coverage(self, key: TrackKey) -> Span | None:
        """From the first to the last recorded instant; None when there is no recording."""

    def gop_at(self, key: TrackKey, at: UtcUs) -> Gop | None:
        """The GOP that shows `at`: the last one that starts at or before it, whether or not it lasts until then."""

    def gop_after(self, key: TrackKey, at: UtcUs) -> Gop | None:
        """The first GOP that starts later than `at`."""

    def gop_before(self, key: TrackKey, at: UtcUs) -> Gop | None:
        """The last GOP that starts earlier than `at`."""
