"""Bookmarks as the REST interface words them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from common.foundation.clock import UtcUs, utc_us
from server.management.api.envelope import api_time
from server.management.configuration.items import InvalidProperties
from server.management.database.bookmark_tables import BookmarkRow

MOST_FOUND = 1000
_LONGEST_US = 366 * 86_400 * 1_000_000
_TIMES = {"timeBegin": "begin_us", "timeTriggered": "triggered_us", "timeEnd": "end_us"}
_TEXTS = ("header", "description", "reference")
_SHOWN_ONLY = {"displayName", "relations", "user", "createdTime", "lastModified"}
_SEARCH = {"devicePaths", "timeBegin", "timeEnd", "searchText", "user", "size", "after"}

Time = Annotated[int, Field(ge=0, lt=2**52)]


class BookmarkValues(BaseModel):
    """What a bookmark says, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""
    description: Annotated[str, StringConstraints(max_length=10_000)] = ""
    reference: Annotated[str, StringConstraints(max_length=64)] = ""
    begin_us: Time
    triggered_us: Time
    end_us: Time


class Search(BaseModel):
    """What is looked for. `after`: the id of the last one that is known already."""

    model_config = ConfigDict(frozen=True)

    devices: tuple[str, ...] = ()
    begin_us: int = 0
    end_us: int = 2**52
    text: str = ""
    user: str = ""
    size: int = MOST_FOUND
    after: str = ""


def shown(row: BookmarkRow, kind: str) -> dict[str, Any]:
    """A bookmark on the wire."""
    return {
        "displayName": row.header,
        "id": row.id,
        "header": row.header,
        "description": row.description,
        "reference": row.reference,
        "timeBegin": api_time(UtcUs(row.begin_us)),
        "timeTriggered": api_time(UtcUs(row.triggered_us)),
        "timeEnd": api_time(UtcUs(row.end_us)),
        "devicePath": {"type": kind, "id": row.device_id},
        "user": row.user_name,
        "createdTime": api_time(UtcUs(row.created_us)),
        "lastModified": api_time(UtcUs(row.modified_us)),
        "relations": {"self": {"type": "bookmarks", "id": row.id}},
    }


def given_values(body: Mapping[str, Any], before: BookmarkRow | None = None) -> BookmarkValues:
    """What is asked for, over what was there before; raise InvalidProperties."""
    unknown = set(body) - {*_TIMES, *_TEXTS, *_SHOWN_ONLY, "devicePath", "id"}
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such property."))
    names = (*_TEXTS, *_TIMES.values())
    values: dict[str, Any] = {} if before is None else {name: getattr(before, name) for name in names}
    values |= {name: body[name] for name in _TEXTS if name in body}
    values |= {ours: read_time(body, name) for name, ours in _TIMES.items() if name in body}
    if "triggered_us" not in values and "begin_us" in values:
        values["triggered_us"] = values["begin_us"]
    missing = [name for name, ours in _TIMES.items() if ours not in values]
    if missing:
        raise InvalidProperties(dict.fromkeys(missing, "This is required."))
    try:
        read = BookmarkValues.model_validate(values)
    except ValidationError as error:
        back = {ours: name for name, ours in _TIMES.items()}
        rows = {str(row["loc"][0]): row["msg"] for row in error.errors()}
        raise InvalidProperties({back.get(name, name): text for name, text in rows.items()}) from None
    if not read.begin_us <= read.triggered_us <= read.end_us or read.end_us == read.begin_us:
        raise InvalidProperties({"timeEnd": "timeBegin, timeTriggered and timeEnd must follow each other."})
    if read.end_us - read.begin_us > _LONGEST_US:
        raise InvalidProperties({"timeEnd": "A bookmark is a year long at most."})
    return read


def given_id(body: Mapping[str, Any]) -> str:
    """The id that a client chose (so that asking twice makes one bookmark), or a new one."""
    value = body.get("id") or str(uuid.uuid4())
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise InvalidProperties({"id": "This must be a GUID."}) from None


def device_of(path: object, name: str = "devicePath") -> str:
    """The id in a path, as an object or as text; raise InvalidProperties."""
    value = path.get("id") if isinstance(path, Mapping) else path
    if not isinstance(value, str) or not value:
        raise InvalidProperties({name: "This must be a path such as cameras/<id>."})
    return value.rpartition("/")[2].lower()


def read_search(body: Mapping[str, Any]) -> Search:
    """What is looked for; raise InvalidProperties."""
    unknown = set(body) - _SEARCH
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such filter."))
    found: dict[str, Any] = {}
    if "timeBegin" in body:
        found["begin_us"] = read_time(body, "timeBegin")
    if "timeEnd" in body:
        found["end_us"] = read_time(body, "timeEnd")
    for name, ours in (("searchText", "text"), ("user", "user"), ("after", "after")):
        if name in body:
            if not isinstance(body[name], str):
                raise InvalidProperties({name: "This must be a text."})
            found[ours] = body[name].casefold()
    if "devicePaths" in body:
        paths = body["devicePaths"]
        if not isinstance(paths, Sequence) or isinstance(paths, str):
            raise InvalidProperties({"devicePaths": "This must be an array of paths."})
        found["devices"] = tuple(device_of(path, "devicePaths") for path in paths)
    if "size" in body:
        size = body["size"]
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MOST_FOUND:
            raise InvalidProperties({"size": f"This must be a whole number from 1 to {MOST_FOUND}."})
        found["size"] = size
    return Search(**found)


def read_time(body: Mapping[str, Any], name: str) -> UtcUs:
    """A time of a body; without a zone it is UTC. Raise InvalidProperties."""
    try:
        moment = datetime.fromisoformat(body[name])
        at = utc_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        raise InvalidProperties({name: "This must be a time such as 2026-05-01T12:00:00Z."}) from None
    if not 0 <= at < 2**52 - int(timedelta(days=1).total_seconds()):
        raise InvalidProperties({name: "This time is out of range."})
    return at
