"""The tree of views as lines: private and shared groups, and the views in them."""

from common.clients.views import SiteView, SiteViewGroup, ViewTree
from common.ui.item_model import ItemNode
from common.ui.words import words

PRIVATE, SHARED = "private", "shared"
"""Keys of the two lines that all groups stand below."""


def view_nodes(tree: ViewTree) -> tuple[ItemNode, ...]:
    """Return both sides, also when nothing is in them: something can be put there."""
    sides = (PRIVATE, "user", True), (SHARED, "users", False)
    return tuple(
        ItemNode(
            key,
            words(f"views.{key}"),
            glyph,
            tooltip=words(f"views.{key}_hint"),
            children=tuple(_group(tree, group) for group in tree.groups_in("") if bool(group.owner) is private),
        )
        for key, glyph, private in sides
    )


def _group(tree: ViewTree, group: SiteViewGroup) -> ItemNode:
    groups = tuple(_group(tree, below) for below in tree.groups_in(group.id))
    views = tuple(_view(view) for view in tree.views_in(group.id))
    return ItemNode(group.id, group.name, "folder", renamable=True, children=(*groups, *views))


def _view(view: SiteView) -> ItemNode:
    hint = words("views.view_hint", name=view.name)
    if view.shortcut:
        hint = words("views.view_hint_number", name=view.name, number=view.shortcut)
    return ItemNode(view.id, view.name, "view", note=view.shortcut, tooltip=hint, renamable=True, draggable=True)
