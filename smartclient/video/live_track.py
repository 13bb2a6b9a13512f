"""A live tile in the decoder process: the newest picture first, smoothness second."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor

from common.clients.media import MediaConnection
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.media.decoding import DecodeError, Picture, VideoDecoder
from common.protocols.media_channel.messages import Error, ServerMessage, State, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from smartclient.video.control import TileState
from smartclient.video.record_queue import RecordQueue
from smartclient.video.slots import PictureFlags
from smartclient.video.tile_output import TileOutput

log = logging.getLogger(__name__)

SKIP_LATE_S = 1.0
SKIP_DISPOSABLE_LATE_S = 0.2
_BATCH_RECORDS = 8  # then other tiles get their turn
_MOST_BROKEN = 50  # units in a row that cannot be decoded, before the tile says so


class LiveTrack:
    """One live subscription. Call everything but `_decode` on the event loop."""

    def __init__(
        self,
        tile: int,
        device: DeviceId,
        track: TrackName,
        *,
        output: TileOutput,
        decode: Executor,
        report: Callable[[TileState], None],
    ) -> None:
        self.sub = tile
        self._device = device
        self._track = track
        self._output = output
        self._pool = decode
        self._report = report
        self._queue = RecordQueue()
        self._arrived = asyncio.Event()
        self._decoder: VideoDecoder | None = None
        self._wait_for_keyframe = True
        self._show_keyframe = True
        self._broken = 0

    # from the recorder

    def connected(self, connection: MediaConnection) -> None:
        """Subscribe (again)."""
        self._queue.clear()
        connection.send(Subscribe(self.sub, self._device, self._track))

    def message(self, message: ServerMessage) -> None:
        if isinstance(message, State):
            self._report(TileState(self.sub, message.state, message.since_us, message.reason))
        elif isinstance(message, Error):
            self._report(TileState(self.sub, "refused", reason=message.message, code=message.code))

    def record(self, record: MediaRecord) -> None:
        if record.kind in (RecordKind.CONFIG, RecordKind.VIDEO):
            self._queue.put(record)
            self._arrived.set()

    # the tile's own task

    async def run(self) -> None:
        """Decode what comes until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while len(self._queue):
                late_s = self._queue.lateness_s()
                if late_s > SKIP_LATE_S and self._queue.skip_to_newest_keyframe():
                    self._wait_for_keyframe = True
                records = [self._queue.take() for _ in range(min(len(self._queue), _BATCH_RECORDS))]
                await loop.run_in_executor(self._pool, self._decode, records, late_s > SKIP_DISPOSABLE_LATE_S)

    def resized(self) -> None:
        """Show the last picture at the new size now, not when the next one comes."""
        self._pool.submit(self._output.show_again)

    def _decode(self, records: list[MediaRecord], late: bool) -> None:  # decoder thread
        """Decode, and show the newest picture of that."""
        began_s = time.monotonic()
        newest: Picture | None = None
        for record in records:
            if record.kind is RecordKind.CONFIG:
                self._configure(record)
                continue
            if record.flags & RecordFlags.DISCONTINUITY:
                self._wait_for_keyframe = self._show_keyframe = True
            preroll = bool(record.flags & RecordFlags.PREROLL)
            for picture in self._unit(record, late and not preroll):
                if not preroll:
                    newest, self._show_keyframe = picture, False
                elif self._show_keyframe:  # the cached keyframe, at once; it carries its age
                    self._show_keyframe = False
                    self._output.show(picture, 0, PictureFlags.PREROLL)
        if newest is not None:
            self._output.show(newest, 0, PictureFlags(0), round((time.monotonic() - began_s) * 1e6))

    def _configure(self, record: MediaRecord) -> None:
        self._wait_for_keyframe = True
        try:
            self._decoder = VideoDecoder(config_of(record))
        except VmsError as error:
            self._decoder = None
            self._report_broken(error)

    def _unit(self, record: MediaRecord, late: bool) -> list[Picture]:
        keyframe = bool(record.flags & RecordFlags.KEYFRAME)
        if self._decoder is None or (self._wait_for_keyframe and not keyframe):
            return []
        if late and record.flags & RecordFlags.DISPOSABLE:
            return []
        if self._wait_for_keyframe:
            self._decoder.reset()
            self._wait_for_keyframe = False
        try:
            pictures = self._decoder.decode(record.access_unit())
        except DecodeError as error:
            self._decoder.reset()
            self._wait_for_keyframe = True
            self._broken += 1
            if self._broken == _MOST_BROKEN:
                self._report_broken(error)
            return []
        if pictures:
            if self._broken >= _MOST_BROKEN:
                self._report(TileState(self.sub, "live"))
            self._broken = 0
        return pictures

    def _report_broken(self, error: VmsError) -> None:
        log.warning("tile cannot be decoded", extra={"device": self._device, "cause": str(error)})
        self._report(TileState(self.sub, "broken", reason=str(error)))
