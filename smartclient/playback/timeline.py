"""The timeline: scale, recordings of the selected camera and of all in view, and the cursor."""

from collections.abc import Sequence
from datetime import tzinfo

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QToolTip, QWidget

from common.foundation.clock import US_PER_S, UtcUs
from common.ui.theme import colour, size_px, tabular
from common.ui.words import words
from smartclient.playback.scale import TimeScale, local, offset_mark
from smartclient.playback.spans import Missing, Span, missing_at, span_at

_SCALE_PX = 24
_TRACK_PX = 16
_GAP_PX = 4
_CURSOR_LABEL_PX = 18
_ZOOM = 1.25
_LOST = {
    **dict.fromkeys(("network", "device_lost", "recorder_down", "disk_full", "disk_failed", "disk_slow"), "alarm"),
    **dict.fromkeys(("maintenance", "clock"), "warn"),
}
"""What should have been recorded and was not, by reason: a stripe of this colour. Anything else is only hatched."""


class Timeline(QWidget):
    """Wheel zooms around the pointer, drag pans, click goes there, drag on the scale scrubs."""

    went = Signal(object)
    """Clicked: go to this UtcUs."""
    scrubbed = Signal(object)
    """The cursor is being dragged over this UtcUs."""
    range_changed = Signal()

    def __init__(self, zone: tzinfo | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAccessibleName(words("smart.timeline"))
        self.setToolTip(words("smart.timeline_hint"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_CURSOR_LABEL_PX + _SCALE_PX + 2 * (_TRACK_PX + _GAP_PX) + 4)
        self._zone = zone
        self.scale = TimeScale(UtcUs(0), 3600 * US_PER_S, 100)
        self._playhead = UtcUs(0)
        self._now = UtcUs(0)
        self._selected: list[Span] = []
        self._all: list[Span] = []
        self._gaps: list[Missing] = []
        self._known = False
        self._note = ""
        self._pressed: QPointF | None = None
        self._panned_from: TimeScale | None = None
        self._scrubbing = False

    # content

    def show_spans(self, selected: list[Span], all_in_view: list[Span], known: bool, note: str = "") -> None:
        """Draw these; `known` is false until the first answer came."""
        self._selected, self._all, self._known, self._note = selected, all_in_view, known, note
        self.update()

    def show_gaps(self, gaps: list[Missing]) -> None:
        """Why the selected camera is not recorded where it is not."""
        if gaps != self._gaps:
            self._gaps = gaps
            self.update()

    def show_time(self, playhead: UtcUs, now: UtcUs, follow: bool) -> None:
        """Move the cursor; `follow` keeps it in sight."""
        before = self.scale.x_px(self._playhead)
        self._playhead, self._now = playhead, now
        after = self.scale.x_px(playhead)
        if follow and self._panned_from is None and not 0 <= after <= self.width() * 0.98:
            self.set_scale(self.scale.centred(playhead))
        if int(before) != int(after):
            self.update()
        else:
            self.update(0, 0, self.width(), _CURSOR_LABEL_PX)

    def set_scale(self, scale: TimeScale) -> None:
        """Show another stretch of time."""
        self.scale = scale.resized(self.width())
        self.range_changed.emit()
        self.update()

    def show_range(self, centre: UtcUs, span_us: int) -> None:
        """Show `span_us` around `centre`."""
        self.set_scale(TimeScale(centre, span_us, self.width()).centred(centre))

    # painting

    def _track(self, number: int) -> QRect:
        top = _CURSOR_LABEL_PX + _SCALE_PX + number * (_TRACK_PX + _GAP_PX)
        return QRect(0, top, self.width(), _TRACK_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), colour("panel"))
            self._paint_scale(painter)
            self._paint_track(painter, self._track(0), self._selected, "recorded", self._gaps)
            self._paint_track(painter, self._track(1), self._all, "edge")
            if self._note:
                painter.setPen(colour("warn"))
                painter.drawText(self._track(0).adjusted(8, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, self._note)
            self._paint_cursor(painter)
            if self.hasFocus():
                painter.setPen(QPen(colour("accent"), 1))
                painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        finally:
            painter.end()

    def _paint_scale(self, painter: QPainter) -> None:
        font = tabular(self.font())
        font.setPixelSize(size_px("small_font"))
        painter.setFont(font)
        metrics = QFontMetrics(font)
        bottom = _CURSOR_LABEL_PX + _SCALE_PX
        used_px = -1e9
        for mark in self.scale.marks(self._zone):
            x = self.scale.x_px(mark.at)
            painter.setPen(colour("edge" if mark.major else "line"))
            painter.drawLine(QPointF(x, bottom - (10 if mark.major else 6)), QPointF(x, self.height()))
            width = metrics.horizontalAdvance(mark.label)
            left = x - width / 2
            if left > used_px + 8 and left >= 2 and left + width <= self.width() - 2:
                painter.setPen(colour("text" if mark.major else "muted"))
                painter.drawText(QPointF(left, bottom - 11), mark.label)
                used_px = left + width

    def _paint_track(
        self, painter: QPainter, track: QRect, spans: list[Span], tint: str, gaps: Sequence[Missing] = ()
    ) -> None:
        painter.fillRect(track, colour("base"))
        if not self._known:
            return
        hatched = QBrush(colour("line"), Qt.BrushStyle.BDiagPattern)
        end_px = min(float(self.width()), self.scale.x_px(self._now))
        if end_px > 0:  # nothing can be missing in the future
            painter.fillRect(QRectF(0, track.top(), end_px, track.height()), hatched)
        for gap in gaps:
            if gap.end < self.scale.start_us or gap.start > self.scale.end_us or gap.reason not in _LOST:
                continue
            left, right = max(0.0, self.scale.x_px(gap.start)), min(float(self.width()), self.scale.x_px(gap.end))
            missing = QRectF(left, track.top() + track.height() * 2 / 3, max(1.0, right - left), track.height() / 3)
            painter.fillRect(missing, colour(_LOST[gap.reason]))
        for start, end in spans:
            if end < self.scale.start_us or start > self.scale.end_us:
                continue
            left, right = max(0.0, self.scale.x_px(start)), min(float(self.width()), self.scale.x_px(end))
            painter.fillRect(QRectF(left, track.top(), max(1.0, right - left), track.height()), colour(tint))

    def _paint_cursor(self, painter: QPainter) -> None:
        font = tabular(self.font())
        font.setPixelSize(size_px("small_font"))
        font.setBold(True)
        painter.setFont(font)
        moment = local(self._playhead, self._zone)
        label = moment.strftime("%a %d %b %Y  %H:%M:%S.") + f"{moment.microsecond // 100_000}"
        label += offset_mark(moment, self._zone)
        width = QFontMetrics(font).horizontalAdvance(label) + 12
        x = self.scale.x_px(self._playhead)
        if 0 <= x <= self.width():
            painter.setPen(QPen(colour("text"), 2))
            painter.drawLine(QPointF(x, _CURSOR_LABEL_PX), QPointF(x, self.height()))
        left = max(0.0, min(self.width() - width, x - width / 2))
        box = QRectF(left, 0, width, _CURSOR_LABEL_PX)
        painter.fillRect(box, colour("selected"))
        painter.setPen(colour("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)
        now_x = self.scale.x_px(self._now)
        if 0 <= now_x <= self.width():
            painter.setPen(QPen(colour("accent"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(now_x, _CURSOR_LABEL_PX + _SCALE_PX), QPointF(now_x, self.height()))

    # pointer

    def wheelEvent(self, event: QWheelEvent) -> None:
        turns = event.angleDelta().y() / 120
        if turns:
            self.set_scale(self.scale.zoomed(_ZOOM**-turns, event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = event.position()
        on_scale = event.position().y() < _CURSOR_LABEL_PX + _SCALE_PX
        near_cursor = abs(event.position().x() - self.scale.x_px(self._playhead)) < 5
        self._scrubbing = on_scale or near_cursor
        self._panned_from = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            self._hint(event)
            return
        by_px = event.position().x() - self._pressed.x()
        if self._scrubbing:
            if abs(by_px) > 1:
                self.scrubbed.emit(self.scale.time_at(event.position().x()))
        elif self._panned_from is not None or abs(by_px) >= QApplication.startDragDistance():
            self._panned_from = self._panned_from or self.scale
            self.set_scale(self._panned_from.panned(by_px))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and self._panned_from is None:
            self.went.emit(self.scale.time_at(event.position().x()))
        self._pressed = self._panned_from = None
        self._scrubbing = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.set_scale(self.scale.centred(self.scale.time_at(event.position().x())))

    def _hint(self, event: QMouseEvent) -> None:
        at = self.scale.time_at(event.position().x())
        shown = local(at, self._zone).strftime("%a %d %b %H:%M:%S")
        for number, spans in enumerate((self._selected, self._all)):
            if self._track(number).contains(event.position().toPoint()):
                known = words("smart.hint_recorded" if span_at(spans, at) else "smart.hint_gap")
                missing = missing_at(self._gaps, at) if number == 0 and not span_at(spans, at) else None
                if missing is not None:
                    known = words("smart.hint_gap_reason", reason=words(f"smart.gap_{missing.reason}"))
                    known += "\n" + missing.detail if missing.detail else ""
                shown += "\n" + (known if self._known else words("smart.loading"))
        QToolTip.showText(event.globalPosition().toPoint(), shown, self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.set_scale(self.scale)
