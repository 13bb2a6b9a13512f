"""A tile of recordings in the decoder process: each picture when the master clock reaches it, forward or backward."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from common.clients.media import MediaConnection
from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import AccessUnit, TrackName
from common.media.decoding import DecodeError, Picture, VideoDecoder
from common.protocols.media_channel.messages import Edge, Error, Gap, ServerMessage, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from smartclient.video.clock import PlayClock, is_older
from smartclient.video.control import PLAYBACK_GROUP, TileQuality, TileState
from smartclient.video.quality import Level
from smartclient.video.record_queue import RecordQueue
from smartclient.video.reverse import MOST_GOP_BYTES, MOST_GOP_UNITS, keeper, most_pictures, pictures_backward
from smartclient.video.slots import PictureFlags, monotonic_us
from smartclient.video.tile_output import TileOutput

log = logging.getLogger(__name__)

_AHEAD = 3  # decoded pictures that wait for their time, forward
_UNITS_A_TURN = 8
_REVERSE_BUDGET_BYTES = 48 * 1024 * 1024
_LATE_US = 500_000


@dataclass(frozen=True, slots=True)
class _Decoded:
    generation: int
    pictures: list[Picture]
    error: str = ""


class RecordedTrack:
    """One recorded subscription of a playback group. Decoding runs in the pool, one job of a tile at a time."""

    def __init__(
        self,
        tile: int,
        sub: int,
        device: DeviceId,
        track: TrackName,
        *,
        output: TileOutput,
        decode: Executor,
        show: Executor,
        report: Callable[[TileState | TileQuality], None],
        clock: PlayClock,
        group: int = PLAYBACK_GROUP,
    ) -> None:
        self.tile = tile
        self.group = group
        self.sub = sub
        self._device = device
        self._track = track
        self._output = output
        self._decode_pool = decode
        self._show_pool = show
        self._report = report
        self._clock = clock
        self._queue = RecordQueue()
        self._wake = asyncio.Event()
        self._pictures: deque[Picture] = deque()  # in the order they are shown in
        self._decoding: asyncio.Future[_Decoded] | None = None
        self._decoder: VideoDecoder | None = None
        self._hidden: set[int] = set()  # UTC of units that are decoded and not shown
        self._target_us: UtcUs | None = None
        self._still = False  # paused on the picture that was asked for: others wait, whatever their time
        self._fresh = True  # nothing of this generation was decoded yet
        self._gop: list[AccessUnit] = []  # what the decoder has seen of the current GOP, to decode it again
        self._drained = False

    # from the GUI

    def play(self, clock: PlayClock) -> None:
        """Follow another clock; one of a new generation throws away all that was on its way."""
        if clock.generation != self._clock.generation:
            self._queue.clear(keep_configuration=True)
            self._pictures.clear()
            self._hidden.clear()
            self._target_us = None
            self._fresh = True
            self._still = False
        if not clock.paused:
            self._still = False
        self._clock = clock
        self._wake.set()

    def resized(self) -> None:
        """Show the last picture at the new size."""
        self._show_pool.submit(self._output.show_again)

    # from the recorder

    def connected(self, connection: MediaConnection) -> None:
        """Join the playback group where its playhead is."""
        self._queue.clear()
        self._pictures.clear()
        self._fresh = True
        clock = self._clock
        at = clock.playhead_us(monotonic_us())
        connection.send(
            Subscribe(
                self.sub,
                self._device,
                self._track,
                at,
                self.group,
                clock.speed,
                clock.paused,
                clock.generation,
                self._output.box_px[0],
            )
        )

    def message(self, message: ServerMessage) -> None:
        if isinstance(message, Gap) and not is_older(message.generation, self._clock.generation):
            self._report(TileState(self.tile, "gap", message.from_us, to_us=message.to_us))
        elif isinstance(message, Edge) and not is_older(message.generation, self._clock.generation):
            self._report(TileState(self.tile, "edge", message.at_us))
        elif isinstance(message, Error):
            self._report(TileState(self.tile, "refused", reason=message.message, code=message.code))

    def record(self, record: MediaRecord) -> None:
        if record.kind not in (RecordKind.CONFIG, RecordKind.VIDEO):
            return
        if record.kind is RecordKind.VIDEO:
            if is_older(record.generation, self._clock.generation):
                return
            if record.flags & RecordFlags.PREROLL:
                self._hidden.add(record.utc_us)
            if record.flags & RecordFlags.TARGET:
                self._target_us = record.utc_us
        self._queue.put(record)
        self._wake.set()

    # the tile's own task

    async def run(self) -> None:
        """Decode and show until cancelled."""
        while True:
            self._wake.clear()
            if self._decoding is None and self._wants_more():
                self._start_decoding()
            wait_us = await self._show_due()
            try:
                async with asyncio.timeout(None if wait_us is None else wait_us / 1e6):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _wants_more(self) -> bool:
        if self._clock.backward:
            return len(self._pictures) <= 1 and self._queue.gop_is_complete()
        if self._target_us is not None and self._clock.paused and not len(self._queue):
            return not self._pictures and not self._drained  # the picture is held back by the decoder's reordering
        return len(self._queue) > 0 and len(self._pictures) < _AHEAD

    def _start_decoding(self) -> None:
        clock = self._clock
        records: list[MediaRecord] = []
        if clock.backward:
            while len(self._queue) and len(records) < MOST_GOP_UNITS:
                records.append(self._queue.take())
                if records[-1].flags & RecordFlags.END_OF_GOP:
                    break
        else:
            self._skip_when_late(clock)
            while len(self._queue) and len(records) < _UNITS_A_TURN:
                records.append(self._queue.take())
                if self._target_us is not None and records[-1].utc_us < self._target_us:
                    continue
                if len(records) + len(self._pictures) >= _AHEAD:
                    break
        fresh, self._fresh = self._fresh, False
        job = self._backward if clock.backward else self._forward
        self._decoding = asyncio.get_running_loop().run_in_executor(self._decode_pool, job, records, clock, fresh)
        self._decoding.add_done_callback(self._decoded)

    def _skip_when_late(self, clock: PlayClock) -> None:
        first = self._queue.peek()
        if first is None or first.kind is RecordKind.CONFIG or self._target_us is not None or clock.paused:
            return
        if clock.playhead_us(monotonic_us()) - first.utc_us > _LATE_US * max(1.0, abs(clock.speed)):
            self._queue.skip_to_newest_keyframe()

    def _decoded(self, future: "asyncio.Future[_Decoded]") -> None:
        self._decoding = None
        self._wake.set()
        if future.cancelled():
            return
        result = future.result()
        if result.error:
            log.warning("recording cannot be decoded", extra={"device": self._device, "cause": result.error})
            self._report(TileState(self.tile, "broken", reason=result.error))
        if result.generation == self._clock.generation:
            shown = [picture for picture in result.pictures if picture.utc_us not in self._hidden]
            self._hidden -= {picture.utc_us for picture in result.pictures}
            self._pictures.extend(shown)
            if self._clock.backward and self._target_us is not None and shown:
                self._target_us = shown[0].utc_us  # the one asked for may have been thinned out

    async def _show_due(self) -> int | None:
        """Show the latest picture that is due; return the microseconds until the next one, None when nothing waits."""
        clock, due = self._clock, None
        flags = PictureFlags.RECORDED
        wait_us: int | None = None
        while self._pictures and not self._still:
            picture = self._pictures[0]
            if picture.utc_us == self._target_us:
                flags |= PictureFlags.TARGET
                self._target_us = None
                self._still = clock.paused
            elif (wait_us := clock.due_in_us(picture.utc_us, monotonic_us())) != 0:
                break
            due = self._pictures.popleft()
        if due is None:
            return wait_us
        await asyncio.get_running_loop().run_in_executor(
            self._show_pool, self._output.show, due, clock.generation, flags, 0
        )
        return 0  # something may be due by now, and there is room to decode more

    # in the decoder thread

    def _configured(self, record: MediaRecord) -> VideoDecoder:
        config = config_of(record)
        self._report(TileQuality(self.tile, str(self._track), config.width_px, config.height_px, int(Level.FULL)))
        return VideoDecoder(config)

    def _forward(self, records: list[MediaRecord], clock: PlayClock, fresh: bool) -> _Decoded:
        if fresh and self._decoder is not None:
            self._decoder.reset()
            self._gop.clear()
            self._drained = False
        pictures: list[Picture] = []
        try:
            for record in records:
                if record.kind is RecordKind.CONFIG:
                    self._decoder = self._configured(record)
                    continue
                if self._decoder is None:
                    continue
                pictures += self._next(self._decoder, record.access_unit(), clock.keyframes_only)
            if not records and self._decoder is not None:
                pictures += self._decoder.drain()
                self._drained = True
        except VmsError as error:
            self._gop.clear()
            if isinstance(error, DecodeError) and self._decoder is not None:
                self._decoder.reset()
                return _Decoded(clock.generation, pictures)  # the next keyframe mends it
            return _Decoded(clock.generation, pictures, str(error))
        return _Decoded(clock.generation, pictures)

    def _next(self, decoder: VideoDecoder, unit: AccessUnit, alone: bool) -> list[Picture]:
        if unit.keyframe:
            self._gop.clear()
            if self._drained:
                self._drained = False
        elif not self._gop:
            return []  # its keyframe is missing
        elif self._drained:  # the decoder was emptied for a still picture: let it see this GOP's beginning again
            for earlier in self._gop:
                decoder.decode(earlier)
            self._drained = False
        if len(self._gop) < MOST_GOP_UNITS:
            self._gop.append(unit)
        pictures = decoder.decode(unit)
        return pictures + decoder.drain() if alone else pictures

    def _backward(self, records: list[MediaRecord], clock: PlayClock, _fresh: bool) -> _Decoded:
        units: list[AccessUnit] = []
        size_bytes = 0
        self._gop.clear()
        try:
            for record in records:
                if record.kind is RecordKind.CONFIG:
                    self._decoder = self._configured(record)
                elif size_bytes < MOST_GOP_BYTES:
                    units.append(record.access_unit())
                    size_bytes += len(record.payload)
        except VmsError as error:
            return _Decoded(clock.generation, [], str(error))
        if self._decoder is None or not units:
            return _Decoded(clock.generation, [])
        width_px, height_px = self._output.box_px
        keep = keeper(self._output.scaler, width_px, height_px)
        most = most_pictures(width_px, height_px, _REVERSE_BUDGET_BYTES)
        return _Decoded(clock.generation, pictures_backward(self._decoder, units, keep, most))
