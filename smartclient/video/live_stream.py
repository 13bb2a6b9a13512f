"""One live subscription in the decoder process: the newest picture first, smoothness second."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from common.clients.media import MediaConnection
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.media.access_unit import TrackName
from common.media.decoding import DecodeError, Picture, VideoDecoder
from common.protocols.media_channel.messages import ServerMessage, Subscribe
from common.protocols.media_channel.records import MediaRecord, RecordFlags, RecordKind, config_of
from smartclient.video.quality import Level
from smartclient.video.record_queue import RecordQueue
from smartclient.video.slots import PictureFlags
from smartclient.video.tile_output import TileOutput

log = logging.getLogger(__name__)

SKIP_LATE_S = 1.0
SKIP_DISPOSABLE_LATE_S = 0.2
_BATCH_RECORDS = 8  # then other tiles get their turn
_KEYFRAME, _DISPOSABLE = int(RecordFlags.KEYFRAME), int(RecordFlags.DISPOSABLE)  # an IntFlag costs 1 us a question
_DISCONTINUITY, _PREROLL = int(RecordFlags.DISCONTINUITY), int(RecordFlags.PREROLL)
_MOST_BROKEN = 50  # units in a row that cannot be decoded, before the tile says so


class StreamOwner(Protocol):
    """The tile that a stream works for; told on the event loop, but for `shown`, `configured` and `broken`."""

    def said(self, stream: "LiveStream", message: ServerMessage) -> None: ...

    def configured(self, stream: "LiveStream") -> None:
        """Its size is known. From the thread that decodes, as the following."""

    def shown(self, stream: "LiveStream") -> None:
        """It is about to show its first picture."""

    def broken(self, stream: "LiveStream", reason: str) -> None:
        """It cannot be decoded; "": it can be again."""


class LiveStream:
    """One of a camera's streams, from subscription to picture. `spent_s`: time in the decoder since it was last reset;
    `unit_s`: what a unit takes, on the average; `heard_s`: monotonic time of the last unit."""

    def __init__(
        self,
        sub: int,
        device: DeviceId,
        track: TrackName,
        *,
        output: TileOutput,
        owner: StreamOwner,
        wake: Callable[["LiveStream"], None],
    ) -> None:
        self.sub = sub
        self.track = track
        self.size_px = (0, 0)
        self.level = Level.FULL
        self.spent_s = 0.0
        self.unit_s = 0.0
        self.has_shown = False
        self.hurry = True  # show the cached keyframe; not where a newer picture of another stream stands
        self.ended = False
        self._device = device
        self._output = output
        self._owner = owner
        self._wake = wake
        self._queue = RecordQueue()
        self._decoder: VideoDecoder | None = None
        self._wait_for_keyframe = True
        self._show_keyframe = True
        self._broken = 0
        self._has_disposable = False
        self._odd = False
        self._late = False
        self.heard_s = time.monotonic()

    # from the recorder

    def connected(self, connection: MediaConnection) -> None:
        """Subscribe (again)."""
        self._queue.clear()
        self.heard_s = time.monotonic()
        connection.send(Subscribe(self.sub, self._device, self.track))

    def message(self, message: ServerMessage) -> None:
        self._owner.said(self, message)

    def record(self, record: MediaRecord) -> None:
        if record.kind in (RecordKind.CONFIG, RecordKind.VIDEO):
            self._queue.put(record)
            self.heard_s = time.monotonic()
            self._wake(self)

    # its turn

    def lateness_s(self) -> float:
        """How long the oldest unit has waited."""
        return self._queue.lateness_s()

    def waits(self) -> bool:
        """Whether units wait to be decoded."""
        return len(self._queue) > 0

    def take(self) -> list[MediaRecord]:
        """Return the next few units; what is too late is left out."""
        late_s = self._queue.lateness_s()
        if late_s > SKIP_LATE_S and self._queue.skip_to_newest_keyframe():
            self._wait_for_keyframe = True
        self._late = late_s > SKIP_DISPOSABLE_LATE_S
        return [self._queue.take() for _ in range(min(len(self._queue), _BATCH_RECORDS))]

    def decode(self, records: list[MediaRecord]) -> None:
        """Decode what `take` gave, on the event loop or in a thread, and show the newest picture of it."""
        if self.ended or not records:
            return
        began_s = time.monotonic()
        self._output.working(True)
        self._decode(records, self._late, began_s)
        self._output.working(False)
        took_s = time.monotonic() - began_s
        self.spent_s += took_s
        self.unit_s += (took_s / len(records) - self.unit_s) * 0.1

    def _decode(self, records: list[MediaRecord], late: bool, began_s: float) -> None:
        newest: Picture | None = None
        for record in records:
            if record.kind is RecordKind.CONFIG:
                self._configure(record)
                continue
            if record.flags & _DISCONTINUITY:
                self._wait_for_keyframe = self._show_keyframe = True
            preroll = bool(record.flags & _PREROLL)
            for picture in self._unit(record, late and not preroll):
                if not preroll:
                    newest, self._show_keyframe = picture, False
                elif self._show_keyframe and self.hurry:  # the cached keyframe, at once; it carries its age
                    self._show_keyframe = False
                    self._show(picture, PictureFlags.PREROLL, 0.0)
        if newest is not None and not self._left_out():
            self._show(newest, PictureFlags(0), began_s)

    def _left_out(self) -> bool:
        """Thinned, and no unit is disposable: every second picture is decoded and not shown."""
        if self.level is not Level.THINNED or self._has_disposable:
            return False
        self._odd = not self._odd
        return self._odd

    def _show(self, picture: Picture, flags: PictureFlags, began_s: float) -> None:
        if not self.has_shown:
            self.has_shown = True
            self._owner.shown(self)
        if self.ended:
            return
        decode_us = round((time.monotonic() - began_s) * 1e6) if began_s else 0
        self._output.show(picture, 0, flags, decode_us)

    def _configure(self, record: MediaRecord) -> None:
        self._wait_for_keyframe = True
        try:
            config = config_of(record)
            self._decoder = VideoDecoder(config)
        except VmsError as error:
            self._decoder = None
            self._say_broken(error)
            return
        self.size_px = (config.width_px, config.height_px)
        self._owner.configured(self)

    def _unit(self, record: MediaRecord, late: bool) -> list[Picture]:
        keyframe = bool(record.flags & _KEYFRAME)
        if self._decoder is None or (self._wait_for_keyframe and not keyframe):
            return []
        if record.flags & _DISPOSABLE:
            self._has_disposable = True
            if late or self.level >= Level.THINNED:
                return []
        only_keyframes = self.level is Level.KEYFRAMES
        if only_keyframes and not keyframe:
            self._wait_for_keyframe = True
            return []
        if self._wait_for_keyframe:
            self._decoder.reset()
            self._wait_for_keyframe = False
        try:
            pictures = self._decoder.decode(record.access_unit())
            if only_keyframes and not pictures:
                pictures = self._decoder.drain()
        except DecodeError as error:
            self._decoder.reset()
            self._wait_for_keyframe = True
            self._broken += 1
            if self._broken == _MOST_BROKEN:
                self._say_broken(error)
            return []
        if pictures:
            if self._broken >= _MOST_BROKEN:
                self._owner.broken(self, "")
            self._broken = 0
        return pictures

    def _say_broken(self, error: VmsError) -> None:
        log.warning("stream cannot be decoded", extra={"device": self._device, "cause": str(error)})
        self._owner.broken(self, str(error))
