"""The strips of the sequence explorer: a row of small pictures for each camera, drawn by one widget.

Only what is on screen is asked for; the pictures come from the bounded cache of `Thumbnails`.
"""

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from common.ui.dates import written
from common.ui.theme import colour
from common.ui.words import words
from smartclient.playback.scale import local, offset_mark
from smartclient.playback.thumbnails import Place, Thumbnails
from smartclient.search.intervals import Span, parts
from smartclient.site.snapshot import SiteCamera

_CELL_PX = (168, 95)
_NAME_PX = 22
_GAP_PX = 4
_MARGIN_PX = 8


class Strips(QWidget):
    """Arrow keys move; click and Enter narrow; Ctrl and click, and Space, go to playback."""

    narrowed = Signal(object)
    """Go into this Span."""
    went = Signal(str, object)
    """Play this camera from this time."""
    moved = Signal(object)
    """The cell with the focus is at this QRect: keep it in sight."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("strips")
        self.setAccessibleName(words("explorer.strips"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._thumbnails = thumbnails
        self._cameras: tuple[SiteCamera, ...] = ()
        self._span: Span = (0, 1)
        self._parts: list[Span] = []
        self._row = self._column = 0
        thumbnails.arrived.connect(self._arrived)

    def show_cameras(self, cameras: tuple[SiteCamera, ...], span: Span) -> None:
        """Show these cameras over this time."""
        self._cameras, self._span = cameras, span
        self._row = min(self._row, max(0, len(cameras) - 1))
        self._cut()

    def _cut(self) -> None:
        room = self.width() - 2 * _MARGIN_PX + _GAP_PX
        self._parts = parts(self._span, max(2, room // (_CELL_PX[0] + _GAP_PX)))
        self._column = min(self._column, len(self._parts) - 1)
        self.setFixedHeight(2 * _MARGIN_PX + len(self._cameras) * self._row_px())
        self.ask()
        self.update()

    def ask(self) -> None:
        """Fetch what is on screen, row by row."""
        if not self.isVisible():
            return
        seen = self.visibleRegion().boundingRect()
        tops = [self._cell(row, 0) for row in range(len(self._cameras))]
        rows = [row for row, cell in enumerate(tops) if cell.bottom() >= seen.top() and cell.top() <= seen.bottom()]
        self._thumbnails.want([self._place(row, column) for row in rows for column in range(len(self._parts))])

    def _place(self, row: int, column: int) -> Place:
        start, end = self._parts[column]
        return Place(self._cameras[row], start, end)

    # geometry

    def _row_px(self) -> int:
        return _NAME_PX + _CELL_PX[1] + _GAP_PX

    def _cell(self, row: int, column: int) -> QRect:
        count = max(1, len(self._parts))
        width = (self.width() - 2 * _MARGIN_PX - (count - 1) * _GAP_PX) // count
        left = _MARGIN_PX + column * (width + _GAP_PX)
        return QRect(left, _MARGIN_PX + row * self._row_px() + _NAME_PX, width, _CELL_PX[1])

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Row and column under a point."""
        for row in range(len(self._cameras)):
            for column in range(len(self._parts)):
                if self._cell(row, column).contains(x, y):
                    return row, column
        return None

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(event.rect(), colour("panel"))
            for row, camera in enumerate(self._cameras):
                name = QRect(_MARGIN_PX, _MARGIN_PX + row * self._row_px(), self.width() - 2 * _MARGIN_PX, _NAME_PX)
                painter.setPen(colour("text"))
                painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, camera.name)
                for column in range(len(self._parts)):
                    if self._cell(row, column).intersects(event.rect()):
                        self._paint_cell(painter, row, column)
        finally:
            painter.end()

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        box, small = self._cell(row, column), self._thumbnails.of(self._place(row, column))
        painter.fillRect(box, colour("base"))
        if small is not None and not small.image.isNull():
            size = small.image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(box.topLeft(), size)
            place.moveCenter(box.center())
            painter.drawImage(place, small.image)
        else:
            key = "smart.loading" if small is None else "timeline.nothing_recorded"
            painter.setPen(colour("faint" if small is None else "muted"))
            painter.drawText(
                box.adjusted(4, 0, -4, -18),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                words("timeline.preview_failed" if small is not None and small.error else key),
            )
        self._paint_time(painter, box, column)
        if (row, column) == (self._row, self._column):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent" if self.hasFocus() else "edge"), 2))
            painter.drawRect(box.adjusted(1, 1, -1, -1))

    def _paint_time(self, painter: QPainter, box: QRect, column: int) -> None:
        line = QRect(box.left(), box.bottom() - 17, box.width(), 18)
        painter.fillRect(line, colour("base", 190))
        painter.setPen(colour("text"))
        metrics = painter.fontMetrics()
        text = self._time_text(self._parts[column][0])
        painter.drawText(
            line, Qt.AlignmentFlag.AlignCenter, metrics.elidedText(text, Qt.TextElideMode.ElideLeft, line.width() - 4)
        )

    def _time_text(self, at: int) -> str:
        moment = local(at, None)
        long = self._span[1] - self._span[0] > 86_400_000_000
        return written(moment, "%a %d %b %H:%M" if long else "%H:%M:%S") + offset_mark(moment, None)

    def _arrived(self, place: Place) -> None:
        if (place.start, place.end) in self._parts and place.camera in self._cameras:
            row = self._cameras.index(place.camera)
            self.update(self._cell(row, self._parts.index((place.start, place.end))))

    # pointer and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self.cell_at(event.position().toPoint().x(), event.position().toPoint().y())
        if event.button() == Qt.MouseButton.LeftButton and found is not None:
            self._focus(*found)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        found = self.cell_at(event.position().toPoint().x(), event.position().toPoint().y())
        if event.button() == Qt.MouseButton.LeftButton and found == (self._row, self._column):
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._go()
            else:
                self.narrowed.emit(self._parts[self._column])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self.cell_at(event.position().toPoint().x(), event.position().toPoint().y())
        if found is None:
            QToolTip.hideText()
            return
        small = self._thumbnails.of(self._place(*found))
        start, end = (self._time_text(at) for at in self._parts[found[1]])
        detail = f"\n{small.error}" if small is not None and small.error else ""
        said = words("explorer.hint", camera=self._cameras[found[0]].name, start=start, end=end)
        QToolTip.showText(event.globalPosition().toPoint(), said + detail, self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        key = Qt.Key(event.key())
        if key in moves and self._parts and self._cameras:
            by_row, by_column = moves[key]
            self._focus(
                min(max(0, self._row + by_row), len(self._cameras) - 1),
                min(max(0, self._column + by_column), len(self._parts) - 1),
            )
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._parts:
            self.narrowed.emit(self._parts[self._column])
        elif key == Qt.Key.Key_Space and self._parts and self._cameras:
            self._go()
        else:
            super().keyPressEvent(event)

    def current(self) -> tuple[SiteCamera, Span] | None:
        """The cell with the focus."""
        if not self._cameras or not self._parts:
            return None
        return self._cameras[self._row], self._parts[self._column]

    def _focus(self, row: int, column: int) -> None:
        self._row, self._column = row, column
        self.moved.emit(self._cell(row, column))
        self.update()

    def _go(self) -> None:
        camera, (start, _) = self._cameras[self._row], self._parts[self._column]
        small = self._thumbnails.of(self._place(self._row, self._column))
        begins = small is not None and small.at_us > start  # the recording begins within the part
        self.went.emit(camera.id, small.at_us if small is not None and begins else start)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._cut()
