"""One tile of the grid: what it shows of its camera, and what is done to it. `tile_paint` draws it."""

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QDrag,
    QDragEnterEvent,
    QDropEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from common.foundation.clock import UtcUs
from common.ui.icons import State
from common.ui.item_model import dragged_keys
from common.ui.theme import colour, size_px
from common.ui.words import words
from smartclient.live.hover_bar import LEAST_PX, HoverBar
from smartclient.live.own_time import OwnTime, OwnTimeBar
from smartclient.live.tile_paint import (
    TileBar,
    paint_bar,
    paint_edge,
    paint_empty,
    paint_picture,
    paint_words,
    picture_place,
)
from smartclient.live.wording import (
    LOOK_US,
    OLD_AFTER_US,
    TileWords,
    age_text,
    clock_time,
    live_words,
    quality_hint,
    quality_words,
    recorded_words,
)
from smartclient.live.zoom import Zoom
from smartclient.video.control import PLAYBACK_GROUP
from smartclient.video.engine import VideoEngine
from smartclient.video.feed import FeedSource, TileFeed
from smartclient.video.slots import monotonic_us

TILE_MIME = "application/x-vedette-tile"
_RESIZE_AFTER_MS = 120
_NOTCH = 120  # of QWheelEvent: eighths of a degree
_SILENT = TileWords()


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
    acted = Signal(int, str)
    """A button on the tile: place and name of the action."""
    go_asked = Signal(object)
    """Playback is to go to this time (UtcUs): the next recording."""

    def __init__(self, place: int, engine: VideoEngine, recorded: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"tile_{place}")
        self.place = place
        self.camera = ""
        self.caption = ""
        """What shows its camera here: a hotspot, a carousel; "" for the camera itself."""
        self.faced = False
        """Something that is no camera covers it."""
        self.playhead_us: UtcUs | None = None
        self._name = ""
        self._recorder = ("", "")
        self._engine = engine
        self._recorded = recorded
        self._group = PLAYBACK_GROUP
        self.own: OwnTime | None = None
        """The time of its own that it plays recordings at."""
        self._own_bar: OwnTimeBar | None = None
        self._hover: HoverBar | None = None
        self._feed: TileFeed | None = None
        self._image: QImage | None = None
        self._selected = False
        self._listened = False
        self._pressed_at: QPoint | None = None
        self._drop_here = False
        self._said = _SILENT
        self._old = False  # live, and too old to be shown as that
        self._grey: QImage | None = None
        self._place: QRect | None = None  # of the picture when nothing but the picture changes; None: paint all
        self._corner = QPoint()
        self._size_px = (0, 0)
        self._second = 0
        self.zoom = Zoom()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAcceptDrops(True)
        self.setMinimumSize(64, 48)
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        self._resized.setInterval(_RESIZE_AFTER_MS)
        self._resized.timeout.connect(self._fit)
        self._next: QPushButton | None = None

    # content

    def show_camera(self, camera: str, name: str, recorder: str, recorder_name: str) -> None:
        """Show this camera from now on; "" empties the tile."""
        moved = (camera, recorder) != (self.camera, self._recorder[0])
        self.camera, self._name, self._recorder = camera, name, (recorder, recorder_name)
        self.setAccessibleName(name or self.caption or words("smart.empty_tile"))
        if moved:
            self.end_own()
            self._stop()
            self._image = self._grey = None
            self._old = False
            self.zoom = Zoom()
            self._start()
        self._paint_all()

    def select(self, selected: bool, listened: bool) -> None:
        """Mark the tile as the selected one, and as the one that is heard."""
        if (selected, listened) != (self._selected, self._listened):
            self._selected, self._listened = selected, listened
            self._paint_all()

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
            was_old = self._old
            self._old = self._is_old()
            said = self._words()
            if said != self._said or self._old or was_old:
                self._said = said
                self._paint_all()
            self._place_button()

    @property
    def name(self) -> str:
        """The camera's name."""
        return self._name

    # a time of its own

    def play_own(self, back_us: int, *, replay: bool = False) -> None:
        """Play what was recorded so long ago, here only. A `replay` is live again when it comes to now."""
        if not self.camera or self._feed is None or (self._recorded and self.own is None):
            return
        if self.own is None:
            self.own = OwnTime(self._engine, self._recorder[0], self)
            self.own.ticked.connect(self._own_ticked)
            self.own.ended.connect(self.end_own)
            self.own.start(back_us, replay=replay)
            self._show_recorded(True, self.own.group)
            self._own_bar = OwnTimeBar(self.own, self)
            self._own_bar.live_asked.connect(self.end_own)
        else:
            self.own.start(back_us, replay=replay)

    def end_own(self) -> bool:
        """Live again; False when it was."""
        own, self.own = self.own, None
        if own is None:
            return False
        if self._own_bar is not None:
            self._own_bar.hide()
            self._own_bar.deleteLater()
            self._own_bar = None
        self._show_recorded(False, PLAYBACK_GROUP)
        own.close()
        own.deleteLater()
        return True

    def _own_ticked(self) -> None:
        if self.own is not None:
            self.playhead_us = self.own.master.playhead_us

    def _show_recorded(self, recorded: bool, group: int) -> None:
        self._stop()
        self._recorded, self._group, self.playhead_us = recorded, group, None
        self._image = self._grey = None
        self._old = False
        self._start()
        self._paint_all()

    def _start(self) -> None:
        if self._feed is not None or not self.camera or not self.isVisible() or not self._recorder[0]:
            return
        width_px, height_px = self._picture_px()
        source = FeedSource(self._recorder[0], self.camera, recorded=self._recorded, group=self._group)
        self._feed = self._engine.open(source, width_px, height_px)
        if self.own is not None:
            self.own.feed = self._feed
        self._feed.zoom(self.zoom.part)
        self._feed.arrived = self._arrived
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
        self.end_own()
        self._stop()

    def _arrived(self) -> None:
        """Take the newest picture. Runs 1600 times a second on a wall: as long as only the picture is another, only
        its place is painted."""
        feed = self._feed
        if feed is None:
            return
        before, image = self._image, feed.take()
        place, self._image, info = self._place, image, feed.info
        if place is not None and before is not None and image is not None and info is not None:
            size = info.width_px, info.height_px
            same, self._size_px = size == self._size_px, size
            if same and (not self._recorded or self._plays_on(feed)):
                self.update(place)
                return
        self._grey = None
        self._old = self._is_old()
        said = self._words()
        if said != self._said:
            self._said = said
            self._place_button()
        self._paint_all()

    def _plays_on(self, feed: TileFeed) -> bool:
        """Whether only the picture of a recording is another: no gap may begin here, and the second is the same."""
        if feed.state.gaps or feed.info is None:
            return False
        second, self._second = self._second, feed.info.utc_us // 1_000_000
        return second == self._second

    def _state_changed(self) -> None:
        self._old = self._is_old()
        self._said = self._words()
        self._place_button()
        quality = None if self._feed is None else self._feed.quality
        self.setToolTip(quality_hint(quality) if quality is not None and not self._recorded else "")
        self._paint_all()

    def _paint_all(self) -> None:
        self._place = None
        self.update()

    def _is_old(self) -> bool:
        """Whether the live picture is, or will be before the next look, too old to pass for live."""
        return self._age_us() > OLD_AFTER_US - LOOK_US

    def _words(self) -> TileWords:
        if self._feed is None:
            return TileWords()
        state, now_us = self._feed.state, monotonic_us()
        if not self._recorded:
            age_us = self._age_us() if self._old else 0
            return live_words(
                state, self._image is not None, now_us, self._recorder[1], age_us=age_us, quality=self._feed.quality
            )
        has_picture, name = self._image is not None, self._recorder[1]
        return recorded_words(state, has_picture, now_us, name, self._gap(), playhead_us=self.playhead_us)

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
            place, image = self._place, self._image
            if place is not None and image is not None and place.contains(event.rect()):
                painter.drawImage(self._corner, image)
                return
            painter.fillRect(self.rect(), colour("base"))
            if self.camera:
                self._paint_camera(painter)
            elif not self.faced:
                paint_empty(painter, self.rect().adjusted(4, 4, -4, -4), self._selected)
            if self._selected or self._drop_here:
                paint_edge(painter, self.rect(), dashed=not self._selected)
        finally:
            painter.end()

    def _paint_camera(self, painter: QPainter) -> None:
        box, said = self._picture_box(), self._said
        painter.fillRect(box, QColor(0, 0, 0))
        image = None if said.covers else self._image
        grey = self._old or (said.headline != "" and not self._recorded)
        if image is not None:
            ratio = self.devicePixelRatioF()
            paint_picture(painter, box, self._greyed(image) if grey else image, ratio)
            if said.headline:
                painter.fillRect(box, QColor(10, 12, 16, 170))  # words stay readable on any picture
            elif not grey and ratio == 1.0:
                self._place = picture_place(box, image)
                self._corner = self._place.topLeft()
        if said.headline:
            paint_words(painter, box, self.font(), said, on_picture=image is not None)
        note, tint = self._bar_note()
        badge, badge_tint = self._badge()
        bar = QRect(2, 2, self.width() - 4, self._bar_px())
        name = f"{self.caption} · {self._name}" if self.caption else self._name
        paint_bar(painter, bar, self.font(), TileBar(name, self._dot(), note, tint, self._listened, badge, badge_tint))

    def _greyed(self, image: QImage) -> QImage:
        """The last picture without its colours, made once."""
        if self._grey is None or self._grey.size() != image.size():
            self._grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
        return self._grey

    def _badge(self) -> tuple[str, str]:
        if self._feed is None:
            return "", "muted"
        if self.own is not None:
            return words("own_time.badge"), "accent"
        said, tint = ("", "muted") if self._recorded else quality_words(self._feed.quality)
        if self.zoom.active:
            times = words("smart.zoomed", n=f"{self.zoom.times:.1f}")
            return (f"{times}  {said}", tint if tint == "warn" else "accent") if said else (times, "accent")
        return said, tint

    def _bar_note(self) -> tuple[str, str]:
        info = None if self._feed is None else self._feed.info
        if info is None:
            return "", "muted"
        if self._recorded:
            return ("", "muted") if self._said.covers else (clock_time(info.utc_us, seconds=True), "text")
        age_us = self._age_us()
        return (age_text(age_us), "warn") if self._old else ("", "muted")

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
        return State.OK if self._image is not None and not self._old else State.UNKNOWN

    def _place_button(self) -> None:
        gap = self._gap() if self._recorded else None
        wanted = self._said.covers and gap is not None and gap[1] is not None and self.height() > 140
        if wanted:
            if self._next is None:
                self._next = QPushButton(words("smart.go_to_next"), self)
                self._next.setObjectName(f"tile_{self.place}_next")
                self._next.clicked.connect(self._go_to_next)
            self._next.adjustSize()
            box = self._picture_box()
            self._next.move(box.center().x() - self._next.width() // 2, box.center().y() + 28)
        if self._next is not None and wanted == self._next.isHidden():
            self._next.setVisible(wanted)

    def _go_to_next(self) -> None:
        gap = self._gap()
        if gap is not None and gap[1] is not None:
            self.go_asked.emit(UtcUs(gap[1]))

    # events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place = None
        self._resized.start()
        self._place_button()

    def showEvent(self, event: QEvent) -> None:
        self._start()

    def hideEvent(self, event: QEvent) -> None:
        self._stop()

    def enterEvent(self, event: QEvent) -> None:
        self._show_hover()

    def leaveEvent(self, event: QEvent) -> None:
        if self._hover is not None:
            self._hover.hide()

    def _show_hover(self) -> None:
        if self._feed is None or self.width() < LEAST_PX[0] or self.height() < LEAST_PX[1]:
            return
        if self._hover is None:
            self._hover = HoverBar(self, lambda action: self.acted.emit(self.place, action))
        self._hover.show_for(recorded=self._recorded and self.own is None, top_px=self._bar_px())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()
        self.chosen.emit(self.place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (self.camera or self.faced):
            self.opened.emit(self.place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        start = self._pressed_at
        if start is None or not (self.camera or self.faced):
            return
        if self.zoom.active:
            self._pan(start, event.position().toPoint())
            return
        if (event.position().toPoint() - start).manhattanLength() < QApplication.startDragDistance():
            return
        self._pressed_at = None
        drag = QDrag(self)
        data = QMimeData()
        data.setData(TILE_MIME, str(self.place).encode())
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.MoveAction)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.camera and self._image is not None and event.angleDelta().y():
            self.zoom_by(event.angleDelta().y() / _NOTCH, event.position())
            event.accept()
        else:
            super().wheelEvent(event)

    def zoom_by(self, notches: float, at: QPointF | None = None) -> None:
        """Enlarge (negative: reduce) the picture around a point, its middle when None."""
        image = self._image
        if image is None:
            return
        place = picture_place(self._picture_box(), image, self.devicePixelRatioF())
        x, y = 0.5, 0.5
        if at is not None:
            x = (at.x() - place.x()) / max(1, place.width())
            y = (at.y() - place.y()) / max(1, place.height())
        self._set_zoom(self.zoom.by(notches, min(1.0, max(0.0, x)), min(1.0, max(0.0, y))))

    def show_whole(self) -> bool:
        """Undo the zoom; False when there was none."""
        if not self.zoom.active:
            return False
        self._set_zoom(Zoom())
        return True

    def _pan(self, start: QPoint, now: QPoint) -> None:
        self._pressed_at = now
        box = self._picture_box()
        self._set_zoom(
            self.zoom.moved((now.x() - start.x()) / max(1, box.width()), (now.y() - start.y()) / max(1, box.height()))
        )

    def _set_zoom(self, zoom: Zoom) -> None:
        if zoom != self.zoom:
            self.zoom = zoom
            if self._feed is not None:
                self._feed.zoom(zoom.part)
            self._paint_all()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(TILE_MIME) or dragged_keys(event.mimeData()):
            event.acceptProposedAction()
            self._drop_here = True
            self._paint_all()

    def dragLeaveEvent(self, event: QEvent) -> None:
        self._drop_here = False
        self._paint_all()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_here = False
        self._paint_all()
        data = event.mimeData()
        if data.hasFormat(TILE_MIME):
            source = event.source()
            event.acceptProposedAction()
            if isinstance(source, Tile) and source.parent() is self.parent():
                self.swapped.emit(source.place, self.place)
            elif isinstance(source, Tile):  # of another window: it keeps its camera
                self.dropped.emit(self.place, (source.camera,) if source.camera else ())
        elif keys := dragged_keys(data):
            event.acceptProposedAction()
            self.dropped.emit(self.place, keys)
