"""Plays one recorded track to one viewer: drives its course with the group's playhead and the reader.

Holds at most the GOP that is being sent and the one read ahead of it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.media.access_unit import CodecConfig
from common.protocols.media_channel.messages import Edge, Gap, encode
from common.protocols.media_channel.records import MediaRecord, config_record, kind_of
from server.recording.mediadb.contract import Gop, TrackKey
from server.recording.playback.course import (
    Due,
    EdgeReached,
    Effect,
    GapFound,
    Landed,
    MoreLater,
    Running,
    SendUnits,
    Start,
    course,
)
from server.recording.playback.either_track import GopSource
from server.recording.playback.read_ahead import ReadAhead

log = logging.getLogger(__name__)

MORE_LATER_S = 0.5


class GroupTime(Protocol):
    """What a track asks of its group."""

    async def running(self) -> UtcUs:
        """Wait until the group is not paused; return its playhead."""

    async def due(self, at: UtcUs) -> None:
        """Wait until media at `at` is to be sent."""

    def landed(self, at: UtcUs, generation: int) -> None:
        """A step of this generation shows the picture at `at`."""


class TrackPlayer:
    """A subscription to a recorded track. `wake` is called when `take` has something; `failed` when it cannot go on."""

    def __init__(
        self,
        sub: int,
        key: TrackKey,
        sound: bool,
        *,
        pool: GopSource,
        read_ahead: ReadAhead,
        wake: Callable[[], None],
        failed: Callable[[VmsError], None],
    ) -> None:
        self.sub = sub
        self.key = key
        self.sound = sound
        self._pool = pool
        self._read_ahead = read_ahead
        self._held_bytes = 0
        self._wake = wake
        self._failed = failed
        self._generation = 0
        self._sequence = 0
        self._config: CodecConfig | None = None
        self._queue: deque[SendUnits | GapFound | EdgeReached] = deque()
        self._next_unit = 0  # of the first in the queue
        self._drained = asyncio.Event()
        self._drained.set()

    def begin(self, generation: int) -> None:
        """Forget what an older course left unsent: a new one starts."""
        self._generation = generation
        self._config = None
        self.clear()

    def clear(self) -> None:
        """Drop what is not sent yet."""
        self._queue.clear()
        self._next_unit = 0
        self._all_sent()

    def _all_sent(self) -> None:
        self._read_ahead.free(self._held_bytes)
        self._held_bytes = 0
        self._drained.set()

    async def play(self, start: Start, group: GroupTime) -> None:
        """Play until cancelled, or until nothing more can come."""
        playing = course(start)
        try:
            answer: Gop | UtcUs | None = None
            while True:
                answer = await self._answer(playing.send(answer), group)
        except StopIteration:
            return
        except VmsError as error:
            log.error("playback failed", extra={"camera_id": self.key.device, "reason": str(error)})
            self._failed(error)
        finally:
            playing.close()

    async def _answer(self, effect: Effect, group: GroupTime) -> Gop | UtcUs | None:
        if isinstance(effect, (SendUnits, GapFound, EdgeReached)):
            self._queue.append(effect)
            self._drained.clear()
            self._wake()
        elif isinstance(effect, Running):
            await self._drained.wait()
            at = await group.running()
            await self._read_ahead.room()
            return at
        elif isinstance(effect, Due):
            await group.due(effect.at)
        elif isinstance(effect, MoreLater):
            await asyncio.sleep(MORE_LATER_S)
        elif isinstance(effect, Landed):
            group.landed(effect.at, self._generation)
        else:
            gop = await self._pool.gop(self.key, effect)
            if gop is not None:
                size_bytes = sum(len(unit.data) for unit in gop.units)
                self._held_bytes += size_bytes
                self._read_ahead.hold(size_bytes)
            return gop
        return None

    def take(self, most_bytes: int, now_s: float) -> list[str | MediaRecord]:
        """What to send next: about `most_bytes`, at least one record when there is one."""
        taken: list[str | MediaRecord] = []
        size = 0
        while self._queue and size < most_bytes:
            first = self._queue[0]
            if isinstance(first, GapFound):
                taken.append(encode(Gap(self.sub, self._generation, first.start, first.end)))
            elif isinstance(first, EdgeReached):
                taken.append(encode(Edge(self.sub, self._generation, first.at)))
            else:
                size += self._take_units(first, most_bytes - size, taken)
                if self._next_unit < len(first.units):
                    break
                self._next_unit = 0
            self._queue.popleft()
        if not self._queue:
            self._all_sent()
        return taken

    def _take_units(self, sending: SendUnits, most_bytes: int, taken: list[str | MediaRecord]) -> int:
        """Move units into `taken` until there are `most_bytes`; return how many bytes were moved."""
        if sending.config != self._config:
            self._config = sending.config
            taken.append(config_record(sending.config, self.sub, self._sequence, self._generation))
            self._sequence += 1
        kind, timescale = kind_of(sending.config), sending.config.timescale
        size = 0
        while self._next_unit < len(sending.units) and size < most_bytes:
            unit, flags = sending.units[self._next_unit]
            self._next_unit += 1
            record = MediaRecord(
                kind,
                flags,
                self._generation,
                self.sub,
                self._sequence,
                unit.utc_us,
                unit.pts,
                unit.dts,
                timescale,
                unit.data,
            )
            self._sequence += 1
            size += record.size_bytes
            taken.append(record)
        return size
