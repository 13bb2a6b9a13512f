"""A tree of named things as a Qt model: frozen nodes in, and only the difference to the last ones is announced.

So a refresh every few seconds loses neither selection nor expansion nor the scroll position.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from common.ui.icons import State, icon

ITEM_MIME = "application/x-vedette-items"
"""Dragged items: a JSON list of node keys."""

Index = QModelIndex | QPersistentModelIndex
_TOP = QModelIndex()


@dataclass(frozen=True, slots=True)
class ItemNode:
    """One line of the tree. `key` is unique in the tree and stays the same from refresh to refresh."""

    key: str
    label: str
    glyph: str = ""  # a name of common.ui.icons
    state: State = State.NONE
    note: str = ""  # quiet text at the right edge, such as a count
    tooltip: str = ""
    faded: bool = False  # shown grey: disabled by an administrator
    renamable: bool = False
    draggable: bool = False
    children: tuple["ItemNode", ...] = ()


class ItemRole(IntEnum):
    """What a delegate asks of an index beside Qt's own roles."""

    KEY = Qt.ItemDataRole.UserRole + 1
    STATE = Qt.ItemDataRole.UserRole + 2
    NOTE = Qt.ItemDataRole.UserRole + 3
    FADED = Qt.ItemDataRole.UserRole + 4


@dataclass(slots=True, eq=False)
class _Entry:
    node: ItemNode
    parent: "_Entry | None"
    children: list["_Entry"] = field(default_factory=list)

    @classmethod
    def grow(cls, node: ItemNode, parent: "_Entry | None") -> "_Entry":
        entry = cls(node, parent)
        entry.children = [cls.grow(child, entry) for child in node.children]
        return entry


class ItemModel(QAbstractItemModel):
    """Shows `ItemNode`s; `show` replaces them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._root = _Entry(ItemNode("", ""), None)

    def show(self, nodes: tuple[ItemNode, ...]) -> None:
        """Show `nodes` as the top of the tree, announcing only what changed."""
        self._update_children(self._root, nodes, _TOP)

    def find(self, key: str) -> QModelIndex:
        """Return the index of a key, invalid when no node has it."""
        for entry in self._walk(self._root):
            if entry.node.key == key:
                return self._index_of(entry)
        return QModelIndex()

    def node(self, index: Index) -> ItemNode:
        """Return the frozen value behind `index`."""
        return self._entry(index).node

    def _walk(self, top: _Entry) -> Iterator[_Entry]:
        for child in top.children:
            yield child
            yield from self._walk(child)

    def _entry(self, index: Index) -> _Entry:
        if not index.isValid():
            return self._root
        found = index.internalPointer()
        assert isinstance(found, _Entry)
        return found

    def _index_of(self, entry: _Entry) -> QModelIndex:
        if entry.parent is None:
            return QModelIndex()
        return self.createIndex(entry.parent.children.index(entry), 0, entry)

    def _update_children(self, entry: _Entry, nodes: tuple[ItemNode, ...], at: Index) -> None:
        wanted = {node.key for node in nodes}
        for row in reversed(range(len(entry.children))):
            if entry.children[row].node.key not in wanted:
                self.beginRemoveRows(at, row, row)
                del entry.children[row]
                self.endRemoveRows()
        for row, node in enumerate(nodes):
            now = next((i for i, child in enumerate(entry.children) if child.node.key == node.key), None)
            if now is None:
                self.beginInsertRows(at, row, row)
                entry.children.insert(row, _Entry.grow(node, entry))
                self.endInsertRows()
                continue
            if now != row:
                self.beginMoveRows(at, now, now, at, row)
                entry.children.insert(row, entry.children.pop(now))
                self.endMoveRows()
            child = entry.children[row]
            if child.node == node:
                continue
            old, child.node = child.node, node
            index = self.index(row, 0, at)
            if (old.children == node.children) or not (old.children or node.children):
                self.dataChanged.emit(index, index)
            else:
                self.dataChanged.emit(index, index)
                self._update_children(child, node.children, index)

    # QAbstractItemModel

    def index(self, row: int, column: int, parent: Index = _TOP) -> QModelIndex:
        children = self._entry(parent).children
        if column == 0 and 0 <= row < len(children):
            return self.createIndex(row, column, children[row])
        return QModelIndex()

    def parent(self, index: Index = _TOP) -> QModelIndex:  # type: ignore[override]  # QObject.parent() has the name too
        above = self._entry(index).parent if index.isValid() else None
        return QModelIndex() if above is None else self._index_of(above)

    def rowCount(self, parent: Index = _TOP) -> int:
        return len(self._entry(parent).children)

    def columnCount(self, parent: Index = _TOP) -> int:
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # Qt's own type for a cell
        if not index.isValid():
            return None
        node = self._entry(index).node
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return node.label
            case Qt.ItemDataRole.DecorationRole:
                return icon(node.glyph, "faint" if node.faded else "muted") if node.glyph else None
            case Qt.ItemDataRole.ToolTipRole:
                return node.tooltip or None
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(part for part in (node.label, node.note, node.tooltip) if part)
            case ItemRole.KEY:
                return node.key
            case ItemRole.STATE:
                return node.state.value
            case ItemRole.NOTE:
                return node.note
            case ItemRole.FADED:
                return node.faded
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        node = self._entry(index).node
        if node.renamable:
            flags |= Qt.ItemFlag.ItemIsEditable
        if node.draggable:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        return flags

    def mimeTypes(self) -> list[str]:
        return [ITEM_MIME]

    def mimeData(self, indexes: Any) -> QMimeData:  # a Sequence of indexes; the stubs name a narrower type
        data = QMimeData()
        data.setData(ITEM_MIME, json.dumps([self._entry(index).node.key for index in indexes]).encode())
        return data


def dragged_keys(data: QMimeData) -> tuple[str, ...]:
    """Return the keys that a drag from an item tree carries; none when it is something else."""
    if not data.hasFormat(ITEM_MIME):
        return ()
    try:
        keys = json.loads(bytes(data.data(ITEM_MIME).data()))
    except ValueError:
        return ()
    return tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ()
