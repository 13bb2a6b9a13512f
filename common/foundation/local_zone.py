"""The name of this computer's time zone in the IANA database, so that other computers can follow it."""

import os
from pathlib import Path

_LINK = Path("/etc/localtime")
_FILE = Path("/etc/timezone")
_BELOW = "zoneinfo/"


def local_zone_name() -> str:
    """Return a name such as Europe/Berlin; "" where the system does not tell one."""
    named = os.environ.get("TZ", "").lstrip(":")
    if named:
        return named if "/" in named or named == "UTC" else ""
    try:
        target = str(_LINK.resolve(strict=True))
    except OSError:
        target = ""
    if _BELOW in target:
        return target.partition(_BELOW)[2].removeprefix("posix/")
    try:
        return _FILE.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
