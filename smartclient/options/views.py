"""The layout and cameras that a user looked at last, by server and user."""

from dataclasses import dataclass
from pathlib import Path

from smartclient.options.user_file import UserFile
from smartclient.views.layouts import MOST_PLACES, Layout, square
from smartclient.views.text import layout_from, layout_rows


@dataclass(frozen=True, slots=True)
class SavedView:
    """The cameras of the layout's places; "" is an empty one."""

    layout: Layout
    cameras: tuple[str, ...]


class SavedViews:
    """Reads and writes the file; call it off the GUI thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = UserFile(file) if file else UserFile.named("smartclient-views.json")

    def load(self, server: str, user: str) -> SavedView | None:
        """Return what was saved; None when there is nothing (that can be read)."""
        return view_from(self._file.load(server, user))

    def save(self, server: str, user: str, view: SavedView) -> None:
        self._file.save(server, user, view_row(view))


def view_row(view: SavedView) -> dict[str, object]:
    """What is written of a view."""
    return {"layout": layout_rows(view.layout), "cameras": list(view.cameras)}


def view_from(row: object) -> SavedView | None:
    """Return what `view_row` wrote, or the square layout of an older file; None for anything else."""
    if not isinstance(row, dict):
        return None
    cameras = row.get("cameras")
    layout = layout_from(row.get("layout")) or _of_columns(row.get("columns"))
    if layout is None or not isinstance(cameras, list):
        return None
    return SavedView(layout, tuple(str(camera) for camera in cameras[:MOST_PLACES]))


def _of_columns(columns: object) -> Layout | None:
    return square(columns) if isinstance(columns, int) and 1 <= columns <= 10 else None
