"""What stands in a place of a view beside a camera: hotspot, carousel, picture, writing, or what we do not know.

Places hold one text each: "" for nothing, a camera's id, or an item as a JSON object (it begins with a brace). That
text is what is stored, copied to other windows and written into files, so an item that this version does not know
stays as it was."""

import base64
import binascii
import json
from dataclasses import dataclass

from smartclient.views.layouts import MOST_PLACES

MOST_PICTURE_BYTES = 96 * 1024
"""Of one embedded picture; larger ones are made smaller."""
MOST_DEFINITION_CHARS = 262_144
"""Of a whole view, its pictures included: what the management server takes."""
MOST_TEXT_CHARS = 4_000
LEAST_S, MOST_S, USUAL_S = 2, 3_600, 10
LEAST_TEXT_PX, MOST_TEXT_PX, USUAL_TEXT_PX = 10, 120, 20


@dataclass(frozen=True, slots=True)
class Hotspot:
    """Shows the camera that is selected anywhere."""


@dataclass(frozen=True, slots=True)
class Carousel:
    """Shows cameras one after the other, each so long."""

    cameras: tuple[str, ...]
    seconds: int = USUAL_S


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that lies in the view itself: PNG or JPEG bytes."""

    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Writing:
    """A text, plain or Markdown, in letters so high."""

    text: str
    markdown: bool = False
    size_px: int = USUAL_TEXT_PX


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that another version or program put there; it is kept as it is."""

    kind: str


Item = Hotspot | Carousel | Picture | Writing | Unknown


def is_item(content: str) -> bool:
    """Whether the text of a place is an item, neither a camera nor nothing."""
    return content.startswith("{")


def content_of(item: Hotspot | Carousel | Picture | Writing) -> str:
    """Return the text of a place with this item."""
    row: dict[str, object]
    match item:
        case Hotspot():
            row = {"item": "hotspot"}
        case Carousel(cameras, seconds):
            row = {"item": "carousel", "cameras": list(cameras), "seconds": seconds}
        case Picture(data, name):
            row = {"item": "picture", "name": name, "data": base64.b64encode(data).decode()}
        case Writing(text, markdown, size_px):
            row = {"item": "text", "text": text, "markdown": markdown, "size_px": size_px}
    return _json(row)


def item_from(content: str) -> Item | None:
    """Return the item of a place; None for a camera or nothing. One that is damaged is Unknown: it is kept, too."""
    if not is_item(content):
        return None
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return Unknown("")
    kind = row.get("item")
    try:
        known = _known(kind, row)
    except (KeyError, TypeError, ValueError, binascii.Error):
        known = None
    return known or Unknown(kind[:40] if isinstance(kind, str) else "")


def row_of(content: str) -> dict[str, object]:
    """What is stored of a place."""
    if is_item(content):
        try:
            row: dict[str, object] = json.loads(content)
        except (ValueError, RecursionError):  # a file of this computer was tampered with
            row = {}
        return row
    return {"camera": content} if content else {}


def content_from(row: object) -> str:
    """Return the text of a place from what is stored of it; "" for what is no object."""
    if not isinstance(row, dict) or not row:
        return ""
    camera = row.get("camera")
    return camera if isinstance(camera, str) and not is_item(camera) else _json(row)


def _known(kind: object, row: dict[str, object]) -> Item | None:
    if kind == "hotspot":
        return Hotspot()
    if kind == "carousel":
        cameras = row["cameras"]
        if not isinstance(cameras, list) or not all(isinstance(camera, str) and camera for camera in cameras):
            return None
        return Carousel(tuple(cameras[:MOST_PLACES]), _within(row.get("seconds", USUAL_S), LEAST_S, MOST_S))
    if kind == "picture":
        data = base64.b64decode(str(row["data"]), validate=True)
        return Picture(data, str(row.get("name", ""))) if len(data) <= MOST_PICTURE_BYTES else None
    if kind == "text":
        size_px = _within(row.get("size_px", USUAL_TEXT_PX), LEAST_TEXT_PX, MOST_TEXT_PX)
        text = row["text"]
        if not isinstance(text, str):
            return None
        return Writing(text[:MOST_TEXT_CHARS], row.get("markdown") is True, size_px)
    return None


def _within(value: object, least: int, most: int) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return min(most, max(least, value))


def _json(row: dict[str, object]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
