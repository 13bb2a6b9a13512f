"""The list of exports: how far each is, what went wrong, and what can be done about it."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from common.ui.notices import EmptyState
from common.ui.theme import set_role
from common.ui.words import words
from smartclient.exporting.keeper import ExportKeeper, Progress

_RESUMABLE = ("paused", "failed")
_RUNNING = ("queued", "running", "fetching", "away")


class ExportRow(QFrame):
    """One export."""

    def __init__(self, keeper: ExportKeeper, order_id: str) -> None:
        super().__init__()
        self._keeper, self._id, self._folder = keeper, order_id, ""
        set_role(self, "raised")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        self.name = QLabel()
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.name.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(6)
        self.said = QLabel()
        self.said.setWordWrap(True)
        set_role(self.said, "muted")
        column.addWidget(self.name)
        column.addWidget(self.bar)
        column.addWidget(self.said)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        column.addLayout(row)
        self.open, self.pause, self.resume, self.cancel = (
            self._button(row, f"exporting.{what}") for what in ("open_folder", "pause", "resume", "cancel")
        )
        self.open.clicked.connect(self._open)
        self.pause.clicked.connect(lambda: keeper.pause(order_id))
        self.resume.clicked.connect(lambda: keeper.resume(order_id))
        self.cancel.clicked.connect(lambda: keeper.cancel(order_id))

    def _button(self, row: QHBoxLayout, key: str) -> QPushButton:
        button = QPushButton(words(key))
        button.setAccessibleName(words(key))
        row.addWidget(button)
        return button

    def show_progress(self, shown: Progress) -> None:
        """Show how it stands."""
        self._folder = shown.order.folder
        self.name.setText(shown.order.name)
        self.bar.setValue(round(shown.percent * 10))
        self.bar.setVisible(shown.state != "done")
        said = words(f"exporting.state_{shown.state}", percent=round(shown.percent), folder=self._folder)
        self.said.setText("\n".join((said, *filter(None, [shown.said]), *shown.notes)))
        self.open.setVisible(shown.state == "done")
        self.pause.setVisible(shown.state in _RUNNING)
        self.resume.setVisible(shown.state in _RESUMABLE)
        self.resume.setText(words("exporting.retry" if shown.state == "failed" else "exporting.resume"))
        over = shown.state in ("done", "cancelled")
        self.cancel.setText(words("exporting.forget" if over else "exporting.cancel"))

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._folder))


class ExportPanel(QDialog):
    """A window beside the main one; it may stay open."""

    def __init__(self, keeper: ExportKeeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_panel")
        self.setWindowTitle(words("exporting.list"))
        self.resize(520, 420)
        self._keeper = keeper
        self.rows: dict[str, ExportRow] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._pages = QStackedWidget()
        column.addWidget(self._pages)
        self._empty = EmptyState("export", words("exporting.none"), words("exporting.none_hint"))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(12, 12, 12, 12)
        self._list.setSpacing(8)
        self._list.addStretch(1)
        area.setWidget(inside)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(area)
        keeper.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        shown = self._keeper.progress()
        self._pages.setCurrentIndex(1 if shown else 0)
        self._drop_others(shown)
        for place, progress in enumerate(shown):
            row = self.rows.get(progress.order.id)
            if row is None:
                row = self.rows[progress.order.id] = ExportRow(self._keeper, progress.order.id)
                self._list.insertWidget(place, row)
            row.show_progress(progress)

    def _drop_others(self, shown: Sequence[Progress]) -> None:
        kept = {progress.order.id for progress in shown}
        for order_id in [each for each in self.rows if each not in kept]:
            row = self.rows.pop(order_id)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
