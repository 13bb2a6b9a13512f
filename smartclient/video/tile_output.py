"""Where a track's pictures go: scaled to the tile's box, straight into the memory that the GUI paints from."""

import threading

from common.media.cropping import PictureCropper
from common.media.decoding import Picture, PictureScaler, fit_px
from common.media.picture_part import Part
from smartclient.video.slots import PictureFlags, PictureInfo, SlotWriter, monotonic_us


class TileOutput:
    """Owns the slot and the scaler. `show` runs in a thread that decodes, the rest on the event loop."""

    def __init__(self, descriptor: int, width_px: int, height_px: int) -> None:
        self._lock = threading.Lock()
        self._slot = SlotWriter(descriptor)
        self._box_px = (width_px, height_px)
        self._scaler = PictureScaler()
        self._cropper = PictureCropper()
        self._last: tuple[Picture, int, PictureFlags] | None = None
        self._open = True
        self.part = Part()
        self.shown = 0

    @property
    def box_px(self) -> tuple[int, int]:
        return self._box_px

    @property
    def scaler(self) -> PictureScaler:
        return self._scaler

    def resize(self, width_px: int, height_px: int, descriptor: int | None) -> None:
        """Take another box, and another slot when one came along."""
        with self._lock:
            self._box_px = (width_px, height_px)
            if descriptor is not None:
                self._slot.close()
                self._slot = SlotWriter(descriptor)

    def zoom(self, part: Part) -> None:
        """Show only this part of the pictures from now on."""
        with self._lock:
            self.part = part

    def working(self, at_work: bool) -> None:
        """Mark for the GUI that the decoder is at work on this tile's stream, or done."""
        with self._lock:
            if self._open:
                self._slot.working(at_work)

    def show(self, picture: Picture, generation: int, flags: PictureFlags, decode_us: int = 0) -> None:
        """Scale and publish."""
        with self._lock:
            if not self._open:
                return
            self._last = (picture, generation, flags)
            self._publish(picture, generation, flags, decode_us)

    def show_again(self) -> None:
        """Publish the last picture once more, as it is asked for now."""
        with self._lock:
            if self._open and self._last is not None:
                self._publish(*self._last, 0)

    def close(self) -> None:
        with self._lock:
            self._open = False
            self._last = None
            self._slot.close()

    def _publish(self, picture: Picture, generation: int, flags: PictureFlags, decode_us: int) -> None:
        began_us = monotonic_us()
        if not self.part.whole:
            picture = self._cropper.cut(picture, self.part)
        width_px, height_px = fit_px((picture.width_px, picture.height_px), self._box_px)
        size_bytes = width_px * height_px * 4
        if size_bytes > self._slot.capacity_bytes:  # never by our own GUI, which sizes the slot by the box
            return
        index, pixels = self._slot.begin(size_bytes)
        try:
            self._scaler.bgra_into(picture, width_px, height_px, pixels)
        finally:
            pixels.release()  # shared memory cannot be unmapped while a view of it is out
        now_us = monotonic_us()
        info = PictureInfo(
            generation, width_px, height_px, picture.utc_us, flags, decode_us + now_us - began_us, now_us
        )
        self._slot.publish(index, info)
        self.shown += 1
