"""Reads a camera that is recorded twice: the track that suits the viewer's size, and the other where that has a gap."""

from typing import Protocol

from common.media.access_unit import SECONDARY
from server.recording.mediadb.contract import Gop, TrackKey
from server.recording.playback.course import LEAST_GAP_US, Read, ReadAfter, ReadAt, ReadBefore

_ENOUGH = 0.8  # of the tile's width: a picture that is scaled up by a quarter still looks sharp


class GopSource(Protocol):
    """Where a player's GOPs come from."""

    async def gop(self, key: TrackKey, read: Read) -> Gop | None:
        """Raises StorageError when the recordings cannot be read."""


class EitherTrack:
    """A GopSource for one subscription. Which track suits is seen from the pictures of the second one when first asked.

    The tracks' keyframes do not fall together: the other one stands in from its next keyframe on, and where the first
    takes over again, up to a GOP of the same time may come twice.
    """

    def __init__(self, recordings: GopSource, width_px: int) -> None:
        """`width_px`: of the tile that shows it."""
        self._recordings = recordings
        self._width_px = width_px
        self._preferred: TrackKey | None = None
        self._other: TrackKey | None = None

    async def gop(self, key: TrackKey, read: Read) -> Gop | None:
        """See GopSource. `key` is the camera's first track."""
        if self._preferred is None or self._other is None:
            self._preferred, self._other = await self._ranked(key, read)
        if isinstance(read, ReadAt):
            return await self._at(self._preferred, self._other, read)
        if isinstance(read, ReadAfter):
            return await self._after(self._preferred, self._other, read)
        return await self._before(self._preferred, self._other, read)

    async def _ranked(self, primary: TrackKey, read: Read) -> tuple[TrackKey, TrackKey]:
        secondary = TrackKey(primary.device, SECONDARY)
        sample = await self._recordings.gop(secondary, ReadAt(read.at))
        if sample is None:
            sample = await self._recordings.gop(secondary, ReadAfter(read.at))
        if sample is not None and sample.config.width_px >= _ENOUGH * self._width_px:
            return secondary, primary
        return primary, secondary

    async def _at(self, preferred: TrackKey, other: TrackKey, read: ReadAt) -> Gop | None:
        first = await self._recordings.gop(preferred, read)
        if first is not None and _shows(first, read.at):
            return first
        second = await self._recordings.gop(other, read)
        if second is not None and (first is None or _shows(second, read.at) or second.end > first.end):
            return second
        return first

    async def _after(self, preferred: TrackKey, other: TrackKey, read: ReadAfter) -> Gop | None:
        following = await self._recordings.gop(preferred, read)
        held = await self._recordings.gop(preferred, ReadAt(read.at))
        gap_from = read.at if held is None else max(read.at, held.end)
        if held is not None and held.growing:
            return following
        if following is not None and following.start - gap_from <= LEAST_GAP_US:
            return following
        beside = await self._recordings.gop(other, ReadAt(gap_from))
        if beside is None or beside.start <= read.at or not _shows(beside, gap_from):
            beside = await self._recordings.gop(other, ReadAfter(gap_from))
        if beside is not None and (following is None or beside.start < following.start):
            return beside
        return following

    async def _before(self, preferred: TrackKey, other: TrackKey, read: ReadBefore) -> Gop | None:
        first = await self._recordings.gop(preferred, read)
        if first is not None and read.at - first.end <= LEAST_GAP_US:
            return first
        second = await self._recordings.gop(other, read)
        if second is not None and (first is None or second.end > first.end + LEAST_GAP_US):
            return second
        return first


def _shows(gop: Gop, at: int) -> bool:
    return gop.growing or gop.start <= at < gop.end
