"""Names, sizes and strengths as the export dialog words them. Pure functions."""

import unicodedata
from datetime import datetime

_UNITS = ("B", "kB", "MB", "GB", "TB")
_LONGEST_NAME = 120
LEAST_PASSWORD = 8


def size_text(size_bytes: int) -> str:
    """Write a size: "840 kB", "1.2 GB"."""
    size, unit = float(max(0, size_bytes)), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit and size < 9.95 else f"{size:.0f} {_UNITS[unit]}"


def suggested_name(cameras: tuple[str, ...], start: datetime, end: datetime) -> str:
    """Name an export after its first camera and its time: "Entrance and 1 more 2026-11-23 14.03-14.06"."""
    who = cameras[0] if cameras else ""
    if len(cameras) > 1:
        who = f"{who} +{len(cameras) - 1}"
    until = end.strftime("%H.%M.%S") if end.date() == start.date() else end.strftime("%Y-%m-%d %H.%M.%S")
    return folder_name(f"{who} {start.strftime('%Y-%m-%d %H.%M.%S')} to {until}")


def folder_name(name: str) -> str:
    """Make a name of a folder that every system takes; empty when nothing is left of it."""
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(" " if c in '<>:"/\\|?*' or unicodedata.category(c)[0] in "CZ" else c for c in plain)
    short = " ".join(kept.split())[:_LONGEST_NAME].strip(" .")
    reserved = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))}
    return f"_{short}" if short.partition(".")[0].casefold() in reserved else short


def strength(password: str) -> int:
    """Judge a password: 0 too short, 1 weak, 2 fair, 3 strong. Length counts most; kinds of characters help."""
    if len(password) < LEAST_PASSWORD:
        return 0
    kinds = sum(
        any(test(c) for c in password) for test in (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    )
    varied = len(set(password)) >= len(password) / 2
    points = (len(password) >= 12) + (len(password) >= 16) + (kinds >= 3) + (kinds >= 2 and len(password) >= 10)
    return min(3, 1 + points // 2 + (points >= 3)) if varied else 1
