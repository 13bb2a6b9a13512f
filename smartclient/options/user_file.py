"""A JSON file in the configuration folder that holds one row for each user of each server."""

import json
import logging
import os
from pathlib import Path

from platformdirs import user_config_path

log = logging.getLogger(__name__)

_MOST_USERS = 50


class UserFile:
    """Reads and writes the file; call it off the GUI thread."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def named(cls, name: str) -> "UserFile":
        """Return the file of this operating system user."""
        return cls(user_config_path("vedette", appauthor=False) / name)

    def load(self, server: str, user: str) -> object:
        """Return what was saved for a user; None when there is nothing (that can be read)."""
        return self._rows().get(_key(server, user))

    def save(self, server: str, user: str, row: object) -> None:
        """Write the file whole; one that cannot be written is logged: losing a layout stops nobody."""
        rows = self._rows()
        rows.pop(_key(server, user), None)
        rows = {**dict(list(rows.items())[-_MOST_USERS + 1 :]), _key(server, user): row}
        scratch = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(rows, indent=1), encoding="utf-8")
            os.replace(scratch, self._file)
        except OSError as error:
            log.warning("settings not saved", extra={"path": str(self._file), "cause": str(error)})

    def _rows(self) -> dict[str, object]:
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("saved settings unreadable", extra={"path": str(self._file), "cause": str(error)})
            return {}
        return rows if isinstance(rows, dict) else {}


def _key(server: str, user: str) -> str:
    return f"{user.casefold()}@{server}"
