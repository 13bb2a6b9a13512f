"""One tile of the grid: title bar, picture, and what is said when there is none. It only paints."""

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QDrag,
    QDragEnterEvent,
    QDropEvent,
    QFont,
    QFontMetrics,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from common.foundation.clock import UtcUs
from common.ui.icons import State, icon, paint_state_dot
from common.ui.item_model import dragged_keys
from common.ui.theme import colour, size_px, tabular
from common.ui.words import words
from smartclient.live.wording import OLD_AFTER_US, TileWords, age_text, clock_time, live_words, recorded_words
from smartclient.video.engine import VideoEngine
from smartclient.video.feed import FeedSource, TileFeed
from smartclient.video.slots import monotonic_us

TILE_MIME = "application/x-vedette-tile"
_RESIZE_AFTER_MS = 120


class Tile(QWidget):
    """Shows one camera, or an invitation to choose one."""

    chosen = Signal(int)
    """Pressed: this place is the selected one now."""
    opened = Signal(int)
    """Double click: maximise or go back."""
    dropped = Signal(int, tuple)
    """Place and the keys dragged there from the tree."""
    swapped = Signal(int, int)
    """Another tile was dragged here: from, to."""
    go_asked = Signal(object)
    """Playback is to go to this time (UtcUs): the next recording."""

    def __init__(self, place: int, engine: VideoEngine, recorded: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"tile_{place}")
        self.place = place
        self.camera = ""
        self.playhead_us: UtcUs | None = None
        self._name = ""
        self._recorder = ("", "")
        self._engine = engine
        self._recorded = recorded
        self._feed: TileFeed | None = None
        self._image: QImage | None = None
        self._selected = False
        self._listened = False
        self._pressed_at: QPoint | None = None
        self._drop_here = False
        self._said = TileWords()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAcceptDrops(True)
        self.setMinimumSize(64, 48)
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        self._resized.setInterval(_RESIZE_AFTER_MS)
        self._resized.timeout.connect(self._fit)
        self._next = QPushButton(words("smart.go_to_next"), self)
        self._next.setObjectName(f"tile_{place}_next")
        self._next.clicked.connect(self._go_to_next)
        self._next.hide()

    # content

    def show_camera(self, camera: str, name: str, recorder: str, recorder_name: str) -> None:
        """Show this camera from now on; "" empties the tile."""
        moved = (camera, recorder) != (self.camera, self._recorder[0])
        self.camera, self._name, self._recorder = camera, name, (recorder, recorder_name)
        self.setAccessibleName(name or words("smart.empty_tile"))
        if moved:
            self._stop()
            self._image = None
            self._start()
        self.update()

    def select(self, selected: bool, listened: bool) -> None:
        """Mark the tile as the selected one, and as the one that is heard."""
        if (selected, listened) != (self._selected, self._listened):
            self._selected, self._listened = selected, listened
            self.update()

    @property
    def feed(self) -> TileFeed | None:
        """The pictures, None while nothing is to be decoded."""
        return self._feed

    @property
    def said(self) -> TileWords:
        """What the tile says instead of, or above, its picture."""
        return self._said

    def look_again(self) -> None:
        """Time has passed: ages and countdowns change, also without a new picture."""
        if self.isVisible() and self.camera:
            said = self._words()
            if said != self._said or self._age_us() > OLD_AFTER_US:
                self._said = said
                self.update()
            self._place_button()

    def _start(self) -> None:
        if self._feed is not None or not self.camera or not self.isVisible() or not self._recorder[0]:
            return
        width_px, height_px = self._picture_px()
        source = FeedSource(self._recorder[0], self.camera, recorded=self._recorded)
        self._feed = self._engine.open(source, width_px, height_px)
        self._feed.arrived.connect(self._arrived)
        self._feed.changed.connect(self._state_changed)
        self._said = self._words()

    def _stop(self) -> None:
        """Nobody sees it: nothing is decoded. The last picture stays, with its age."""
        if self._feed is not None:
            feed, self._feed = self._feed, None
            if self._image is not None:
                self._image = self._image.copy()
            feed.close()
            feed.deleteLater()

    def release(self) -> None:
        """Stop for good."""
        self._stop()

    def _arrived(self) -> None:
        if self._feed is not None:
            self._image = self._feed.take()
            said = self._words()
            if said != self._said:
                self._said = said
                self._place_button()
            self.update()

    def _state_changed(self) -> None:
        self._said = self._words()
        self._place_button()
        self.update()

    def _words(self) -> TileWords:
        if self._feed is None:
            return TileWords()
        state, now_us = self._feed.state, monotonic_us()
        if not self._recorded:
            return live_words(state, self._image is not None, now_us, self._recorder[1])
        return recorded_words(state, self._image is not None, now_us, self._recorder[1], self._gap())

    def _gap(self) -> tuple[int, int | None] | None:
        if self._feed is None or self.playhead_us is None:
            return None
        return self._feed.gap_at(self.playhead_us)

    def _age_us(self) -> int:
        """How old the shown live picture is by the recorder's clock, by its arrival before that is known."""
        info = None if self._feed is None else self._feed.info
        if info is None or self._recorded:
            return 0
        recorder_now_us = self._engine.recorder_now_us(self._recorder[0])
        if recorder_now_us is not None:
            return max(0, recorder_now_us - info.utc_us)
        return monotonic_us() - info.shown_us

    # geometry

    def _bar_px(self) -> int:
        return size_px("tile_bar")

    def _picture_box(self) -> QRect:
        return self.rect().adjusted(2, 2 + self._bar_px(), -2, -2)

    def _picture_px(self) -> tuple[int, int]:
        box, ratio = self._picture_box(), self.devicePixelRatioF()
        return max(16, round(box.width() * ratio)), max(16, round(box.height() * ratio))

    def _fit(self) -> None:
        if self._feed is not None:
            self._feed.resize(*self._picture_px())

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), colour("base"))
            if self.camera:
                self._paint_picture(painter)
                self._paint_bar(painter)
            else:
                self._paint_empty(painter)
            self._paint_edge(painter)
        finally:
            painter.end()

    def _paint_picture(self, painter: QPainter) -> None:
        box = self._picture_box()
        said = self._said
        painter.fillRect(box, QColor(0, 0, 0))
        image = None if said.covers else self._image
        if image is not None:
            ratio = self.devicePixelRatioF()
            size = QRectF(QPointF(), image.size() / ratio).size()
            if abs(size.width() - box.width()) > 1.5 and abs(size.height() - box.height()) > 1.5:
                size.scale(box.size().toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)  # until the decoder has followed
            corner = QPointF(
                round(box.left() + (box.width() - size.width()) / 2),
                round(box.top() + (box.height() - size.height()) / 2),
            )
            painter.drawImage(QRectF(corner, size), image)
            if said.headline:
                painter.fillRect(box, QColor(10, 12, 16, 200))  # words stay readable on any picture
            elif self._age_us() > OLD_AFTER_US:
                painter.fillRect(box, QColor(10, 12, 16, 140))
        if said.headline:
            self._paint_words(painter, box, said)

    def _paint_words(self, painter: QPainter, box: QRect, said: TileWords) -> None:
        head = QFont(self.font())
        head.setPixelSize(size_px("heading_font") if box.width() > 200 else size_px("font"))
        head.setBold(True)
        small = QFont(self.font())
        small.setPixelSize(size_px("small_font"))
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        wide = box.adjusted(12, 0, -12, 0)
        head_box = QFontMetrics(head).boundingRect(wide, flags, said.headline)
        small_box = QFontMetrics(small).boundingRect(wide, flags, said.detail)
        total = head_box.height() + (6 + small_box.height() if said.detail else 0)
        top = box.center().y() - total // 2
        painter.setFont(head)
        painter.setPen(colour(said.tone if said.tone != "muted" else "text"))
        painter.drawText(QRect(wide.left(), top, wide.width(), head_box.height() + 2), flags, said.headline)
        if said.detail:
            painter.setFont(small)
            painter.setPen(colour("text" if self._image is not None and not said.covers else "muted"))
            painter.drawText(
                QRect(wide.left(), top + head_box.height() + 6, wide.width(), small_box.height() + 2),
                flags,
                said.detail,
            )

    def _paint_bar(self, painter: QPainter) -> None:
        bar = QRect(2, 2, self.width() - 4, self._bar_px())
        painter.fillRect(bar, colour("panel"))
        font = tabular(self.font())
        font.setPixelSize(size_px("small_font"))
        painter.setFont(font)
        right = bar.right() - 6
        dot = QRectF(right - 8, bar.center().y() - 3.5, 8, 8)
        paint_state_dot(painter, dot, self._dot())
        right -= 16
        if self._listened:
            sign = icon("sound", "accent").pixmap(14, 14)
            painter.drawPixmap(right - 14, bar.top() + 3, sign)
            right -= 20
        note, tint = self._bar_note()
        metrics = QFontMetrics(font)
        if note:
            width = metrics.horizontalAdvance(note)
            painter.setPen(colour(tint))
            painter.drawText(QRect(right - width, bar.top(), width, bar.height()), Qt.AlignmentFlag.AlignVCenter, note)
            right -= width + 8
        painter.setPen(colour("text"))
        name_box = QRect(bar.left() + 6, bar.top(), max(0, right - bar.left() - 6), bar.height())
        name = metrics.elidedText(self._name, Qt.TextElideMode.ElideRight, name_box.width())
        painter.drawText(name_box, Qt.AlignmentFlag.AlignVCenter, name)

    def _bar_note(self) -> tuple[str, str]:
        info = None if self._feed is None else self._feed.info
        if info is None:
            return "", "muted"
        if self._recorded:
            return ("", "muted") if self._said.covers else (clock_time(info.utc_us, seconds=True), "text")
        age_us = self._age_us()
        return (age_text(age_us), "warn") if age_us > OLD_AFTER_US else ("", "muted")

    def _dot(self) -> State:
        if self._feed is None:
            return State.OFF
        state = self._feed.state
        if not state.recorder_connected:
            return State.ALARM
        if state.state in ("lost", "broken", "refused"):
            return State.WARN
        if self._recorded or state.state == "stopped":
            return State.OFF
        return State.OK if self._image is not None and self._age_us() <= OLD_AFTER_US else State.UNKNOWN

    def _paint_empty(self, painter: QPainter) -> None:
        box = self.rect().adjusted(4, 4, -4, -4)
        painter.setPen(QPen(colour("line"), 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(colour("faint"))
        painter.drawText(
            box.adjusted(12, 0, -12, 0),
            int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap),
            words("smart.drop_here" if self._selected else "smart.drop_here_short"),
        )

    def _paint_edge(self, painter: QPainter) -> None:
        if self._selected or self._drop_here:
            painter.setPen(QPen(colour("accent"), 2, Qt.PenStyle.SolidLine if self._selected else Qt.PenStyle.DashLine))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _place_button(self) -> None:
        gap = self._gap() if self._recorded else None
        wanted = self._said.covers and gap is not None and gap[1] is not None and self.height() > 140
        if wanted:
            self._next.adjustSize()
            box = self._picture_box()
            self._next.move(box.center().x() - self._next.width() // 2, box.center().y() + 28)
        if wanted == self._next.isHidden():
            self._next.setVisible(wanted)

    def _go_to_next(self) -> None:
        gap = self._gap()
        if gap is not None and gap[1] is not None:
            self.go_asked.emit(UtcUs(gap[1]))

    # events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._resized.start()
        self._place_button()

    def showEvent(self, event: QEvent) -> None:
        self._start()

    def hideEvent(self, event: QEvent) -> None:
        self._stop()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()
        self.chosen.emit(self.place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.camera:
            self.opened.emit(self.place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        start = self._pressed_at
        if start is None or not self.camera:
            return
        if (event.position().toPoint() - start).manhattanLength() < QApplication.startDragDistance():
            return
        self._pressed_at = None
        drag = QDrag(self)
        data = QMimeData()
        data.setData(TILE_MIME, str(self.place).encode())
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(TILE_MIME) or dragged_keys(event.mimeData()):
            event.acceptProposedAction()
            self._drop_here = True
            self.update()

    def dragLeaveEvent(self, event: QEvent) -> None:
        self._drop_here = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_here = False
        self.update()
        data = event.mimeData()
        if data.hasFormat(TILE_MIME):
            place = bytes(data.data(TILE_MIME).data())
            if place.isdigit():
                event.acceptProposedAction()
                self.swapped.emit(int(place), self.place)
        elif keys := dragged_keys(data):
            event.acceptProposedAction()
            self.dropped.emit(self.place, keys)
