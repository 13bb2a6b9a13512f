"""The layout and cameras that a user looked at last, by server and user: one JSON file in the configuration folder."""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from smartclient.views.layouts import Layout, square
from smartclient.views.text import layout_from, layout_rows

log = logging.getLogger(__name__)

_MOST_USERS = 50
_MOST_TILES = 100


@dataclass(frozen=True, slots=True)
class SavedView:
    """The cameras of the layout's places; "" is an empty one."""

    layout: Layout
    cameras: tuple[str, ...]


class SavedViews:
    """Reads and writes the file; call it off the GUI thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or user_config_path("vedette", appauthor=False) / "smartclient-views.json"

    def load(self, server: str, user: str) -> SavedView | None:
        """Return what was saved; None when there is nothing (that can be read)."""
        row = self._rows().get(_key(server, user))
        if not isinstance(row, dict):
            return None
        cameras = row.get("cameras")
        layout = layout_from(row.get("layout")) or _of_columns(row.get("columns"))
        if layout is None or not isinstance(cameras, list):
            return None
        return SavedView(layout, tuple(str(camera) for camera in cameras[:_MOST_TILES]))

    def save(self, server: str, user: str, view: SavedView) -> None:
        """Write the file whole; one that cannot be written is logged: losing a layout stops nobody."""
        rows = self._rows()
        rows.pop(_key(server, user), None)
        row = {"layout": layout_rows(view.layout), "cameras": list(view.cameras)}
        rows = {**dict(list(rows.items())[-_MOST_USERS + 1 :]), _key(server, user): row}
        scratch = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(rows, indent=1), encoding="utf-8")
            os.replace(scratch, self._file)
        except OSError as error:
            log.warning("view not saved", extra={"path": str(self._file), "cause": str(error)})

    def _rows(self) -> dict[str, object]:
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("saved views unreadable", extra={"path": str(self._file), "cause": str(error)})
            return {}
        return rows if isinstance(rows, dict) else {}


def _key(server: str, user: str) -> str:
    return f"{user.casefold()}@{server}"


def _of_columns(columns: object) -> Layout | None:
    """The layout of a file that knew square ones only."""
    return square(columns) if isinstance(columns, int) and 1 <= columns <= 10 else None
