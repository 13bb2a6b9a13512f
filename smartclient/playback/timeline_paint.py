"""Draws the timeline: everything that stands still in time goes into a picture that is only moved while it is dragged.

The picture is three times as wide as the view; cursor, selection and the edge of "now" are painted over it.
"""

from dataclasses import dataclass
from datetime import tzinfo

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen, QPixmap, QPolygonF

from common.foundation.clock import UtcUs
from common.ui.theme import colour, size_px, tabular
from smartclient.playback.daylight import nights
from smartclient.playback.looks import LOOKS, Look, gap_look
from smartclient.playback.scale import TimeScale
from smartclient.playback.spans import Span
from smartclient.playback.timeline_content import Content, Flag, visible

CURSOR_LABEL_PX = 20
SCALE_PX = 24
FLAGS_PX = 10
TRACK_PX = 16
GAP_PX = 4
HEIGHT_PX = CURSOR_LABEL_PX + SCALE_PX + FLAGS_PX + GAP_PX + 2 * (TRACK_PX + GAP_PX) + 2
TRACKS_TOP_PX = CURSOR_LABEL_PX + SCALE_PX + FLAGS_PX + GAP_PX
_LEAST_PX = 1.0


def track(number: int, width_px: int) -> QRect:
    """Where a track is: 0 the selected camera's, 1 that of all in view."""
    return QRect(0, TRACKS_TOP_PX + number * (TRACK_PX + GAP_PX), width_px, TRACK_PX)


def flags_row(width_px: int) -> QRect:
    """Where bookmarks and locks are."""
    return QRect(0, CURSOR_LABEL_PX + SCALE_PX + 2, width_px, FLAGS_PX)


@dataclass(frozen=True, slots=True)
class _Key:
    span_us: int
    view_px: int
    ratio: float
    revision: int


