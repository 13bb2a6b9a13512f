"""One tile's pictures and state in the GUI process."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from common.foundation.clock import UtcUs
from common.media.picture_part import Part
from smartclient.video import control
from smartclient.video.quality import Level
from smartclient.video.slots import MOST_PICTURE_BYTES, PictureInfo, SlotReader

_MOST_GAPS = 64
_MOST_IMAGES = 6
_RGB32 = QImage.Format.Format_RGB32


@dataclass(frozen=True, slots=True)
class FeedSource:
    """What a tile shows: a device's track on a recording server, live or recorded. A `track` of "": live the one that
    fits the tile, recorded the first. Recorded, it plays by the clock of its `group`."""

    recorder: str
    device: str
    track: str = ""
    recorded: bool = False
    group: int = control.PLAYBACK_GROUP


@dataclass(frozen=True, slots=True)
class FeedState:
    """As control.TileState, and whether its recording server is connected (`retry_us`: monotonic time of next try)."""

    state: str = "connecting"
    since_us: int = 0
    reason: str = ""
    code: str = ""
    recorder_connected: bool = True
    retry_us: int = 0
    gaps: tuple[tuple[int, int | None], ...] = field(default=())
    edge_us: int | None = None


@dataclass(frozen=True, slots=True)
class FeedQuality:
    """Which stream a live tile shows, and how much of it is decoded."""

    track: str
    width_px: int
    height_px: int
    level: Level = Level.FULL


class TileFeed(QObject):
    """Made by `VideoEngine.open`, ended by `close`. The picture it gives stays whole until the next `take`."""

    changed = Signal()
    """`state` or `quality` is another one."""

    def __init__(
        self,
        tile: int,
        source: FeedSource,
        box_px: tuple[int, int],
        *,
        send: Callable[[control.ToWorker, int | None], None],
        closed: Callable[["TileFeed"], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.tile = tile
        self.source = source
        self.state = FeedState()
        self.info: PictureInfo | None = None
        self.quality: FeedQuality | None = None
        self.arrived: Callable[[], None] = _nobody
        """Called when a newer picture can be taken. No signal: 64 tiles have 1600 pictures a second."""
        self._part = Part()
        self._send = send
        self._closed = closed
        self._ended = False  # a window on its way out may still paint, resize and close
        self._box_px = (max(16, box_px[0]), max(16, box_px[1]))
        self._slot, self._descriptor = SlotReader.create(self._needed_bytes())
        self._number = 0
        self._image: QImage | None = None
        self._images: dict[tuple[int, int, int], QImage] = {}  # over the slot's buffers, by number and size

    def _needed_bytes(self) -> int:
        return min(MOST_PICTURE_BYTES, self._box_px[0] * self._box_px[1] * 4)

    def open_in_worker(self, at_us: int | None) -> None:
        """Ask the (new) decoder process for pictures."""
        width_px, height_px = self._box_px
        message = control.OpenTile(
            self.tile,
            self.source.recorder,
            self.source.device,
            self.source.track,
            width_px,
            height_px,
            at_us,
            self.source.group,
        )
        self._slot.new_writer()
        self._send(message, self._descriptor)
        if not self._part.whole:
            self._send_zoom()

    def zoom(self, part: Part) -> None:
        """Show this part of the picture from now on."""
        if part != self._part and not self._ended:
            self._part = part
            self._send_zoom()

    def _send_zoom(self) -> None:
        self._send(control.ZoomTile(self.tile, self._part.left, self._part.top, self._part.width), None)

    @property
    def decoder_was_working(self) -> bool:
        """Whether the decoder process was at work on this tile's stream when it last moved."""
        return not self._ended and self._slot.decoder_was_working

    def resize(self, width_px: int, height_px: int) -> None:
        """Want pictures for another box, in device pixels."""
        box_px = (max(16, width_px), max(16, height_px))
        if self._ended or box_px == self._box_px:
            return
        self._box_px = box_px
        needed, capacity = self._needed_bytes(), self._slot.capacity_bytes
        fits = needed <= capacity <= 4 * max(needed, 1 << 20)
        descriptor = None
        if not fits:
            self._images.clear()
            self._slot.close()
            os.close(self._descriptor)
            self._slot, self._descriptor = SlotReader.create(needed)
            self._number = 0
            descriptor = self._descriptor
        self._send(control.ResizeTile(self.tile, *box_px, memory=descriptor is not None), descriptor)

    def poll(self) -> bool:
        """Call `arrived` when there is a newer picture. Called on each tick of the engine."""
        if self._ended or not self._slot.newer_than(self._number):
            return False
        self.arrived()
        return True

    def take(self) -> QImage | None:
        """Return the newest picture; it shares memory with the decoder and is good until the next call."""
        if not self._ended and self._slot.newer_than(self._number):
            taken = self._slot.take()
            if taken is not None:
                info, pixels = taken
                self.info = info
                self._number = info.number
                key = (info.buffer, info.width_px, info.height_px)
                image = self._images.get(key)
                if image is None:
                    if len(self._images) >= _MOST_IMAGES:
                        self._images.clear()
                    image = QImage(pixels, info.width_px, info.height_px, info.width_px * 4, _RGB32)
                    self._images[key] = image
                self._image = image
        return self._image

    def close(self) -> None:
        """Stop, and give the memory back as soon as nobody holds its last picture. A second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self._send(control.CloseTile(self.tile), None)
        self._image = None
        self._images.clear()
        self.arrived = _nobody
        self._slot.close()
        os.close(self._descriptor)
        self._closed(self)

    # from the engine

    def set_state(self, state: FeedState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()

    def worker_said(self, said: control.TileState) -> None:
        """Take what the decoder process says of this tile."""
        old = self.state
        if said.state == "gap":
            gaps = (*old.gaps, (said.since_us, said.to_us))[-_MOST_GAPS:]
            self.set_state(_changed(old, state="recorded", gaps=gaps))
        elif said.state == "edge":
            self.set_state(_changed(old, state="recorded", edge_us=said.since_us))
        else:
            self.set_state(_changed(old, state=said.state, since_us=said.since_us, reason=said.reason, code=said.code))

    def worker_told_quality(self, said: control.TileQuality) -> None:
        """Take which stream it is, and how much of it is decoded."""
        quality = FeedQuality(said.track, said.width_px, said.height_px, Level(said.level))
        if quality != self.quality:
            self.quality = quality
            self.changed.emit()

    def recorder_said(self, connected: bool, reason: str, retry_us: int) -> None:
        """Take whether the recording server is there."""
        changes: dict[str, object] = {"recorder_connected": connected, "retry_us": retry_us}
        if not connected:
            changes["reason"] = reason
        elif not self.state.recorder_connected:
            changes |= {"state": "recorded" if self.source.recorded else "connecting", "reason": ""}
        self.set_state(_changed(self.state, **changes))

    def new_generation(self) -> None:
        """A seek: what was known of gaps and the edge is asked anew."""
        self.set_state(_changed(self.state, gaps=(), edge_us=None))

    def gap_at(self, at: UtcUs) -> tuple[int, int | None] | None:
        """Return the gap that covers `at`, as the recorder told it."""
        for start, end in self.state.gaps:
            if start <= at and (end is None or at < end):
                return start, end
        return None


def _nobody() -> None:
    """Nobody waits for pictures (yet)."""


def _changed(old: FeedState, /, **changes: object) -> FeedState:
    values: dict[str, object] = {name: getattr(old, name) for name in FeedState.__slots__}
    return FeedState(**(values | changes))  # type: ignore[arg-type]  # the names are FeedState's own
