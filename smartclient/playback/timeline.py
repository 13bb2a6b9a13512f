"""The timeline: scale, recordings of the selected camera and of all in view, marks, selection and the cursor."""

import time
from collections.abc import Callable
from datetime import tzinfo

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QGestureEvent, QPinchGesture, QSizePolicy, QToolTip, QWidget

from common.foundation.clock import US_PER_S, UtcUs
from common.ui.dates import written
from common.ui.theme import colour
from common.ui.words import words
from smartclient.playback import timeline_paint as paint
from smartclient.playback.fling import Fling
from smartclient.playback.scale import TimeScale, local, offset_mark
from smartclient.playback.spans import Span, missing_at, span_at
from smartclient.playback.timeline_content import Content

_ZOOM = 1.25
_HANDLE_PX = 5
_FLING_MS = 16
_LEAST_SELECTION_PX = 3
_ZOOM_KEYS = {
    Qt.Key.Key_Plus: 1 / _ZOOM,
    Qt.Key.Key_Equal: 1 / _ZOOM,
    Qt.Key.Key_Up: 1 / _ZOOM,
    Qt.Key.Key_Minus: _ZOOM,
    Qt.Key.Key_Down: _ZOOM,
}
_MOVE_KEYS = {Qt.Key.Key_PageUp: 0.8, Qt.Key.Key_PageDown: -0.8}


