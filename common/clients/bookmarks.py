"""Bookmarks of the site, as a client reads and writes them. Blocking; failures are those of ManagementClient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from common.foundation.clock import US_PER_S, UtcUs, utc_us
from common.foundation.errors import ProtocolError
from common.foundation.ids import new_id

MOST_FOUND = 1000


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A note on a time of a camera's recordings; `triggered_us` is the moment that is meant."""

    id: str
    device: str
    begin_us: UtcUs
    triggered_us: UtcUs
    end_us: UtcUs
    header: str
    description: str = ""
    user: str = ""


class Rest(Protocol):
    """Asks `/api/rest/v1`."""

    def rest(self, method: str, path: str, body: object = None) -> dict[str, Any]: ...


class SiteBookmarks:
    """What `ManagementClient.rest` answers, as values."""

    def __init__(self, client: Rest) -> None:
        self._client = client

    def create(self, bookmark: Bookmark) -> Bookmark:
        """Store one; asking twice with the same id makes one."""
        body = {"id": bookmark.id, "devicePath": {"type": "cameras", "id": bookmark.device}, **_words(bookmark)}
        return _read(self._client.rest("POST", "/bookmarks", body).get("result"))

    def change(self, bookmark: Bookmark) -> Bookmark:
        """Store it as it is now."""
        return _read(self._client.rest("PATCH", f"/bookmarks/{quote(bookmark.id)}", _words(bookmark)).get("data"))

    def delete(self, bookmark_id: str) -> None:
        self._client.rest("DELETE", f"/bookmarks/{quote(bookmark_id)}")

    def search(
        self, begin_us: int = 0, end_us: int = 2**51, devices: Sequence[str] = (), text: str = ""
    ) -> list[Bookmark]:
        """Those that overlap the time, oldest first; at most MOST_FOUND."""
        body: dict[str, Any] = {"timeBegin": _text(begin_us), "timeEnd": _text(end_us), "size": MOST_FOUND}
        if devices:
            body["devicePaths"] = [{"type": "cameras", "id": device} for device in devices]
        if text:
            body["searchText"] = text
        found = self._client.rest("POST", "/bookmarks?task=searchTime", body).get("array")
        if not isinstance(found, list):
            raise ProtocolError("the list of bookmarks is none", peer="The management server")
        return [_read(each) for each in found]


def new_bookmark(device: str, at: int, around_us: tuple[int, int], header: str, description: str = "") -> Bookmark:
    """A bookmark around a moment: so much before and after it."""
    before_us, after_us = around_us
    return Bookmark(
        new_id(), device, UtcUs(max(0, at - before_us)), UtcUs(at), UtcUs(at + after_us), header, description
    )


def _words(bookmark: Bookmark) -> dict[str, Any]:
    return {
        "header": bookmark.header,
        "description": bookmark.description,
        "timeBegin": _text(bookmark.begin_us),
        "timeTriggered": _text(bookmark.triggered_us),
        "timeEnd": _text(bookmark.end_us),
    }


def _text(at: int) -> str:
    seconds, us = divmod(at, US_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=us).isoformat()


def _read(value: object) -> Bookmark:
    try:
        assert isinstance(value, Mapping)
        begin, triggered, end = (_time(value[name]) for name in ("timeBegin", "timeTriggered", "timeEnd"))
        texts = [str(value.get(name, "")) for name in ("header", "description", "user")]
        return Bookmark(str(value["id"]), str(value["devicePath"]["id"]), begin, triggered, end, *texts)
    except (AssertionError, KeyError, TypeError, ValueError) as wrong:
        raise ProtocolError(f"its bookmark is not one: {wrong!r}", peer="The management server") from None


def _time(value: str) -> UtcUs:
    moment = datetime.fromisoformat(value)
    return utc_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
