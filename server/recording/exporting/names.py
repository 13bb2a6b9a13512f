"""File names made of camera names: safe on every system and in every archive."""

import re
import unicodedata
from datetime import UTC, datetime

from common.foundation.clock import US_PER_S, UtcUs

_MOST_BYTES = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")  # Windows devices


def safe_name(name: str) -> str:
    """Return `name` as one part of a path: no separators, nothing that hides or reorders text, at most 100 bytes."""
    plain = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    plain = _FORBIDDEN.sub("_", plain).strip(" .")
    plain = plain.encode()[:_MOST_BYTES].decode("utf-8", "ignore").rstrip(" .")
    if not plain or _RESERVED.match(plain):
        plain = f"_{plain}"
    return plain


def utc_name(at: UtcUs) -> str:
    """A time as file names have it: 2026-11-23 14.05.06.250Z."""
    seconds, us = divmod(at, US_PER_S)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H.%M.%S") + f".{us // 1000:03d}Z"


def film_name(device: str, start: UtcUs, taken: set[str]) -> str:
    """A name for a film that no other has, letters of either case taken as the same; noted in `taken`."""
    name = wanted = f"{safe_name(device)} {utc_name(start)}"
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{wanted} ({number})"
    taken.add(name.casefold())
    return name
