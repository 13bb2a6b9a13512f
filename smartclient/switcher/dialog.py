"""The quick switcher's window: a line to type in, and what fits below it."""

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from common.ui.icons import icon
from common.ui.theme import colour, set_role
from common.ui.words import words
from smartclient.switcher.sources import Found, Sources

_SIZE_PX = QSize(560, 420)
_ROW_PX = 34
_TOP_PX = 72
_THING = Qt.ItemDataRole.UserRole
_MOVES = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})


class Switcher(QDialog):
    """Open it with `ask`; Enter or a click does what is chosen, Esc nothing."""

    def __init__(self, sources: Sources, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("switcher")
        self.setAccessibleName(words("switcher.title"))
        self._sources = sources
        self.field = QLineEdit()
        self.field.setPlaceholderText(words("switcher.hint"))
        self.field.setAccessibleName(words("switcher.title"))
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self._look)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._choose)
        self.nothing = QLabel()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        set_role(self.nothing, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        column.addWidget(self.nothing, 1)

    def ask(self) -> None:
        """Open it in the middle of the window, empty."""
        window = self.parentWidget()
        assert window is not None
        width = min(_SIZE_PX.width(), window.width() - 40)
        height = min(_SIZE_PX.height(), window.height() - _TOP_PX)
        corner = window.mapToGlobal(window.rect().topLeft())
        self.setGeometry(corner.x() + (window.width() - width) // 2, corner.y() + _TOP_PX // 2, width, height)
        self.field.clear()
        self._look("")
        self.show()
        self.field.setFocus()

    def _look(self, typed: str) -> None:
        self.list.clear()
        for found in self._sources.find(typed):
            item = QListWidgetItem(icon(found.glyph, "muted"), found.title)
            item.setData(_THING, found)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{found.title}, {found.detail}")
            item.setSizeHint(QSize(0, _ROW_PX))
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        empty = self.list.count() == 0
        self.list.setVisible(not empty)
        self.nothing.setVisible(empty)
        self.nothing.setText(words("switcher.nothing", typed=typed[:60]))

    def _choose(self, item: QListWidgetItem | None) -> None:
        found = None if item is None else item.data(_THING)
        if isinstance(found, Found):
            self.close()
            found.go()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows in the field move in the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _MOVES:
                self._move(event.key())
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _move(self, key: int) -> None:
        page = max(1, self.list.viewport().height() // _ROW_PX - 1)
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -page}.get(Qt.Key(key), page)
        count = self.list.count()
        if count:
            row = self.list.currentRow() + by
            self.list.setCurrentRow(row % count if abs(by) == 1 else max(0, min(count - 1, row)))


class _Row(QStyledItemDelegate):
    """Name on the left, where it stands or its key on the right."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        found = index.data(_THING)
        if not isinstance(found, Found) or not found.detail:
            return
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setPen(colour("text") if selected else QColor(colour("muted")))
        right = option.rect.adjusted(option.rect.width() // 2, 0, -10, 0)
        text = option.fontMetrics.elidedText(found.detail, Qt.TextElideMode.ElideRight, right.width())
        painter.drawText(right, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        painter.restore()
