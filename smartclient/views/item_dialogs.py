"""What is asked about an item of a view: the cameras of a carousel, a text and its size."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from common.ui.icons import icon
from common.ui.notices import FieldError
from common.ui.theme import set_role
from common.ui.words import words
from smartclient.views.items import (
    LEAST_S,
    LEAST_TEXT_PX,
    MOST_S,
    MOST_TEXT_CHARS,
    MOST_TEXT_PX,
    USUAL_S,
    Carousel,
    Writing,
)
from smartclient.views.layouts import MOST_PLACES

_KEY = Qt.ItemDataRole.UserRole


class _ItemDialog(QDialog):
    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 16, 20, 16)
        self.column.setSpacing(8)

    def add_buttons(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        keep = buttons.button(QDialogButtonBox.StandardButton.Save)
        keep.setText(words("items.keep"))
        set_role(keep, "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.column.addWidget(buttons)

    def add_field(self, label: str, field: QWidget) -> None:
        row = QHBoxLayout()
        said = QLabel(label)
        said.setBuddy(field)
        field.setAccessibleName(label)
        row.addWidget(said)
        row.addStretch(1)
        row.addWidget(field)
        self.column.addLayout(row)


class CarouselDialog(_ItemDialog):
    """After `accept`, `carousel` is what was chosen. `cameras`: names by id, in the order of the site."""

    def __init__(self, carousel: Carousel | None, cameras: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(words("items.carousel_title"), parent)
        self.setObjectName("carousel_dialog")
        self.carousel = carousel or Carousel((), USUAL_S)
        self._names = cameras
        self.column.addWidget(QLabel(words("items.cameras")))
        self.list = _Ordered(self)
        self.list.setAccessibleName(words("items.cameras"))
        self.list.setMinimumSize(320, 180)
        for camera in self.carousel.cameras:
            self._put(camera)
        beside = QVBoxLayout()
        for name, glyph, act in (
            ("up", "up", lambda: self.list.shift(-1)),
            ("down", "collapse", lambda: self.list.shift(1)),
            ("remove", "delete", self.list.remove),
        ):
            button = QToolButton()
            button.setObjectName(f"carousel_{name}")
            button.setIcon(icon(glyph, "text"))
            button.setToolTip(words(f"items.carousel_{name}"))
            button.setAccessibleName(words(f"items.carousel_{name}"))
            button.clicked.connect(act)
            beside.addWidget(button)
        beside.addStretch(1)
        middle = QHBoxLayout()
        middle.addWidget(self.list, 1)
        middle.addLayout(beside)
        self.column.addLayout(middle)
        self.error = FieldError(self.list)
        self.column.addWidget(self.error)
        self.more = QComboBox()
        self.more.setEditable(True)
        self.more.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.more.setAccessibleName(words("items.carousel_camera"))
        for key, name in cameras.items():
            self.more.addItem(name, key)
        completer = QCompleter(self.more.model(), self.more)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.more.setCompleter(completer)
        self.add = QPushButton(words("items.carousel_add"))
        self.add.setAutoDefault(False)
        self.add.clicked.connect(self._add)
        row = QHBoxLayout()
        row.addWidget(self.more, 1)
        row.addWidget(self.add)
        self.column.addLayout(row)
        self.seconds = QSpinBox()
        self.seconds.setRange(LEAST_S, MOST_S)
        self.seconds.setSuffix(" s")
        self.seconds.setValue(self.carousel.seconds)
        self.add_field(words("items.carousel_seconds"), self.seconds)
        self.add_buttons()

    def _put(self, camera: str) -> None:
        line = QListWidgetItem(self._names.get(camera) or words("items.gone", camera=camera))
        line.setData(_KEY, camera)
        self.list.addItem(line)

    def _add(self) -> None:
        at = self.more.findText(self.more.currentText(), Qt.MatchFlag.MatchFixedString)
        if at >= 0 and self.list.count() < MOST_PLACES:
            self._put(self.more.itemData(at))
            self.list.setCurrentRow(self.list.count() - 1)
            self.more.setCurrentIndex((at + 1) % self.more.count())
            self.error.clear()

    def accept(self) -> None:
        cameras = tuple(self.list.item(row).data(_KEY) for row in range(self.list.count()))
        if not cameras:
            self.error.say(words("items.need_camera"))
            return
        self.carousel = Carousel(cameras, self.seconds.value())
        super().accept()


class _Ordered(QListWidget):
    """A list whose lines are moved with Alt and an arrow, and taken out with Delete."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setDragDropMode(QListWidget.DragDropMode.InternalMove)

    def shift(self, by: int) -> None:
        row = self.currentRow()
        if row >= 0 and 0 <= row + by < self.count():
            self.insertItem(row + by, self.takeItem(row))
            self.setCurrentRow(row + by)

    def remove(self) -> None:
        if self.currentRow() >= 0:
            self.takeItem(self.currentRow())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if alt and event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.shift(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() == Qt.Key.Key_Delete:
            self.remove()
        else:
            super().keyPressEvent(event)


class TextDialog(_ItemDialog):
    """After `accept`, `writing` is what was written."""

    def __init__(self, writing: Writing | None, parent: QWidget | None = None) -> None:
        super().__init__(words("items.text_title"), parent)
        self.setObjectName("text_dialog")
        self.writing = writing or Writing("")
        self.text = QPlainTextEdit(self.writing.text)
        self.text.setAccessibleName(words("items.text_title"))
        self.text.setTabChangesFocus(True)
        self.text.setMinimumSize(360, 140)
        self.column.addWidget(self.text)
        self.error = FieldError(self.text)
        self.column.addWidget(self.error)
        self.markdown = QCheckBox(words("items.markdown"))
        self.markdown.setChecked(self.writing.markdown)
        self.column.addWidget(self.markdown)
        self.size_px = QSpinBox()
        self.size_px.setRange(LEAST_TEXT_PX, MOST_TEXT_PX)
        self.size_px.setSuffix(" px")
        self.size_px.setValue(self.writing.size_px)
        self.add_field(words("items.text_size"), self.size_px)
        self.add_buttons()

    def accept(self) -> None:
        text = self.text.toPlainText()
        if not text.strip():
            self.error.say(words("items.need_text"))
            return
        self.writing = Writing(text[:MOST_TEXT_CHARS], self.markdown.isChecked(), self.size_px.value())
        super().accept()
