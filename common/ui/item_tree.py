"""The tree at the left edge of both clients: filter on top, state dots and counts, everything by keyboard."""

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRect, QRectF, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from common.ui.icons import State, icon, paint_state_dot
from common.ui.item_model import Index, ItemModel, ItemNode, ItemRole
from common.ui.theme import colour, set_role, tabular

_DOT_PX = 10
_GAP_PX = 8


class _LineDelegate(QStyledItemDelegate):
    """Paints label and icon as usual, then note and state at the right edge."""

    renamed = Signal(str, str)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if index.data(ItemRole.FADED):
            option.palette.setColor(option.palette.ColorRole.Text, colour("faint"))
            option.palette.setColor(option.palette.ColorRole.HighlightedText, colour("muted"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        note, state = str(index.data(ItemRole.NOTE)), State(index.data(ItemRole.STATE))
        metrics = QFontMetrics(tabular(option.font))
        taken_px = _GAP_PX + (_DOT_PX + _GAP_PX if state is not State.NONE else 0)
        taken_px += metrics.horizontalAdvance(note) + _GAP_PX if note else 0
        # the line's ground over its full width, then label and icon in what the note leaves free
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        view = option.widget
        view.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, ground, painter, view)
        inner = QStyleOptionViewItem(option)
        inner.rect = option.rect.adjusted(0, 0, -taken_px, 0)
        super().paint(painter, inner, index)
        right = option.rect.right() - _GAP_PX
        if state is not State.NONE:
            top = option.rect.center().y() - _DOT_PX / 2 + 1
            paint_state_dot(painter, QRectF(right - _DOT_PX, top, _DOT_PX - 1, _DOT_PX - 1), state)
            right -= _DOT_PX + _GAP_PX
        if note:
            painter.save()
            painter.setFont(tabular(option.font))
            painter.setPen(colour("muted"))
            box = QRect(option.rect.left(), option.rect.top(), right - option.rect.left(), option.rect.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, note)
            painter.restore()

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        """Hand a new name out instead of writing it: the server decides whether it holds."""
        if isinstance(editor, QLineEdit):
            name = editor.text().strip()
            if name and name != index.data(Qt.ItemDataRole.EditRole):
                self.renamed.emit(str(index.data(ItemRole.KEY)), name)


class ItemTree(QWidget):
    """Shows `ItemNode`s. Keys name lines in every signal."""

    current_changed = Signal(str)
    """The current line's key, "" when there is none."""
    opened = Signal(str)
    """Double click or Enter on a line."""
    rename_asked = Signal(str, str)
    """Key and the name typed into the line (F2)."""
    menu_asked = Signal(str, QPoint)
    """Key ("" beside all lines) and the screen position for a context menu."""

    def __init__(self, filter_hint: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = ItemModel(self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self.model)
        self._shown.setRecursiveFilteringEnabled(True)
        self._shown.setAutoAcceptChildRows(True)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._closed: set[str] = set()

        self.filter = QLineEdit()
        self.filter.setPlaceholderText(filter_hint)
        self.filter.setAccessibleName(filter_hint)
        self.filter.setClearButtonEnabled(True)
        self._find_action = self.filter.addAction(icon("find"), QLineEdit.ActionPosition.LeadingPosition)
        self.filter.textChanged.connect(self._filter)

        self.view = QTreeView()
        self.view.setAccessibleName(accessible_name)
        self.view.setModel(self._shown)
        self.view.setHeaderHidden(True)
        self.view.setUniformRowHeights(True)
        self.view.setIndentation(16)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.view.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.view.setExpandsOnDoubleClick(False)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        delegate = _LineDelegate(self.view)
        delegate.renamed.connect(self.rename_asked)
        self.view.setItemDelegate(delegate)
        self.view.selectionModel().currentChanged.connect(self._current_changed)
        self.view.activated.connect(lambda index: self.opened.emit(self._key(index)))
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.collapsed.connect(lambda index: self._closed.add(self._key(index)))
        self.view.expanded.connect(lambda index: self._closed.discard(self._key(index)))
        self._shown.rowsInserted.connect(lambda *_: self._open_all())

        down = QShortcut(QKeySequence(Qt.Key.Key_Down), self.filter)
        down.setContext(Qt.ShortcutContext.WidgetShortcut)
        down.activated.connect(self.view.setFocus)
        clear = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.filter)
        clear.setContext(Qt.ShortcutContext.WidgetShortcut)
        clear.activated.connect(self._leave_filter)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.filter)
        layout.addWidget(self.view)

    def show_nodes(self, nodes: tuple[ItemNode, ...]) -> None:
        """Show `nodes`; selection, expansion and scroll position stay where they are."""
        self.model.show(nodes)

    def current_key(self) -> str:
        """Return the current line's key, "" when there is none."""
        return self._key(self.view.currentIndex())

    def select(self, key: str) -> bool:
        """Make the line of `key` current and visible; False when it is not there."""
        index = self._shown.mapFromSource(self.model.find(key))
        if not index.isValid():
            return False
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)
        return True

    def edit_name(self, key: str) -> None:
        """Open the name of `key` for typing, as F2 does."""
        if self.select(key):
            self.view.edit(self.view.currentIndex())

    def focus_filter(self) -> None:
        """Put the cursor into the filter (Ctrl+F)."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _key(self, index: QModelIndex) -> str:
        return str(index.data(ItemRole.KEY)) if index.isValid() else ""

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self.current_changed.emit(self._key(current))

    def key_at(self, at: QPoint) -> str:
        """Return the key of the line at a point of the view, "" beside all."""
        return self._key(self.view.indexAt(at))

    def _menu(self, at: QPoint) -> None:
        self.menu_asked.emit(self._key(self.view.indexAt(at)), self.view.viewport().mapToGlobal(at))

    def _filter(self, typed: str) -> None:
        self._shown.setFilterFixedString(typed.strip())
        self._open_all()

    def _leave_filter(self) -> None:
        self.filter.clear()
        self.view.setFocus()

    def _open_all(self) -> None:
        """Expand every line that the operator did not close; with a filter, all of them."""
        closed = set() if self.filter.text().strip() else set(self._closed)
        self._open_below(QModelIndex(), closed)
        self._closed |= closed

    def _open_below(self, at: QModelIndex, closed: set[str]) -> None:
        for row in range(self._shown.rowCount(at)):
            index = self._shown.index(row, 0, at)
            if self._shown.hasChildren(index):
                if self._key(index) not in closed:
                    self.view.expand(index)
                self._open_below(index, closed)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_find_action"):
            self._find_action.setIcon(icon("find"))
            self.view.viewport().update()
