"""Where data and configuration are kept when nobody says otherwise."""

import os
import sys
from pathlib import Path

import platformdirs

SETTINGS_FILE = "vedette.toml"


def default_data_dir() -> Path:
    """Return `/var/lib/vedette` for a service on Linux (root), else the user's own data folder."""
    if _is_linux_root():
        return Path("/var/lib/vedette")
    return platformdirs.user_data_path("vedette", appauthor=False)


def default_settings_file() -> Path:
    """Return where the settings file is looked for; it need not exist."""
    if _is_linux_root():
        return Path("/etc/vedette") / SETTINGS_FILE
    return platformdirs.user_config_path("vedette", appauthor=False) / SETTINGS_FILE


def write_private(path: Path, content: bytes) -> None:
    """Write a file only its owner can read (0600), whole or not at all, and on disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself
        finally:
            os.close(folder)


def _is_linux_root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0
