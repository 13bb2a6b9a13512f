"""The small picture above the timeline while the pointer scrubs."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from common.ui.dates import written
from common.ui.theme import colour
from common.ui.words import words
from smartclient.playback.scale import TimeScale, local
from smartclient.playback.thumbnails import Place, Thumbnails
from smartclient.site.snapshot import SiteCamera

_PICTURE_PX = (240, 135)
_CAPTION_PX = 24
_STEPS = 60  # that many different pictures across the timeline: the pointer does not ask for each pixel's


class ScrubPreview(QWidget):
    """Shows the nearest picture that is there already, until the wanted one arrives."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("scrub_preview")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(_PICTURE_PX[0] + 2, _PICTURE_PX[1] + _CAPTION_PX + 2)
        self._page = parent
        self._thumbnails = thumbnails
        self._place: Place | None = None
        self._shown: Place | None = None
        self._at = 0
        thumbnails.arrived.connect(self._arrived)
        self.hide()

    def show_at(self, camera: SiteCamera, at: int, scale: TimeScale, corner: tuple[int, int]) -> None:
        """Show `camera` at `at`, centred above the point `corner` of the parent."""
        step_us = max(1, scale.span_us // _STEPS)
        start = at // step_us * step_us
        self._place, self._at = Place(camera, start, start + step_us), at
        known = self._thumbnails.of(self._place)
        if known is not None:
            self._shown = self._place
        self._thumbnails.want([self._place])
        x = min(max(0, corner[0] - self.width() // 2), max(0, self._page.width() - self.width()))
        self.move(x, max(0, corner[1] - self.height() - 4))
        self.show()
        self.raise_()
        self.update()

    def _arrived(self, place: Place) -> None:
        if self.isVisible() and self._place is not None and place.camera == self._place.camera:
            self._shown = place
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), colour("raised"))
            box = QRect(1, 1, *_PICTURE_PX)
            painter.fillRect(box, colour("base"))
            small = None if self._shown is None else self._thumbnails.of(self._shown)
            if small is None or small.image.isNull():
                key = "smart.loading" if small is None else "timeline.nothing_recorded"
                key = "timeline.preview_failed" if small is not None and small.error else key
                painter.setPen(colour("muted"))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words(key))
            else:
                size = small.image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
                place = QRect(box.x(), box.y(), size.width(), size.height())
                place.moveCenter(box.center())
                painter.drawImage(place, small.image)
            painter.setPen(colour("text"))
            caption = QRect(6, _PICTURE_PX[1] + 1, _PICTURE_PX[0] - 12, _CAPTION_PX)
            painter.drawText(
                caption, Qt.AlignmentFlag.AlignCenter, written(local(self._at, None), "%a %d %b  %H:%M:%S")
            )
            painter.setPen(colour("line"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        finally:
            painter.end()