class TimelinePicture:
    """The drawn part of the timeline around what is shown; drawn anew when something else must be seen."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._key: _Key | None = None
        self._wide: TimeScale | None = None
        self._pixmap = QPixmap()
        self.drawn = 0

    def paint(self, painter: QPainter, scale: TimeScale, content: Content, font: QFont, revision: int) -> None:
        """Draw what `scale` shows; another `revision` means that content or colours changed."""
        device = painter.device()
        key = _Key(scale.span_us, scale.width_px, device.devicePixelRatio(), revision)
        wide = self._wide
        if key != self._key or wide is None or not wide.start_us <= scale.start_us <= scale.end_us <= wide.end_us:
            wide = TimeScale(UtcUs(scale.start_us - scale.span_us), 3 * scale.span_us, 3 * scale.width_px)
            self._pixmap = QPixmap(round(wide.width_px * key.ratio), round(HEIGHT_PX * key.ratio))
            self._pixmap.setDevicePixelRatio(key.ratio)
            own = QPainter(self._pixmap)
            try:
                _draw(own, wide, content, self._zone, font)
            finally:
                own.end()
            self._key, self._wide = key, wide
            self.drawn += 1
        painter.drawPixmap(QPointF(-wide.x_px(scale.start_us), 0), self._pixmap)


def _draw(painter: QPainter, scale: TimeScale, content: Content, zone: tzinfo | None, font: QFont) -> None:
    painter.fillRect(QRect(0, 0, scale.width_px, HEIGHT_PX), colour("panel"))
    _draw_nights(painter, scale, zone)
    _draw_scale(painter, scale, zone, font)
    _draw_flags(painter, scale, content)
    upper, lower = track(0, scale.width_px), track(1, scale.width_px)
    for place in (upper, lower):
        painter.fillRect(place, colour("base"))
        if content.known:
            painter.fillRect(place, LOOKS["gap"].brush())
    if not content.known:
        return
    for gap in content.gaps:
        look = gap_look(gap.reason)
        if look is not None and gap.end > scale.start_us and gap.start < scale.end_us:
            _bar(painter, scale, upper, (gap.start, gap.end), look)
    _bars(painter, scale, upper, content.selected, LOOKS["recorded"])
    _bars(painter, scale, upper, content.audio, LOOKS["audio"])
    _bars(painter, scale, lower, content.all_in_view, LOOKS["recorded_all"])


def _draw_nights(painter: QPainter, scale: TimeScale, zone: tzinfo | None) -> None:
    for dusk, dawn in nights(scale, zone):
        left, right = scale.x_px(dusk), scale.x_px(dawn)
        painter.fillRect(QRectF(left, CURSOR_LABEL_PX, right - left, SCALE_PX + FLAGS_PX + 2), colour("base"))


def _draw_scale(painter: QPainter, scale: TimeScale, zone: tzinfo | None, font: QFont) -> None:
    painter.setFont(font)
    metrics = QFontMetrics(font)
    bottom = CURSOR_LABEL_PX + SCALE_PX
    used_px = -1e9
    for mark in scale.marks(zone):
        x = scale.x_px(mark.at)
        painter.setPen(colour("edge" if mark.major else "line"))
        painter.drawLine(QPointF(x, bottom - (10 if mark.major else 6)), QPointF(x, HEIGHT_PX))
        width = metrics.horizontalAdvance(mark.label)
        left = x - width / 2
        if left > used_px + 8:
            painter.setPen(colour("text" if mark.major else "muted"))
            painter.drawText(QPointF(left, bottom - 11), mark.label)
            used_px = left + width


def _draw_flags(painter: QPainter, scale: TimeScale, content: Content) -> None:
    row = flags_row(scale.width_px)
    for lock in content.locks:
        if lock.end > scale.start_us and lock.start < scale.end_us:
            _bar(painter, scale, row.adjusted(0, 2, 0, -2), (lock.start, lock.end), LOOKS["lock"])
            painter.setPen(QPen(colour("lock"), 1))
            left, right = _edges(scale, (lock.start, lock.end))
            painter.drawRect(QRectF(left, row.top() + 2, max(2.0, right - left), row.height() - 4))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(LOOKS["bookmark"].brush())
    for mark in content.bookmarks:
        if scale.start_us <= mark.start < scale.end_us:
            x = scale.x_px(mark.start)
            points = [QPointF(x, row.top()), QPointF(x + 8, row.top() + 4), QPointF(x + 1.5, row.top() + 7)]
            painter.drawPolygon(QPolygonF([*points, QPointF(x + 1.5, row.bottom() + 2), QPointF(x, row.bottom() + 2)]))


def _bars(painter: QPainter, scale: TimeScale, place: QRect, spans: tuple[Span, ...], look: Look) -> None:
    for span in visible(spans, scale.start_us, scale.end_us):
        _bar(painter, scale, place, span, look)


def _bar(painter: QPainter, scale: TimeScale, place: QRect, span: Span, look: Look) -> None:
    left, right = _edges(scale, span)
    top = place.top() + place.height() * look.top
    painter.fillRect(QRectF(left, top, max(_LEAST_PX, right - left), place.height() * look.height), look.brush())


def _edges(scale: TimeScale, span: Span) -> tuple[float, float]:
    return max(-2.0, scale.x_px(span[0])), min(scale.width_px + 2.0, scale.x_px(span[1]))


def paint_selection(painter: QPainter, scale: TimeScale, span: Span) -> None:
    """The marked span: a veil, and handles at its ends."""
    left, right = scale.x_px(span[0]), scale.x_px(span[1])
    if right < 0 or left > scale.width_px:
        return
    top = CURSOR_LABEL_PX
    shown = QRectF(max(0.0, left), top, min(float(scale.width_px), right) - max(0.0, left), HEIGHT_PX - top)
    painter.fillRect(shown, colour("accent", 46))
    painter.setPen(QPen(colour("accent"), 2))
    for x in (left, right):
        painter.drawLine(QPointF(x, top), QPointF(x, HEIGHT_PX))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour("accent"))
    for x, way in ((left, 1), (right, -1)):
        painter.drawRect(QRectF(min(x, x + 6 * way), top, 6, 8))


def paint_future(painter: QPainter, scale: TimeScale, now: int) -> None:
    """Nothing can be missing after now."""
    x = max(0.0, scale.x_px(now))
    if x < scale.width_px:
        for number in (0, 1):
            place = track(number, scale.width_px)
            painter.fillRect(QRectF(x, place.top(), scale.width_px - x, place.height()), colour("base"))
        if x > 0:
            painter.setPen(QPen(colour("accent"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, CURSOR_LABEL_PX + SCALE_PX), QPointF(x, HEIGHT_PX))


def paint_cursor(painter: QPainter, scale: TimeScale, playhead: int, label: str, font: QFont) -> None:
    """The playhead and its time."""
    bold = tabular(font)
    bold.setBold(True)
    painter.setFont(bold)
    width = QFontMetrics(bold).horizontalAdvance(label) + 12
    x = scale.x_px(playhead)
    if 0 <= x <= scale.width_px:
        painter.setPen(QPen(colour("text"), 2))
        painter.drawLine(QPointF(x, CURSOR_LABEL_PX), QPointF(x, HEIGHT_PX))
    left = max(0.0, min(scale.width_px - width, x - width / 2))
    box = QRectF(left, 0, width, CURSOR_LABEL_PX)
    painter.fillRect(QRectF(0, 0, scale.width_px, CURSOR_LABEL_PX), colour("panel"))
    painter.fillRect(box, colour("selected"))
    painter.setPen(colour("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)


def scale_font(font: QFont) -> QFont:
    """The small figures of the scale."""
    small = tabular(font)
    small.setPixelSize(size_px("small_font"))
    return small


def flag_at(flags: tuple[Flag, ...], scale: TimeScale, x_px: float) -> Flag | None:
    """Return the flag under the pointer."""
    for flag in reversed(flags):
        if scale.x_px(flag.start) - 2 <= x_px <= max(scale.x_px(flag.start) + 8, scale.x_px(flag.end)):
            return flag
    return None
