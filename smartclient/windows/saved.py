"""The windows that a user had last on this computer: which, where, and what they showed."""

from dataclasses import dataclass
from pathlib import Path

from smartclient.options.user_file import UserFile
from smartclient.options.views import SavedView, view_from, view_row
from smartclient.windows.spots import Spot, spot_from

MOST_WINDOWS = 16


@dataclass(frozen=True, slots=True)
class SavedWindow:
    """A window beside the main one. `linked`: it follows the main window's time."""

    name: str
    spot: Spot
    view: SavedView
    linked: bool = True


@dataclass(frozen=True, slots=True)
class SavedDesk:
    """All windows of a session; `main` is where the main window was."""

    main: Spot | None = None
    windows: tuple[SavedWindow, ...] = ()


class SavedDesks:
    """Reads and writes the file; call it off the GUI thread."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = UserFile(file) if file else UserFile.named("smartclient-windows.json")

    def load(self, server: str, user: str) -> SavedDesk:
        """Return what was saved; windows that cannot be read are left out."""
        row = self._file.load(server, user)
        if not isinstance(row, dict):
            return SavedDesk()
        windows = row.get("windows")
        found = (_window(each) for each in (windows if isinstance(windows, list) else ())[:MOST_WINDOWS])
        return SavedDesk(spot_from(row.get("main")), tuple(each for each in found if each is not None))

    def save(self, server: str, user: str, desk: SavedDesk) -> None:
        windows = [
            {"name": each.name, "spot": each.spot.row(), "linked": each.linked, **view_row(each.view)}
            for each in desk.windows
        ]
        self._file.save(server, user, {"main": None if desk.main is None else desk.main.row(), "windows": windows})


def _window(row: object) -> SavedWindow | None:
    view = view_from(row)
    if view is None or not isinstance(row, dict):
        return None
    spot = spot_from(row.get("spot"))
    name = row.get("name")
    if spot is None or not isinstance(name, str):
        return None
    return SavedWindow(name[:255], spot, view, row.get("linked") is not False)