class Timeline(QWidget):
    """Wheel zooms around the pointer, drag pans and may throw, click goes there, drag on the scale scrubs, drag with
    Shift selects. With the focus: + and - or up and down zoom, Page up and Page down move."""

    went = Signal(object)
    """Clicked: go to this UtcUs."""
    scrubbed = Signal(object)
    """The cursor is being dragged over this UtcUs."""
    scrub_ended = Signal()
    range_changed = Signal()
    selection_changed = Signal(object)
    """A Span that was marked by hand, or None."""

    def __init__(
        self,
        zone: tzinfo | None = None,
        parent: QWidget | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAccessibleName(words("smart.timeline"))
        self.setAccessibleDescription(words("timeline.hint"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(paint.HEIGHT_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
        self._zone = zone
        self._monotonic_s = monotonic_s
        self.scale = TimeScale(UtcUs(0), 3600 * US_PER_S, 100)
        self.content = Content()
        self.selection: Span | None = None
        self.picture = paint.TimelinePicture(zone)
        self._revision = 0  # rises with whatever the picture must be drawn anew for
        self._playhead = UtcUs(0)
        self._now = UtcUs(0)
        self._pressed: QPointF | None = None
        self._panned_from: TimeScale | None = None
        self._scrubbing = False
        self._selecting_from: int | None = None
        self._pinched_from: TimeScale | None = None
        self._fling = Fling()
        self._flying = QTimer(self)
        self._flying.setInterval(_FLING_MS)
        self._flying.timeout.connect(self._fly)

    # content

    def show_content(self, content: Content) -> None:
        """Draw this."""
        if content != self.content:
            self.content = content
            self._revision += 1
            self.update()

    def show_time(self, playhead: UtcUs, now: UtcUs, follow: bool) -> None:
        """Move the cursor; `follow` keeps it in sight."""
        before = self.scale.x_px(self._playhead)
        self._playhead, self._now = playhead, now
        after = self.scale.x_px(playhead)
        if follow and self._is_still() and not 0 <= after <= self.width() * 0.98:
            self.set_scale(self.scale.centred(playhead))
        if int(before) != int(after):
            self.update()
        else:
            self.update(0, 0, self.width(), paint.CURSOR_LABEL_PX)

    def select(self, span: Span | None) -> None:
        """Mark a span; None takes the mark away."""
        if span != self.selection:
            self.selection = span
            self.update()

    def set_scale(self, scale: TimeScale) -> None:
        """Show another stretch of time."""
        self.scale = scale.resized(self.width())
        self.range_changed.emit()
        self.update()

    def show_range(self, centre: UtcUs, span_us: int) -> None:
        """Show `span_us` around `centre`."""
        self.set_scale(TimeScale(centre, span_us, self.width()).centred(centre))

    def _is_still(self) -> bool:
        """Whether nobody moves it: while somebody does, it does not run after the cursor."""
        return self._panned_from is None and not self._flying.isActive() and self._selecting_from is None

    # painting

    def _track(self, number: int) -> QRect:
        return paint.track(number, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = paint.scale_font(self.font())
        try:
            self.picture.paint(painter, self.scale, self.content, font, self._revision)
            paint.paint_future(painter, self.scale, self._now)
            if self.content.note:
                painter.setFont(font)
                painter.setPen(colour("warn"))
                place = self._track(0).adjusted(8, 0, -8, 0)
                painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self.content.note)
            paint.paint_cursor(painter, self.scale, self._playhead, self._cursor_label(), font)
            if self.selection is not None:
                paint.paint_selection(painter, self.scale, self.selection)
            if self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colour("accent"), 2))
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        finally:
            painter.end()

    def _cursor_label(self) -> str:
        moment = local(self._playhead, self._zone)
        label = written(moment, "%a %d %b %Y  %H:%M:%S.") + f"{moment.microsecond // 100_000}"
        return label + offset_mark(moment, self._zone)

    # pointer

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._stop_flying()
        turns, sideways = event.angleDelta().y() / 120, event.angleDelta().x() / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or (sideways and not turns):
            self.set_scale(self.scale.panned((turns + sideways) * self.width() / 10))
        elif turns:
            self.set_scale(self.scale.zoomed(_ZOOM**-turns, event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._stop_flying()
        x = event.position().x()
        self._pressed = event.position()
        self._panned_from = None
        handle = self._far_handle(x)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._selecting_from = self.scale.time_at(x)
        elif handle is not None:
            self._selecting_from = handle
        on_scale = event.position().y() < paint.CURSOR_LABEL_PX + paint.SCALE_PX
        near_cursor = abs(x - self.scale.x_px(self._playhead)) < _HANDLE_PX
        self._scrubbing = self._selecting_from is None and (on_scale or near_cursor)

    def _far_handle(self, x: float) -> int | None:
        """The end of the selection that stays when the one under the pointer is dragged."""
        if self.selection is None:
            return None
        start, end = self.selection
        if abs(self.scale.x_px(end) - x) < _HANDLE_PX:
            return start
        return end if abs(self.scale.x_px(start) - x) < _HANDLE_PX else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            self._hint(event)
            return
        x = event.position().x()
        by_px = x - self._pressed.x()
        if self._selecting_from is not None:
            self._select_to(x)
        elif self._scrubbing:
            if abs(by_px) > 1:
                self.scrubbed.emit(self.scale.time_at(x))
        elif self._panned_from is not None or abs(by_px) >= QApplication.startDragDistance():
            self._panned_from = self._panned_from or self.scale
            self._fling.dragged(x, self._monotonic_s())
            self.set_scale(self._panned_from.panned(by_px))

    def _select_to(self, x: float) -> None:
        assert self._selecting_from is not None
        other = self.scale.time_at(x)
        if abs(self.scale.x_px(self._selecting_from) - x) >= _LEAST_SELECTION_PX:
            self.select((min(self._selecting_from, other), max(self._selecting_from, other)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        if self._selecting_from is not None:
            self.selection_changed.emit(self.selection)
        elif self._panned_from is None:
            self.went.emit(self.scale.time_at(event.position().x()))
        elif self._fling.let_go(self._monotonic_s()):
            self._flying.start()
        if self._scrubbing:
            self.scrub_ended.emit()
        self._pressed = self._panned_from = self._selecting_from = None
        self._scrubbing = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.set_scale(self.scale.centred(self.scale.time_at(event.position().x())))

    def _fly(self) -> None:
        self.set_scale(self.scale.panned(self._fling.moved_px(self._monotonic_s())))
        if not self._fling.flying:
            self._flying.stop()

    def _stop_flying(self) -> None:
        self._fling.stop()
        self._flying.stop()

    # touch and keys

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QGestureEvent) and self._pinch(event):
            return True
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.set_scale(self.scale.zoomed(1 / max(0.1, 1 + event.value()), event.position().x()))
            return True
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._is_ours(event):
            event.accept()  # with the focus here these keys are the timeline's, not the window's
            return True
        return super().event(event)

    def _is_ours(self, event: QKeyEvent) -> bool:
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier & ~Qt.KeyboardModifier.ShiftModifier
        return plain and (event.key() in _ZOOM_KEYS or event.key() in _MOVE_KEYS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._is_ours(event):
            super().keyPressEvent(event)
            return
        self._stop_flying()
        key = Qt.Key(event.key())
        if key in _MOVE_KEYS:
            self.set_scale(self.scale.panned(_MOVE_KEYS[key] * self.width()))
            return
        x = self.scale.x_px(self._playhead)
        self.set_scale(self.scale.zoomed(_ZOOM_KEYS[key], x if 0 <= x <= self.width() else self.width() / 2))

    def _pinch(self, event: QGestureEvent) -> bool:
        pinch = event.gesture(Qt.GestureType.PinchGesture)
        if not isinstance(pinch, QPinchGesture):
            return False
        if pinch.state() == Qt.GestureState.GestureStarted or self._pinched_from is None:
            self._pinched_from = self.scale
            self._stop_flying()
        centre = self.mapFromGlobal(pinch.centerPoint().toPoint()).x()
        self.set_scale(self._pinched_from.zoomed(1 / max(0.01, pinch.totalScaleFactor()), centre))
        if pinch.state() in (Qt.GestureState.GestureFinished, Qt.GestureState.GestureCanceled):
            self._pinched_from = None
        return True

    # hints

    def hint_at(self, place: QPointF) -> str:
        """Return what to say about what is under the pointer."""
        at = self.scale.time_at(place.x())
        moment = local(at, self._zone)
        lines = [written(moment, "%a %d %b %H:%M:%S") + offset_mark(moment, self._zone)]
        content = self.content
        if paint.flags_row(self.width()).contains(place.toPoint()):
            for flags, key in ((content.bookmarks, "timeline.look_bookmark"), (content.locks, "timeline.look_lock")):
                flag = paint.flag_at(flags, self.scale, place.x())
                if flag is not None:
                    lines.append(f"{words(key)}: {flag.text}")
        for number, spans in enumerate((content.selected, content.all_in_view)):
            if self._track(number).contains(place.toPoint()):
                lines.extend(self._track_hint(number, list(spans), at))
        return "\n".join(lines)

    def _track_hint(self, number: int, spans: list[Span], at: int) -> list[str]:
        if not self.content.known:
            return [words("smart.loading")]
        if span_at(spans, at) is not None:
            with_sound = number == 0 and span_at(list(self.content.audio), at) is not None
            return [words("timeline.hint_recorded_sound" if with_sound else "smart.hint_recorded")]
        missing = missing_at(list(self.content.gaps), at) if number == 0 else None
        if missing is None:
            return [words("smart.hint_gap")]
        said = [words("smart.hint_gap_reason", reason=words(f"smart.gap_{missing.reason}"))]
        return [*said, missing.detail] if missing.detail else said

    def _hint(self, event: QMouseEvent) -> None:
        near = self._far_handle(event.position().x()) is not None
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)
        QToolTip.showText(event.globalPosition().toPoint(), self.hint_at(event.position()), self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.set_scale(self.scale)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "picture"):
            self._revision += 1
            self.update()
