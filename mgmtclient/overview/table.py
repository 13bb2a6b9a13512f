"""The overview table: sortable, names changed in place, several rows selected at once."""

from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from common.ui.icons import icon
from common.ui.theme import colour, set_role
from common.ui.words import words
from mgmtclient.overview.rows import Row, Sheet
from mgmtclient.site.snapshot import natural

Index = QModelIndex | QPersistentModelIndex
_TOP = QModelIndex()
_NAME_PX, _COLUMN_PX = 240, 180


class RowRole(IntEnum):
    """What is asked of a cell beside Qt's own roles."""

    KEY = Qt.ItemDataRole.UserRole + 1


class SheetModel(QAbstractTableModel):
    """Shows a `Sheet`. A name typed into it is handed out through `renamed`: the server decides whether it holds."""

    renamed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sheet = Sheet("", (), ())

    def show(self, sheet: Sheet) -> bool:
        """Show `sheet`; False when rows came, went or moved (the view then loses its selection)."""
        old, kept = self.sheet, False
        if old.columns == sheet.columns and [r.key for r in old.rows] == [r.key for r in sheet.rows]:
            self.sheet, kept = sheet, True
            for number, (before, after) in enumerate(zip(old.rows, sheet.rows, strict=True)):
                if before != after:
                    self.dataChanged.emit(self.index(number, 0), self.index(number, len(sheet.columns) - 1))
        else:
            self.beginResetModel()
            self.sheet = sheet
            self.endResetModel()
        return kept

    def row(self, index: Index) -> Row:
        return self.sheet.rows[index.row()]

    def rowCount(self, parent: Index = _TOP) -> int:
        return 0 if parent.isValid() else len(self.sheet.rows)

    def columnCount(self, parent: Index = _TOP) -> int:
        return 0 if parent.isValid() else len(self.sheet.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and section < len(self.sheet.columns):
            if role == Qt.ItemDataRole.DisplayRole:
                return self.sheet.columns[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # Qt's own type for a cell
        if not index.isValid():
            return None
        row = self.row(index)
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return row.cells[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return row.cells[index.column()] or None
            case Qt.ItemDataRole.DecorationRole if index.column() == 0:
                return icon(row.glyph, "faint" if row.faded else "muted")
            case Qt.ItemDataRole.ForegroundRole if row.faded:
                return colour("faint")
            case RowRole.KEY:
                return row.key
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == 0 else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        name = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and name and name != self.row(index).cells[0]:
            self.renamed.emit(self.row(index).key, name)
        return False  # the cell keeps the old name until the server has taken the new one


class _NaturalOrder(QSortFilterProxyModel):
    def lessThan(self, left: Index, right: Index) -> bool:
        return natural(str(left.data() or "")) < natural(str(right.data() or ""))


class Overview(QWidget):
    """Heading and table of the current node."""

    chosen = Signal(str)
    """The current row's key, "" when there is none."""
    opened = Signal(str)
    renamed = Signal(str, str)
    menu_asked = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = SheetModel(self)
        self.model.renamed.connect(self.renamed)
        self._sorted = _NaturalOrder(self)
        self._sorted.setSourceModel(self.model)
        self._sorted.setDynamicSortFilter(True)
        self.heading = QLabel()
        set_role(self.heading, "heading")
        self.count = QLabel()
        set_role(self.count, "badge")
        self.view = QTableView()
        self.view.setAccessibleName(words("mgmt.overview"))
        self.view.setModel(self._sorted)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self.view.setShowGrid(False)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.setTabKeyNavigation(False)
        self.view.setWordWrap(False)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(30)
        header = self.view.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.view.selectionModel().currentRowChanged.connect(lambda now, _: self.chosen.emit(self._key(now)))
        self.view.customContextMenuRequested.connect(
            lambda at: self.menu_asked.emit(self._key(self.view.indexAt(at)), self.view.viewport().mapToGlobal(at))
        )
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            enter = QShortcut(QKeySequence(key), self.view)
            enter.setContext(Qt.ShortcutContext.WidgetShortcut)
            enter.activated.connect(lambda: self.opened.emit(self.current_key()))
        self.view.doubleClicked.connect(lambda index: self.opened.emit(self._key(index)))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 8)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.heading)
        head.addWidget(self.count)
        head.addStretch(1)
        column.addLayout(head)
        column.addWidget(self.view)
        self._widths: list[int] = []

    def show_sheet(self, sheet: Sheet) -> None:
        """Show a table; the rows selected before stay selected where they are still there."""
        if sheet == self.model.sheet:
            return
        selected, current = self.selected_keys(), self.current_key()
        widths_new = sheet.columns != self.model.sheet.columns
        self.heading.setText(sheet.heading)
        self.count.setText(str(len(sheet.rows)))
        self.count.setVisible(bool(sheet.columns))
        selection = self.view.selectionModel()
        selection.blockSignals(True)
        if not self.model.show(sheet):
            for number in range(self._sorted.rowCount()):
                index = self._sorted.index(number, 0)
                rows = QItemSelectionModel.SelectionFlag.Rows
                if self._key(index) == current:
                    selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
                if self._key(index) in selected:
                    selection.select(index, QItemSelectionModel.SelectionFlag.Select | rows)
        selection.blockSignals(False)
        self.view.viewport().update()
        if widths_new:
            self._spread()

    def _spread(self) -> None:
        """Give the columns their usual widths, less where the table is too narrow for them."""
        wanted = [_NAME_PX, *[_COLUMN_PX] * (len(self.model.sheet.columns) - 1)]
        share = min(1.0, self.view.viewport().width() / sum(wanted))
        self._widths = [round(width * share) for width in wanted[:-1]]  # the last one takes the rest
        for number, width in enumerate(self._widths):
            self.view.setColumnWidth(number, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the window, unless the operator has set the columns."""
        super().resizeEvent(event)
        if self._widths == [self.view.columnWidth(number) for number in range(len(self._widths))]:
            self._spread()

    def current_key(self) -> str:
        return self._key(self.view.currentIndex())

    def selected_keys(self) -> tuple[str, ...]:
        """Return the keys of all selected rows, as sorted on screen."""
        return tuple(self._key(index) for index in self.view.selectionModel().selectedRows())

    def select(self, key: str) -> None:
        """Select the row of `key` if it is there."""
        for number in range(self._sorted.rowCount()):
            if self._key(self._sorted.index(number, 0)) == key:
                self.view.selectRow(number)

    def clear_current(self) -> None:
        """Let no row be current, without telling."""
        selection = self.view.selectionModel()
        selection.blockSignals(True)
        selection.clear()
        selection.blockSignals(False)
        self.view.viewport().update()

    def edit_name(self) -> None:
        """Open the current row's name for typing."""
        index = self.view.currentIndex()
        if index.isValid():
            self.view.edit(index.siblingAtColumn(0))

    def _key(self, index: Index) -> str:
        return str(index.data(RowRole.KEY)) if index.isValid() else ""
