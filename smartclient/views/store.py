"""The views of the site, kept fresh off the GUI thread, and what the operator does with them, each with its undo."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from common.clients.views import SiteView, SiteViewGroup, SiteViews, ViewRest, ViewTree
from common.foundation.errors import VmsError
from common.ui.off_thread import run_off_thread

_MOST_UNDONE = 30
_MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did: to what, how to undo it, the line to select then, and whether something is gone by it."""

    name: str
    undo: Callable[[], None]
    select: str = ""
    deleted: bool = False


class ViewStore(QObject):
    """One step after the other, in the order in which they were asked for. The tree is read again after each."""

    changed = Signal()
    """`tree` is another one."""
    did = Signal(object)
    """A Done of the operator's, which `undo` takes back."""
    failed = Signal(object)
    """A VmsError: the step was not done."""

    def __init__(self, client: ViewRest, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tree = ViewTree()
        self._site = SiteViews(client)
        self._done: deque[Done] = deque(maxlen=_MOST_UNDONE)
        self._waiting: deque[Callable[[], Done | None]] = deque()
        self._busy = False
        self._stale = False

    def refresh(self) -> None:
        """Read what is there now; what cannot be read stays as it was."""
        self._stale = True
        self._next()

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    # what the operator does

    def add_group(self, name: str, parent: str, private: bool) -> None:
        """Make a group at the end of those beside it."""
        owner = self.tree.user if private and not parent else ""
        group = SiteViewGroup("", name, parent, owner, _behind(self.tree.groups_in(parent)))

        def do() -> Done:
            made = self._site.create_group(group)
            return Done(name, lambda: self._site.delete_group(made.id), made.id)

        self._do(do)

    def add_view(self, view: SiteView) -> None:
        """Make a view at the end of its group."""
        new = replace(view, position=_behind(self.tree.views_in(view.group)))

        def do() -> Done:
            made = self._site.create_view(new)
            return Done(new.name, lambda: self._site.delete_view(made.id), made.id)

        self._do(do)

    def add_view_in_new_group(self, view: SiteView, group: str, private: bool) -> None:
        """Make the first view, and a group for it: views stand in groups."""
        owner = self.tree.user if private else ""
        new_group = SiteViewGroup("", group, owner=owner, position=_behind(self.tree.groups_in("")))

        def do() -> Done:
            around = self._site.create_group(new_group)
            made = self._site.create_view(replace(view, group=around.id))
            return Done(view.name, lambda: self._site.delete_group(around.id), made.id)

        self._do(do)

    def change_view(self, view: SiteView) -> None:
        """Store a view as it is now; another one with its shortcut number gives that up."""
        old = self.tree.view(view.id)
        if old is None or old == view:
            return
        twins = [each for each in self.tree.views if view.shortcut and each.shortcut == view.shortcut]
        yielding = [each for each in twins if each.id != view.id and self._same_side(each, view)]

        def do() -> Done:
            self._change_all([*(replace(each, shortcut="") for each in yielding), view])
            return Done(old.name, lambda: self._change_all([old, *yielding]), view.id)

        self._do(do)

    def rename(self, identifier: str, name: str) -> None:
        """Give a group or view another name."""
        view, group = self.tree.view(identifier), self.tree.group(identifier)
        if view is not None:
            self.change_view(replace(view, name=name))
        elif group is not None:

            def do() -> Done:
                self._site.change_group(replace(group, name=name))
                return Done(group.name, lambda: self._site.change_group(group), identifier)

            self._do(do)

    def delete(self, identifier: str) -> None:
        """Remove a view, or a group with all that stands in it."""
        view, group, tree = self.tree.view(identifier), self.tree.group(identifier), self.tree
        if view is not None:

            def put_back() -> None:
                self._site.create_view(view)

            def do_view() -> Done:
                self._site.delete_view(view.id)
                return Done(view.name, put_back, view.group, deleted=True)

            self._do(do_view)
        elif group is not None:

            def do_group() -> Done:
                self._site.delete_group(group.id)
                return Done(group.name, lambda: self._put_back(tree, group, group.parent), group.parent, True)

            self._do(do_group)

    def move(self, identifier: str, group: str, before: str = "") -> None:
        """Put a view into a group, before another view of it or at its end."""
        view = self.tree.view(identifier)
        if view is None or before == identifier or self.tree.group(group) is None:
            return
        old = self.tree.views_in(group)
        row = [each for each in old if each.id != identifier]
        at = next((number for number, each in enumerate(row) if each.id == before), len(row))
        row.insert(at, replace(view, group=group))
        placed = [replace(each, position=number) for number, each in enumerate(row)]
        if view.group == group:
            known = {each.id: each for each in old}
            moved = [each for each in placed if known[each.id] != each]
            if moved:
                self._do(lambda: self._reorder(view.name, moved, [known[each.id] for each in moved], identifier))
            return

        def do() -> Done:
            self._change_all([each for each in placed if each.id != identifier])
            made = self._site.create_view(placed[at])
            self._site.delete_view(identifier)

            def undo() -> None:
                self._site.create_view(view)
                self._site.delete_view(made.id)

            return Done(view.name, undo, made.id)

        self._do(do)

    def undo(self) -> None:
        """Take back the last step."""
        if self._done:
            last = self._done.pop()

            def do() -> None:
                last.undo()

            self._do(do)

    # inside

    def _same_side(self, one: SiteView, other: SiteView) -> bool:
        return self.tree.is_private(one.group) == self.tree.is_private(other.group)

    def _reorder(self, name: str, new: list[SiteView], old: list[SiteView], select: str) -> Done:
        self._change_all(new)
        return Done(name, lambda: self._change_all(old), select)

    def _change_all(self, views: list[SiteView]) -> None:
        for view in views:
            self._site.change_view(view)

    def _put_back(self, tree: ViewTree, group: SiteViewGroup, parent: str) -> None:
        """Create a deleted group again, and all that stood in it; ids are new ones."""
        made = self._site.create_group(replace(group, parent=parent))
        for view in tree.views_in(group.id):
            self._site.create_view(replace(view, group=made.id))
        for below in tree.groups_in(group.id):
            self._put_back(tree, below, made.id)

    def _do(self, step: Callable[[], Done | None]) -> None:
        if len(self._waiting) < _MOST_WAITING:  # a server that is away: what is asked of it now is refused in turn
            self._waiting.append(step)
            self._next()

    def _next(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = self._stale = True
            run_off_thread(self, self._waiting.popleft(), self._stepped, self._refused)
        elif self._stale:
            self._busy, self._stale = True, False
            run_off_thread(self, self._site.tree, self._read, self._unread)

    def _stepped(self, done: Done | None) -> None:
        self._busy = False
        self._next()
        if done is not None:
            self._done.append(done)
            self.did.emit(done)

    def _refused(self, error: VmsError) -> None:
        self._busy = False
        self._next()
        self.failed.emit(error)

    def _read(self, tree: ViewTree) -> None:
        self._busy = False
        if tree != self.tree:
            self.tree = tree
            self.changed.emit()
        self._next()

    def _unread(self, _error: VmsError) -> None:
        """The site watch says that the server is away, and asks again."""
        self._busy = False
        self._next()


def _behind(row: tuple[SiteViewGroup, ...] | tuple[SiteView, ...]) -> int:
    return max((each.position + 1 for each in row), default=0)
