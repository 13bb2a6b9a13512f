"""The event loop's side of writing a track: gathers units into fragments and queues them for a writer thread."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig, MediaKind
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.events import Overflow
from server.recording.mediadb.segment_file import PendingFragment
from server.recording.mediadb.settings import WriterSettings

_FALLBACK_DURATION = 25  # a lone picture is given 1/25 s


class FragmentQueue(Protocol):
    """Where fragments go."""

    def offer(self, key: TrackKey, fragment: PendingFragment) -> bool:
        """Queue a fragment; False when there is no room, and then it is not queued."""

    def end_run(self, key: TrackKey) -> None:
        """Have the segment sealed once what is queued has been written."""

    async def drained(self, key: TrackKey) -> None:
        """Return once everything queued for the track is on disk and its segment sealed."""


class QueuedTrackWriter:
    """Implements TrackWriter. A fragment ends before each keyframe of video, and after one second.

    MJPEG and sound, where every unit is a keyframe, go into fragments of one second: a write for each picture, and a
    row in every table, would cost more than the picture. So does metadata, but as the next may be long in coming, what
    waits for a second is written, and then lasts that long.
    """

    def __init__(
        self, key: TrackKey, settings: WriterSettings, queue: FragmentQueue, on_overflow: Callable[[Overflow], None]
    ) -> None:
        self._key = key
        self._settings = settings
        self._queue = queue
        self._on_overflow = on_overflow
        self._config: CodecConfig | None = None
        self._units: list[AccessUnit] = []
        self._size_bytes = 0
        self._fragment_ticks = 0
        self._has_gops = True  # keyframes are more than some units apart, and begin a fragment
        self._in_gop = False  # units may be appended without a keyframe first
        self._continues = False
        self._run_utc_us = UtcUs(0)
        self._new_run = True
        self._last_dts = 0
        self._last_duration = 0
        self._metadata = False
        self._alone: asyncio.TimerHandle | None = None
        self._dropping = False
        self._lost_gops = self._lost_units = self._lost_bytes = 0

    def configure(self, config: CodecConfig) -> None:
        if config == self._config:
            return
        before = self._config
        self._flush(self._last_dts + self._last_duration)
        self._config = config
        self._in_gop = self._continues = False
        self._has_gops = config.kind is MediaKind.VIDEO and config.codec is not Codec.MJPEG
        self._metadata = config.kind is MediaKind.METADATA
        self._fragment_ticks = max(1, int(config.timescale * self._settings.fragment_s))
        if before is None or before.timescale != config.timescale:
            self._last_duration = 0

    def write(self, unit: AccessUnit) -> None:
        units = self._units
        if self._config is None:
            return
        if units:
            if (
                (unit.keyframe and self._has_gops)
                or unit.dts - units[0].dts >= self._fragment_ticks
                or self._size_bytes >= self._settings.fragment_bytes
                or unit.dts <= self._last_dts
            ):
                if unit.dts <= self._last_dts:  # not within one run: file decode times only rise
                    self.end_run()
                else:
                    self._flush(unit.dts)
                units = self._units
        elif self._in_gop and unit.dts <= self._last_dts:
            self.end_run()
        if not unit.keyframe and not self._in_gop:
            if self._dropping:
                self._lost_units += 1
                self._lost_bytes += len(unit.data)
            return
        self._in_gop = True
        if units:
            self._last_duration = unit.dts - self._last_dts
        self._last_dts = unit.dts
        units.append(unit)
        self._size_bytes += len(unit.data)
        if self._metadata and self._alone is None:
            self._alone = asyncio.get_running_loop().call_later(self._settings.fragment_s, self._flush_alone)

    def end_run(self) -> None:
        if self._config is None:
            return
        duration = self._last_duration or self._config.timescale // _FALLBACK_DURATION
        self._flush(self._last_dts + duration)
        self._in_gop = self._continues = False
        self._new_run = True
        self._queue.end_run(self._key)

    def _flush_alone(self) -> None:
        """A second has passed since the first that waits: nothing may follow for long."""
        self._alone = None
        if self._units:
            self._flush(self._last_dts + max(1, self._units[0].dts + self._fragment_ticks - self._last_dts))
            self._continues = False

    def finish(self) -> None:
        """Queue what is left, and say what was lost."""
        self.end_run()
        if self._dropping:
            self._tell(over=True)

    async def close(self) -> None:
        self.finish()
        await self._queue.drained(self._key)

    def _flush(self, next_dts: int) -> None:
        units = self._units
        if not units:
            return
        assert self._config is not None  # write() and configure()
        if self._new_run:
            self._run_utc_us = units[0].utc_us
            self._new_run = False
        next_dts = max(next_dts, units[-1].dts + 1)
        fragment = PendingFragment(self._config, units, next_dts, self._size_bytes, self._run_utc_us, self._continues)
        self._units = []
        self._size_bytes = 0
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if self._queue.offer(self._key, fragment):
            self._continues = True
            if self._dropping:
                self._tell(over=True)
            return
        began = not self._dropping
        self._dropping = True
        self._lost_gops += 1
        self._lost_units += len(units)
        self._lost_bytes += fragment.size_bytes
        self._in_gop = self._continues = False
        if began:
            self._tell(over=False)

    def _tell(self, *, over: bool) -> None:
        self._on_overflow(Overflow(self._key, self._lost_gops, self._lost_units, self._lost_bytes, over))
        if over:
            self._dropping = False
            self._lost_gops = self._lost_units = self._lost_bytes = 0
