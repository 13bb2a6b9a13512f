"""Set-up mode: the places of a view are split, merged and moved over the live pictures, by mouse and by keyboard."""

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from common.foundation.errors import VmsError
from common.ui.icons import icon
from common.ui.item_model import dragged_keys
from common.ui.theme import colour, set_role
from common.ui.words import sentence, words
from smartclient.live.faces import hint_of
from smartclient.live.grid import TileGrid
from smartclient.views.item_choice import ItemChoice
from smartclient.views.items import MOST_DEFINITION_CHARS, Carousel, content_of, is_item, item_from
from smartclient.views.layout_edit import STEP, Edge, Edited, edge_at, edge_of, merge, move_edge, split
from smartclient.views.layouts import MOST_PLACES, SIDE, Layout, neighbour
from smartclient.views.text import contents_text

_NEAR_PX = 6
_MOST_UNDONE = 100
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_TOOLS = (
    ("beside", "split_beside"),
    ("below", "split_below"),
    ("item", "add"),
    ("edit", "rename"),
    ("undo", "discard"),
)

_HINTS = {"item": "items.add", "edit": "items.edit"}


class SetUp(QWidget):
    """Covers a grid while its layout is changed. Nothing is another for the grid before `finish`."""

    finished = Signal(bool)
    """Whether what was done is to be kept."""

    def __init__(self, grid: TileGrid, is_camera: Callable[[str], bool]) -> None:
        super().__init__(grid)
        self.setObjectName("set_up")
        self.setAccessibleName(words("setup.title"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self._grid = grid
        self._is_camera = is_camera
        self.layout_now: Layout = grid.arrangement
        self.cameras: tuple[str, ...] = grid.cameras[: len(self.layout_now)]
        self.selected = grid.selected_tile.place
        self._undo: deque[tuple[Layout, tuple[str, ...]]] = deque(maxlen=_MOST_UNDONE)
        self._edge: Edge | None = None
        self._dragged_from: tuple[Layout, tuple[str, ...]] | None = None
        self.choice = ItemChoice(grid.site, self)
        self.choice.chosen.connect(lambda content: self.put(self.selected, content))
        self.choice.failed.connect(self._say_error)
        self.hint = QLabel(words("setup.hint"))
        self.bar = self._make_bar()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 32, 12, 12)
        column.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        grid.installEventFilter(self)
        self.setGeometry(grid.rect())
        self.show()
        self.raise_()
        self.setFocus()

    def _make_bar(self) -> QWidget:
        bar = QFrame()
        set_role(bar, "card")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        self.hint.setToolTip(words("setup.keys"))
        row.addWidget(self.hint)
        for name, glyph in _TOOLS:
            button = QToolButton()
            button.setObjectName(f"setup_{name}")
            button.setIcon(icon(glyph, "text"))
            button.setToolTip(words(_HINTS.get(name, f"setup.{name}")))
            button.setAccessibleName(button.toolTip())
            button.clicked.connect(getattr(self, f"do_{name}"))
            row.addWidget(button)
        discard, done = QPushButton(words("setup.discard")), QPushButton(words("setup.done"))
        discard.setObjectName("setup_discard")
        done.setObjectName("setup_done")
        set_role(done, "primary")
        discard.clicked.connect(lambda: self.finish(keep=False))
        done.clicked.connect(lambda: self.finish(keep=True))
        row.addWidget(discard)
        row.addWidget(done)
        return bar

    # what is done

    def do_beside(self) -> None:
        """Split the selected place into two side by side."""
        self._take(split(self.layout_now, self.selected, side_by_side=True))

    def do_below(self) -> None:
        """Split the selected place into two, one above the other."""
        self._take(split(self.layout_now, self.selected, side_by_side=False))

    def do_undo(self) -> None:
        """Take back the last step."""
        if self._undo:
            self.layout_now, self.cameras = self._undo.pop()
            self.selected = min(self.selected, len(self.layout_now) - 1)
            self.update()

    def merge_with(self, dx: int, dy: int) -> None:
        """Let the selected place take its neighbours in a direction, if they end where it ends."""
        self._take(merge(self.layout_now, self.selected, dx, dy))

    def push_edge(self, dx: int, dy: int) -> None:
        """Move an edge of the selected place by a step."""
        edge = edge_of(self.layout_now, self.selected, upright=bool(dx))
        if edge is not None:
            moved = move_edge(self.layout_now, edge, edge.at + (dx + dy) * STEP, snap=False)
            self._change(moved, self.cameras)

    def put(self, number: int, content: str) -> None:
        """Show a camera or an item in a place; "" empties it. What would be too much to store is said."""
        contents = (*self.cameras[:number], content, *self.cameras[number + 1 :])
        if len(contents_text(contents)) > MOST_DEFINITION_CHARS:
            self._say(words("items.too_large"))
            return
        self._say("")
        self._change(self.layout_now, contents)

    def do_item(self) -> None:
        """Ask what else than a camera is to stand in the selected place."""
        now = self.cameras[self.selected]
        box = self._grid.box_px(self.layout_now[self.selected])
        self.choice.show_menu(item_from(now), "" if is_item(now) else now, self.mapToGlobal(box.center()))

    def do_edit(self) -> None:
        """Change the item in the selected place; ask for one where there is none."""
        item = item_from(self.cameras[self.selected])
        self.do_item() if item is None else self.choice.change(item)

    def _say(self, what: str) -> None:
        set_role(self.hint, "wrong" if what else "")
        self.hint.setText(what or words("setup.hint"))

    def _say_error(self, error: VmsError) -> None:
        self._say(sentence(error))

    def _drop_on(self, number: int, cameras: list[str]) -> None:
        """A camera takes the place; a carousel takes the cameras."""
        item = item_from(self.cameras[number])
        if isinstance(item, Carousel):
            added = tuple(camera for camera in cameras if camera not in item.cameras)
            self.put(number, content_of(Carousel((*item.cameras, *added)[:MOST_PLACES], item.seconds)))
        else:
            self.put(number, cameras[0])

    def finish(self, keep: bool) -> None:
        """End set-up mode."""
        self._grid.removeEventFilter(self)
        self.hide()
        if keep:
            self._grid.show_view(self.layout_now, self.cameras)
            self._grid.select(min(self.selected, len(self.layout_now) - 1))
            self._grid.changed.emit()
        self._grid.setFocus()
        self.finished.emit(keep)
        self.deleteLater()

    def _take(self, edited: Edited | None) -> None:
        if edited is not None:
            cameras = tuple(self.cameras[before] if before >= 0 else "" for before in edited.before)
            self._change(edited.layout, cameras)
            self.selected = edited.selected

    def _change(self, layout: Layout, cameras: tuple[str, ...]) -> None:
        if (layout, cameras) != (self.layout_now, self.cameras):
            self._undo.append((self.layout_now, self.cameras))
            self.layout_now, self.cameras = layout, cameras
            self.update()

    # mouse

    def _at(self, point: QPointF) -> tuple[float, float]:
        """A point in thousandths of the view."""
        x = point.x() / max(1, self.width()) * SIDE
        if self.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            x = SIDE - x
        return x, point.y() / max(1, self.height()) * SIDE

    def _place_at(self, point: QPointF) -> int | None:
        x, y = self._at(point)
        inside = (
            n for n, place in enumerate(self.layout_now) if place.x <= x < place.right and place.y <= y < place.bottom
        )
        return next(inside, None)

    def _edge_at(self, point: QPointF) -> Edge | None:
        near_x, near_y = _NEAR_PX * SIDE / max(1, self.width()), _NEAR_PX * SIDE / max(1, self.height())
        return edge_at(self.layout_now, *self._at(point), near_x, near_y)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._edge = self._edge_at(event.position())
        if self._edge is not None:
            self._dragged_from = (self.layout_now, self.cameras)
            return
        number = self._place_at(event.position())
        if number is not None:
            self.selected = number
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._edge is None or self._dragged_from is None:
            edge = self._edge_at(event.position())
            self.setCursor(_cursor(edge))
            return
        x, y = self._at(event.position())
        free = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        to = round(x if self._edge.upright else y)
        self.layout_now = move_edge(self._dragged_from[0], self._edge, to, snap=not free)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        before, self._dragged_from, self._edge = self._dragged_from, None, None
        if before is not None and before[0] != self.layout_now:
            self._undo.append(before)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(map(self._is_camera, dragged_keys(event.mimeData()))):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        number = self._place_at(event.position())
        cameras = [key for key in dragged_keys(event.mimeData()) if self._is_camera(key)]
        if number is not None and cameras:
            event.acceptProposedAction()
            self._drop_on(number, cameras)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._edge_at(event.position()) is None:
            self.do_edit()

    # keyboard

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._act(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        act = self._act(event)
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def _act(self, event: QKeyEvent) -> Callable[[], object] | None:
        """What a key does here; None for those that are the window's."""
        key, held = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        shift, control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
        if key in _ARROWS:
            dx, dy = _ARROWS[key]
            acts: dict[Qt.KeyboardModifier, Callable[[], object]] = {
                Qt.KeyboardModifier.NoModifier: lambda: self._select_beside(dx, dy),
                shift: lambda: self.push_edge(dx, dy),
                control: lambda: self.merge_with(dx, dy),
            }
            return acts.get(held)
        if held == control and key == Qt.Key.Key_Z:
            return self.do_undo
        if held:
            return None
        plain: dict[Qt.Key, Callable[[], object]] = {
            Qt.Key.Key_H: self.do_beside,
            Qt.Key.Key_V: self.do_below,
            Qt.Key.Key_Delete: lambda: self.put(self.selected, ""),
            Qt.Key.Key_Insert: self.do_item,
            Qt.Key.Key_F2: self.do_edit,
            Qt.Key.Key_Return: lambda: self.finish(keep=True),
            Qt.Key.Key_Enter: lambda: self.finish(keep=True),
            Qt.Key.Key_Escape: lambda: self.finish(keep=False),
        }
        return plain.get(key)

    def _select_beside(self, dx: int, dy: int) -> None:
        number = neighbour(self.layout_now, self.selected, dx, dy)
        if number is not None:
            self.selected = number
            self.update()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), colour("base", 190))
            for number, place in enumerate(self.layout_now):
                box = self._grid.box_px(place)
                chosen = number == self.selected
                painter.fillRect(box, colour("selected" if chosen else "panel", 150 if self.cameras[number] else 255))
                painter.setPen(QPen(colour("accent" if chosen else "edge"), 2))
                painter.drawRect(box.adjusted(1, 1, -1, -1))
                self._paint_name(painter, box, number)
        finally:
            painter.end()

    def _paint_name(self, painter: QPainter, box: QRect, number: int) -> None:
        camera = self.cameras[number]
        item = item_from(camera)
        shown = self._grid.name_of(camera) if item is None else hint_of(item)
        name = shown if camera else words("setup.empty")
        painter.setPen(colour("text" if camera else "muted"))
        inner = box.adjusted(8, 8, -8, -8)
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._grid and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._grid.rect())
        return super().eventFilter(watched, event)


def _cursor(edge: Edge | None) -> Qt.CursorShape:
    if edge is None:
        return Qt.CursorShape.ArrowCursor
    return Qt.CursorShape.SplitHCursor if edge.upright else Qt.CursorShape.SplitVCursor
