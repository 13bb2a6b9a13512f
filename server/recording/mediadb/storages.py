"""Remembers, away from the storage itself, which storage belongs at which path: `storages.json` in the data folder."""

import fcntl
import json
import os
from pathlib import Path

from common.foundation.errors import StorageError

STORAGES = "storages.json"


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StorageError(f"it cannot be read: {error}", path=str(path)) from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise StorageError("it is not an object of paths and ids", path=str(path))
    return found


def known_storage(data: Path, root: Path) -> str | None:
    """Return the id of the storage that was recorded to at `root` before; None when there was none."""
    return _read(data / STORAGES).get(str(root))


def remember_storage(data: Path, root: Path, storage_id: str) -> None:
    """Note the storage at `root`. Engines that start at once do not lose each other's notes."""
    path = data / STORAGES
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / f".{STORAGES}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(path)
        if known.get(str(root)) == storage_id:
            return
        made = path.with_suffix(".new")
        made.write_text(json.dumps(known | {str(root): storage_id}, indent=2) + "\n", encoding="utf-8")
        made.replace(path)
    finally:
        os.close(lock)
