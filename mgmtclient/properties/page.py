"""The property page: what an item is, what was changed, and the bar that saves it."""

from collections.abc import Mapping
from itertools import groupby

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from common.clients.management_values import ValidationFailed
from common.foundation.errors import VmsError
from common.ui.notices import Notice
from common.ui.theme import set_role
from common.ui.words import words
from mgmtclient.properties.controls import CONTROL_WIDTH_PX, PropertyLine
from mgmtclient.properties.fields import Line, Value, lines_of, shown_values
from mgmtclient.site.snapshot import Item, key_of, kind_of


class PropertyPage(QWidget):
    """Shows one item at a time. Edits that are not saved stay as drafts, however often another item is looked at."""

    save_asked = Signal(str, object, str)
    """Key, the changed properties (`dict[str, Value]`) and the etag they were changed from."""
    drafts_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._item: Item | None = None
        self._values: dict[str, Value] | None = None  # what the server holds; None until it said so
        self._etag = ""
        self._built_kind = ""
        self._declared: tuple[Line, ...] = ()
        self._lines: dict[str, PropertyLine] = {}
        self._drafts: dict[str, dict[str, Value]] = {}
        self._saving: set[str] = set()
        self.heading = QLabel()
        set_role(self.heading, "heading")
        self.kind = QLabel()
        set_role(self.kind, "badge")
        self.notice = Notice(closable=True)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(words("mgmt.properties"))

        self.bar = QFrame()
        set_role(self.bar, "save_bar")
        self.bar_text = QLabel()
        self.discard_button = QPushButton(words("mgmt.discard"))
        self.discard_button.clicked.connect(self.discard)
        self.save_button = QPushButton(words("mgmt.save"))
        set_role(self.save_button, "primary")
        self.save_button.setToolTip("Ctrl+S")
        self.save_button.clicked.connect(self.save)
        bar_row = QHBoxLayout(self.bar)
        bar_row.setContentsMargins(16, 8, 16, 8)
        bar_row.addWidget(self.bar_text, 1)
        bar_row.addWidget(self.discard_button)
        bar_row.addWidget(self.save_button)
        self.bar.hide()
        save_key = QShortcut(QKeySequence(QKeySequence.StandardKey.Save), self)
        save_key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        save_key.activated.connect(self.save)

        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 16, 0)
        head.setSpacing(8)
        head.addWidget(self.heading)
        head.addWidget(self.kind)
        head.addStretch(1)
        notice_row = QHBoxLayout()
        notice_row.setContentsMargins(16, 0, 16, 0)
        notice_row.addWidget(self.notice)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addLayout(notice_row)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.bar)

    def key(self) -> str:
        """Return the key of the item shown, "" when there is none."""
        return "" if self._item is None else key_of(self._item)

    def drafts(self) -> tuple[str, ...]:
        """Return the keys of the items with edits that are not saved."""
        return tuple(self._drafts)

    def line(self, name: str) -> PropertyLine:
        """Return the line of a property of the item shown. Raises KeyError."""
        return self._lines[name]

    def show_item(self, item: Item | None) -> None:
        """Show whose page it is; `show_values` fills it once the server has said what the item's properties are."""
        before = self.key()
        self._item = item
        if item is None:
            self._values = None
            self.tabs.hide()
            self.heading.clear()
            self.kind.hide()
            self.notice.clear()
            self.bar.hide()
            return
        self.heading.setText(item.name)
        self.kind.setText(words(f"mgmt.kind_{kind_of(item).value}"))
        self.kind.show()
        if self.key() != before:
            self._values = None
            self.tabs.hide()
            self.bar.hide()
            self.notice.clear()

    def show_values(self, key: str, item: Mapping[str, object]) -> None:
        """Show what the server says an item's properties are; what was edited and not saved stays."""
        if self._item is None or key != self.key():
            return
        if self._built_kind != kind_of(self._item).value:
            self._build(kind_of(self._item).value)
        first = self._values is None
        self._values = shown_values(self._declared, item)
        self._etag = str(item.get("etag", ""))
        draft = self._drafts.get(key, {})
        for name in [name for name, value in draft.items() if value == self._values.get(name)]:
            del draft[name]
        if key in self._drafts and not draft:
            del self._drafts[key]
        for name, line in self._lines.items():
            line.show_value((self._values | draft)[name])
            if first:
                line.error.clear()
        self.tabs.show()
        self._mark()

    def forget_gone(self, keys: set[str]) -> None:
        """Drop the drafts of items that are not in `keys` any more."""
        for key in [key for key in self._drafts if key not in keys]:
            del self._drafts[key]
            self.drafts_changed.emit()

    def saved(self, key: str) -> None:
        """The server has taken the draft of `key`."""
        self._saving.discard(key)
        self._drafts.pop(key, None)
        if key == self.key():
            self.notice.clear()
            secret = self._lines.get("password")
            if secret is not None:
                secret.show_value("")
            self._mark()
        self.drafts_changed.emit()

    def refused(self, key: str, error: VmsError) -> None:
        """The server has not taken it: say why at the fields, the first of them focused; the edits stay."""
        self._saving.discard(key)
        if key != self.key():
            return
        problems: Mapping[str, str] = error.problems if isinstance(error, ValidationFailed) else {}
        placed = [name for name in self._lines if name in problems]
        for name in placed:
            self._lines[name].error.say(problems[name])
        if placed:
            self._reveal(placed[0])
        if len(placed) < max(len(problems), 1):
            self.notice.say_error(error)
        self._mark()

    def save(self) -> None:
        """Hand out the draft of the item shown, unless a required property is empty."""
        key = self.key()
        draft = self._drafts.get(key)
        if not draft or key in self._saving:
            return
        for name, line in self._lines.items():
            if line.declared.required and name in draft and not draft[name]:
                line.error.say(words("mgmt.value_missing", name=line.declared.label))
                self._reveal(name)
                return
        self._saving.add(key)
        self._mark()
        self.save_asked.emit(key, dict(draft), self._etag)

    def discard(self) -> None:
        """Show again what the server holds."""
        if self._drafts.pop(self.key(), None) is not None and self._values is not None:
            for name, line in self._lines.items():
                line.error.clear()
                line.show_value(self._values[name])
            self.notice.clear()
            self._mark()
            self.drafts_changed.emit()

    def _reveal(self, name: str) -> None:
        control = self._lines[name].control
        for number in range(self.tabs.count()):
            page = self.tabs.widget(number)
            if isinstance(page, QScrollArea) and page.isAncestorOf(control):
                self.tabs.setCurrentIndex(number)
                page.ensureWidgetVisible(control)
        control.setFocus()

    def _build(self, kind: str) -> None:
        """Make a tab a group and a line a property, from the declaration."""
        while self.tabs.count():
            page = self.tabs.widget(0)
            self.tabs.removeTab(0)
            if page is not None:
                page.deleteLater()
        self._built_kind, self._declared, self._lines = kind, lines_of(kind), {}
        for group, members in groupby(self._declared, key=lambda line: line.group):
            form = QWidget()
            column = QVBoxLayout(form)
            column.setContentsMargins(16, 12, 16, 16)
            grid = QGridLayout()
            grid.setColumnMinimumWidth(0, 160)
            grid.setColumnMinimumWidth(1, CONTROL_WIDTH_PX)
            grid.setColumnStretch(2, 1)
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(4)
            for declared in members:
                line = PropertyLine(declared, grid, form)
                line.edited.connect(self._edited)
                self._lines[declared.name] = line
            column.addLayout(grid)
            column.addStretch(1)
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QFrame.Shape.NoFrame)
            scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            scroll.setWidget(form)
            self.tabs.addTab(scroll, group)

    def _edited(self, name: str) -> None:
        if self._values is None:
            return
        key, value = self.key(), self._lines[name].value()
        draft = self._drafts.setdefault(key, {})
        if value == self._values[name]:
            draft.pop(name, None)
        else:
            draft[name] = value
        if not draft:
            del self._drafts[key]
        self._mark()
        self.drafts_changed.emit()

    def _mark(self) -> None:
        draft = self._drafts.get(self.key(), {})
        for name, line in self._lines.items():
            line.mark_changed(name in draft)
        for number, group in enumerate(dict.fromkeys(line.group for line in self._declared)):
            changed = any(line.name in draft for line in self._declared if line.group == group)
            self.tabs.setTabText(number, f"{group}  \u2022" if changed else group)
        names = ", ".join(self._lines[name].declared.label for name in draft if name in self._lines)
        saving = self.key() in self._saving
        self.bar_text.setText(words("mgmt.saving" if saving else "mgmt.changed", names=names))
        self.save_button.setDisabled(saving)
        self.discard_button.setDisabled(saving)
        self.bar.setVisible(bool(draft) and self._values is not None)
