"""The list of bookmarks: search, go there, change, delete and undo."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from common.clients.bookmarks import MOST_FOUND, Bookmark
from common.ui.dates import written
from common.ui.notices import EmptyState, Notice
from common.ui.off_thread import Job
from common.ui.theme import tabular
from common.ui.words import words
from smartclient.bookmarks.store import BookmarkStore
from smartclient.playback.scale import local

_SEARCH_MS = 300
_COLUMNS = ("time", "camera", "header", "user")


class BookmarkPanel(QDialog):
    """A window beside the main one; it may stay open."""

    go_asked = Signal(object)
    """A Bookmark."""
    edit_asked = Signal(object)

    def __init__(self, store: BookmarkStore, camera_name: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bookmark_panel")
        self.setWindowTitle(words("bookmarks.list"))
        self.resize(640, 420)
        self._store = store
        self._camera_name = camera_name
        self._asked: Job | None = None
        self.found: list[Bookmark] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.notice = Notice(closable=True)
        self.text = QLineEdit()
        self.text.setPlaceholderText(words("bookmarks.search"))
        self.text.setAccessibleName(words("bookmarks.search"))
        self.text.setClearButtonEnabled(True)
        column.addWidget(self.text)
        column.addWidget(self.notice)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setObjectName("bookmark_table")
        self.table.setAccessibleName(words("bookmarks.list"))
        self.table.setHorizontalHeaderLabels([words(f"bookmarks.{name}") for name in _COLUMNS])
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.empty = EmptyState("bookmark", words("bookmarks.none"), words("bookmarks.none_hint"))
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.table)
        column.addWidget(self.pages, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.delete_button, self.edit_button, self.go_button = (
            QPushButton(words(f"bookmarks.{what}")) for what in ("delete", "edit", "go")
        )
        for button in (self.delete_button, self.edit_button, self.go_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        column.addLayout(row)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SEARCH_MS)
        self._later.timeout.connect(self.refresh)
        self.text.textChanged.connect(lambda _: self._later.start())
        self.table.itemSelectionChanged.connect(self._selected)
        self.table.itemActivated.connect(lambda _: self._go())
        self.go_button.clicked.connect(self._go)
        self.edit_button.clicked.connect(self._edit)
        self.delete_button.clicked.connect(self._delete)
        store.changed.connect(self._later.start)
        store.created.connect(lambda _: self._later.start())
        store.deleted.connect(self._deleted)
        store.failed.connect(self._failed)
        self._selected()

    def refresh(self) -> None:
        """Look again."""
        if self._asked is not None:
            self._asked.cancel()
        self._asked = self._store.search(self.text.text().strip(), self._show)

    def current(self) -> Bookmark | None:
        row = self.table.currentRow()
        return self.found[row] if 0 <= row < len(self.found) and self.table.selectedItems() else None

    def _show(self, found: list[Bookmark]) -> None:
        kept = self.current()
        self.found = found[::-1]  # newest first
        self.table.setRowCount(len(self.found))
        for row, mark in enumerate(self.found):
            moment = written(local(mark.triggered_us, None), "%a %d %b %Y %H:%M:%S")
            for place, text in enumerate((moment, self._camera_name(mark.device), mark.header, mark.user)):
                item = QTableWidgetItem(text)
                item.setToolTip(mark.description or text)
                if place == 0:
                    item.setFont(tabular(self.table.font()))
                self.table.setItem(row, place, item)
            if kept is not None and mark.id == kept.id:
                self.table.selectRow(row)
        self.pages.setCurrentIndex(1 if found else 0)
        searched = bool(self.text.text().strip())
        key = "bookmarks.not_found" if searched else "bookmarks.none"
        self.empty.say(words(key), words(f"{key}_hint"))
        if len(found) >= MOST_FOUND:
            self.notice.say("info", words("bookmarks.too_many", most=MOST_FOUND))

    def _selected(self) -> None:
        chosen = self.current() is not None
        for button in (self.delete_button, self.edit_button, self.go_button):
            button.setEnabled(chosen)

    def _go(self) -> None:
        if (mark := self.current()) is not None:
            self.go_asked.emit(mark)

    def _edit(self) -> None:
        if (mark := self.current()) is not None:
            self.edit_asked.emit(mark)

    def _delete(self) -> None:
        if (mark := self.current()) is not None:
            self._store.delete(mark)

    def _deleted(self, mark: Bookmark) -> None:
        self._later.start()

        def undo() -> None:
            self.notice.clear()
            self._store.put_back(mark)
            self._later.start()

        self.notice.say("info", words("bookmarks.deleted", header=mark.header), words("bookmarks.undo"), undo)

    def _failed(self, error: object) -> None:
        self.notice.say_error(error)  # type: ignore[arg-type]  # the signal carries a VmsError

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.table.hasFocus():
            self._delete()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.text.hasFocus():
            self.refresh()
        else:
            super().keyPressEvent(event)
