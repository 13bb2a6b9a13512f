"""A bookmark in detail: headline, text, and from when to when it reaches."""

import dataclasses

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from common.clients.bookmarks import Bookmark
from common.foundation.clock import UtcUs
from common.ui.notices import FieldError
from common.ui.theme import set_role, tabular
from common.ui.words import sentence, words
from smartclient.playback.go_to import NoSuchTime, parse_go_to
from smartclient.playback.scale import local
from smartclient.playback.vocabulary import vocabulary

_TEXT_PX = 96


class BookmarkDialog(QDialog):
    """After `accept`, `bookmark` is what was entered."""

    def __init__(self, bookmark: Bookmark, camera: str, now: UtcUs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bookmark_dialog")
        self.setWindowTitle(words("bookmarks.title"))
        self.bookmark = bookmark
        self._now = now
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column.addLayout(form)
        form.addRow(words("bookmarks.camera"), QLabel(camera))
        self.header = QLineEdit(bookmark.header)
        self.header.setMaxLength(200)
        self.header.setAccessibleName(words("bookmarks.header"))
        form.addRow(words("bookmarks.header"), self.header)
        self.header_error = FieldError(self.header)
        form.addRow("", self.header_error)
        self.text = QPlainTextEdit(bookmark.description)
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(_TEXT_PX)
        self.text.setAccessibleName(words("bookmarks.text"))
        form.addRow(words("bookmarks.text"), self.text)
        self.times: list[tuple[QLineEdit, FieldError]] = []
        moments = (bookmark.begin_us, bookmark.triggered_us, bookmark.end_us)
        for key, at in zip(("bookmarks.begin", "bookmarks.moment", "bookmarks.end"), moments, strict=True):
            field = QLineEdit(_shown(at))
            field.setFont(tabular(field.font()))
            field.setAccessibleName(words(key))
            error = FieldError(field)
            form.addRow(words(key), field)
            form.addRow("", error)
            self.times.append((field, error))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        save = buttons.button(QDialogButtonBox.StandardButton.Save)
        save.setText(words("bookmarks.save"))
        set_role(save, "primary")
        buttons.accepted.connect(self.try_accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.setMinimumWidth(460)
        self.header.selectAll()
        self.header.setFocus()

    def try_accept(self) -> None:
        """Accept, or say what is wrong."""
        for error in (self.header_error, *(error for _, error in self.times)):
            error.clear()
        if not self.header.text().strip():
            self.header_error.say(words("bookmarks.no_header"))
            self.header.setFocus()
            return
        moments: list[UtcUs] = []
        old = (self.bookmark.begin_us, self.bookmark.triggered_us, self.bookmark.end_us)
        for (field, error), before in zip(self.times, old, strict=True):
            try:  # what was not touched keeps its fractions of a second
                untouched = field.text() == _shown(before)
                typed = before if untouched else parse_go_to(field.text(), self._now, before, language=vocabulary())
            except NoSuchTime as wrong:
                error.say(sentence(wrong))
                field.setFocus()
                return
            moments.append(typed)
        begin, moment, end = moments
        if not begin <= moment <= end or begin == end:
            field, error = self.times[2]
            error.say(words("bookmarks.wrong_order"))
            field.setFocus()
            return
        self.bookmark = dataclasses.replace(
            self.bookmark,
            header=self.header.text().strip(),
            description=self.text.toPlainText(),
            begin_us=begin,
            triggered_us=moment,
            end_us=end,
        )
        self.accept()


def _shown(at: int) -> str:
    return local(at, None).strftime("%Y-%m-%d %H:%M:%S")
