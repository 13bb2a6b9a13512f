"""The list of views beside the cameras: find, open, make, name, number, order and delete them."""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDropEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget

from common.clients.views import ViewTree
from common.ui.icons import icon
from common.ui.item_model import dragged_keys
from common.ui.item_tree import ItemTree
from common.ui.theme import set_role
from common.ui.words import words
from smartclient.views.nodes import PRIVATE, SHARED, view_nodes

MOST_NUMBER = 20
_BUTTONS = (("new_view", "add"), ("new_group", "folder_add"), ("save", "save"), ("undo", "discard"))
_KEYS = {
    (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier): "delete",
    (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier): "duplicate",
    (Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier): "up",
    (Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier): "down",
    (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier): "undo",
}
_DRAGS = frozenset({QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop})


class ViewPanel(QWidget):
    """Says what the operator wants; `ViewRoom` does it."""

    asked = Signal(str, str)
    """What to do (`open`, `open_in_window`, `delete`, `duplicate`, `up`, `down`, `new_view`, `new_group`, `save`,
    `undo`), and the key of the line that it is about, "" for none."""
    rename_asked = Signal(str, str)
    number_asked = Signal(str, str)
    """Key of a view, and its shortcut number, "" for none."""
    move_asked = Signal(str, str, str)
    """Key of a view, of the group to put it into, and of the view to put it before, "" for the end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("view_panel")
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._tree = ViewTree()
        self._open = ""
        self._select = ""
        self._edit = False
        self.tree = ItemTree(words("views.find"), words("views.views"))
        self.tree.setObjectName("view_tree")
        self.hint = QLabel(words("views.none"))
        self.hint.setWordWrap(True)
        self.hint.setContentsMargins(12, 0, 12, 8)
        set_role(self.hint, "muted")
        self.buttons = {name: self._button(name) for name, _ in _BUTTONS}
        title = QLabel(words("views.views"))
        set_role(title, "section")
        bar = QHBoxLayout()
        bar.setContentsMargins(12, 8, 8, 0)
        bar.setSpacing(4)
        bar.addWidget(title, 1)
        for button in self.buttons.values():
            bar.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.tree, 1)
        column.addWidget(self.hint)
        self._paint_icons()
        self.tree.opened.connect(self._activated)
        self.tree.rename_asked.connect(self.rename_asked)
        self.tree.menu_asked.connect(self._show_menu)
        self.tree.view.installEventFilter(self)
        self.tree.view.viewport().installEventFilter(self)
        self.tree.view.setAcceptDrops(True)
        self.tree.view.viewport().setAcceptDrops(True)
        self.show_tree(ViewTree())
        self.show_state("", can_save=False, can_undo=False)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"views_{name}")
        button.setToolTip(words(f"views.{name}_hint"))
        button.setAccessibleName(words(f"views.{name}"))
        set_role(button, "flat")
        button.clicked.connect(lambda: self.asked.emit(name, self.tree.current_key()))
        return button

    # what it shows

    def show_tree(self, tree: ViewTree) -> None:
        """Show what is there now, and select what was just made."""
        self._tree = tree
        self.tree.show_nodes(view_nodes(tree))
        self.hint.setVisible(not tree.views)
        if self._select and self.tree.select(self._select):
            if self._edit:
                self.tree.edit_name(self._select)
            self._select, self._edit = "", False

    def show_state(self, opened: str, *, can_save: bool, can_undo: bool) -> None:
        """Which view is open, whether it differs from what is stored, and whether a step can be taken back."""
        if opened != self._open:
            self._open = opened
            if opened:
                self.tree.select(opened)
        self.buttons["save"].setEnabled(can_save)
        self.buttons["undo"].setEnabled(can_undo)

    def select_soon(self, key: str, edit: bool) -> None:
        """Select a line as soon as it is there; `edit`: and let its name be typed."""
        self._select, self._edit = key, edit

    # what the operator does

    def _activated(self, key: str) -> None:
        if self._tree.view(key) is not None:
            self.asked.emit("open", key)
        else:
            index = self.tree.view.currentIndex()
            self.tree.view.setExpanded(index, not self.tree.view.isExpanded(index))

    def menu(self, key: str) -> QMenu:
        """What can be done with a line."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        view = self._tree.view(key)
        if view is not None:
            self._add(menu, "open", key)
            self._add(menu, "open_in_window", key)
            menu.addSeparator()
        if view is not None or self._tree.group(key) is not None:
            rename = menu.addAction(icon("rename"), words("views.rename"))
            rename.triggered.connect(lambda: self.tree.edit_name(key))
            if view is not None:
                menu.addMenu(self._numbers(key, view.shortcut))
                for name in ("duplicate", "up", "down"):
                    self._add(menu, name, key)
            self._add(menu, "delete", key, "delete")
            menu.addSeparator()
        self._add(menu, "new_view", key, "add")
        self._add(menu, "new_group", key, "folder_add")
        return menu

    def _show_menu(self, key: str, at: QPoint) -> None:
        self.menu(key).popup(at)

    def _add(self, menu: QMenu, name: str, key: str, glyph: str = "") -> None:
        label = words(f"views.{name}")
        action = menu.addAction(icon(glyph), label) if glyph else menu.addAction(label)
        action.setObjectName(name)
        action.triggered.connect(lambda: self.asked.emit(name, key))

    def _numbers(self, key: str, now: str) -> QMenu:
        menu = QMenu(words("views.number"), self)
        for number in ("", *map(str, range(1, MOST_NUMBER + 1))):
            action = menu.addAction(number or words("views.no_number"))
            action.setCheckable(True)
            action.setChecked(number == now)
            action.triggered.connect(lambda _=False, number=number: self.number_asked.emit(key, number))
        return menu

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in {QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress} and watched is self.tree.view:
            assert isinstance(event, QKeyEvent)
            what = _KEYS.get((Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier))
            if what is not None:
                event.accept()
                if kind == QEvent.Type.KeyPress:
                    self.asked.emit(what, self.tree.current_key())
                return True
        if kind in _DRAGS and watched is self.tree.view.viewport() and isinstance(event, QDropEvent):
            return self._dragged(event)
        return super().eventFilter(watched, event)

    def _dragged(self, event: QDropEvent) -> bool:
        """A view over another line: before that view, or into that group."""
        keys = [key for key in dragged_keys(event.mimeData()) if self._tree.view(key) is not None]
        over = self.tree.key_at(event.position().toPoint())
        view = self._tree.view(over)
        group = view.group if view is not None else over
        if not keys or self._tree.group(group) is None:
            event.ignore()
            return True
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self.move_asked.emit(keys[0], group, over if view is not None else "")
        return True

    def _paint_icons(self) -> None:
        for name, glyph in _BUTTONS:
            self.buttons[name].setIcon(icon(glyph, "text"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "buttons"):
            self._paint_icons()


def side_of(tree: ViewTree, key: str) -> tuple[str, bool]:
    """Return the group that a line stands for, "" for none, and whether what is made there is private."""
    view = tree.view(key)
    group = view.group if view is not None else key
    if tree.group(group) is not None:
        return group, tree.is_private(group)
    return "", key != SHARED


__all__ = ["MOST_NUMBER", "PRIVATE", "SHARED", "ViewPanel", "side_of"]
