"""Everything about the views of one signed-in user: the list, what is open, and numbers."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from common.clients.views import SiteView, ViewRest
from common.ui.words import words
from smartclient.live.grid import TileGrid
from smartclient.views.layouts import Layout, Place, checked
from smartclient.views.numbers import NumberEntry
from smartclient.views.panel import ViewPanel, side_of
from smartclient.views.set_up import SetUp
from smartclient.views.store import Done, ViewStore
from smartclient.views.text import contents_from, contents_text


class ViewRoom(QObject):
    """`grid` shows the view that is open, and what it shows can be kept as one."""

    opened = Signal(object, tuple)
    """A Layout and the cameras of its places."""
    window_asked = Signal(object)
    """A SiteView to show in a window of its own."""
    said = Signal(str)
    deleted = Signal(str)
    """What is gone, as a sentence; it can be undone."""

    def __init__(self, client: ViewRest, grid: TileGrid, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._grid = grid
        self._open = ""
        self._making = False
        self.editor: SetUp | None = None
        self.store = ViewStore(client, self)
        self.panel = ViewPanel()
        self.numbers = NumberEntry(self.known_numbers, self)
        self.store.changed.connect(self._tree_changed)
        self.store.did.connect(self._did)
        self.panel.asked.connect(self._asked)
        self.panel.rename_asked.connect(self.store.rename)
        self.panel.number_asked.connect(self._number)
        self.panel.move_asked.connect(self.store.move)
        self.numbers.entered.connect(self.open_number)
        grid.changed.connect(self._show_state)
        grid.arranged.connect(self._show_state)

    # opening

    @property
    def open_view(self) -> SiteView | None:
        """The view that was opened last, None when it is gone."""
        return self.store.tree.view(self._open)

    def open(self, identifier: str) -> None:
        """Show a view."""
        view = self.store.tree.view(identifier)
        if view is None:
            return
        if self.editor is not None:
            self.editor.finish(keep=False)
        shown = content(view)
        if shown is None:
            self.said.emit(words("views.unreadable", name=view.name))
            return
        self._open = identifier
        self.opened.emit(*shown)
        self._show_state()

    def open_number(self, number: str) -> None:
        """Show the view with a shortcut number."""
        view = self.numbered(number)
        if view is not None:
            self.open(view.id)

    def numbered(self, number: str) -> SiteView | None:
        """Return the view with a shortcut number, a private one before a shared one; None is said."""
        tree = self.store.tree
        found = [view for view in tree.views if view.shortcut == number]
        if not found:
            self.said.emit(words("views.no_such_number", number=number))
            return None
        return min(found, key=lambda view: not tree.is_private(view.group))

    def known_numbers(self) -> set[str]:
        return {view.shortcut for view in self.store.tree.views if view.shortcut}

    # keeping

    def set_up(self, is_camera: Callable[[str], bool]) -> None:
        """F10: change the layout of the grid; an open view is saved when it is done. Again: keep what was done."""
        if self.editor is not None:
            self.editor.finish(keep=True)
            return
        self._grid.restore()
        self.editor = SetUp(self._grid, is_camera)
        self.editor.finished.connect(self._set_up_done)

    def _set_up_done(self, keep: bool) -> None:
        self.editor = None
        if keep:
            self.save()

    def save(self) -> None:
        """Keep what is shown as the open view."""
        view = self.open_view
        if view is not None:
            self.store.change_view(self._shown(view))

    def new_view(self, key: str) -> None:
        """Keep what is shown as a new view, in the group of a line."""
        tree = self.store.tree
        group, private = side_of(tree, key)
        names = {view.name for view in tree.views}
        name = next(name for n in range(1, 10_000) if (name := words("views.new_name", n=n)) not in names)
        view = self._shown(SiteView("", name, group))
        self._making = True
        if group:
            self.store.add_view(view)
        else:
            self.store.add_view_in_new_group(view, words("views.new_group_name"), private)

    def _new_group(self, key: str) -> None:
        group, private = side_of(self.store.tree, key)
        self._making = True
        self.store.add_group(words("views.new_group_name"), group, private)

    def _shown(self, view: SiteView) -> SiteView:
        places = tuple((place.x, place.y, place.width, place.height) for place in self._grid.arrangement)
        return replace(view, places=places, definition=contents_text(self._grid.cameras[: len(places)]))

    def _asked(self, what: str, key: str) -> None:
        acts: dict[str, Callable[[], object]] = {
            "open": lambda: self.open(key),
            "open_in_window": lambda: self._in_window(key),
            "delete": lambda: self.store.delete(key),
            "duplicate": lambda: self._duplicate(key),
            "up": lambda: self._step(key, -1),
            "down": lambda: self._step(key, 1),
            "new_view": lambda: self.new_view(key),
            "new_group": lambda: self._new_group(key),
            "save": self.save,
            "undo": self.store.undo,
        }
        acts[what]()

    def _in_window(self, key: str) -> None:
        view = self.store.tree.view(key)
        if view is not None:
            self.window_asked.emit(view)

    def _duplicate(self, key: str) -> None:
        view = self.store.tree.view(key)
        if view is not None:
            self._making = True
            self.store.add_view(replace(view, name=words("views.copy_name", name=view.name), shortcut=""))

    def _step(self, key: str, by: int) -> None:
        view = self.store.tree.view(key)
        if view is None:
            return
        row = [each.id for each in self.store.tree.views_in(view.group) if each.id != key]
        at = [each.id for each in self.store.tree.views_in(view.group)].index(key) + by
        if 0 <= at <= len(row):
            self.store.move(key, view.group, row[at] if at < len(row) else "")

    def _number(self, key: str, number: str) -> None:
        view = self.store.tree.view(key)
        if view is not None:
            self.store.change_view(replace(view, shortcut=number))

    # showing

    def _did(self, done: Done) -> None:
        self.panel.select_soon(done.select, self._making)
        if self._making:
            self._open = done.select
        if done.deleted:
            self.deleted.emit(words("views.deleted", name=done.name))
        self._making = False
        self._show_state()

    def _tree_changed(self) -> None:
        self.panel.show_tree(self.store.tree)
        self._show_state()

    def _show_state(self) -> None:
        view = self.open_view
        differs = view is not None and content(self._shown(view)) != content(view)
        self.panel.show_state("" if view is None else view.id, can_save=differs, can_undo=self.store.can_undo)


def content(view: SiteView) -> tuple[Layout, tuple[str, ...]] | None:
    """Return the places of a view and their cameras; None when the places are none that can be shown."""
    layout = checked([Place(*place) for place in view.places])
    return None if layout is None else (layout, _padded(contents_from(view.definition), len(layout)))


def _padded(cameras: tuple[str, ...], count: int) -> tuple[str, ...]:
    return (*cameras, *("",) * count)[:count]
