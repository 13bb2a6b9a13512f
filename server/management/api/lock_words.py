"""Evidence locks as the REST interface words them, from and to those of recorders."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from common.api.evidence import LockPatch, LockRequest, ShownLock
from common.foundation.clock import UtcUs, utc_us
from common.foundation.ids import DeviceId
from common.model.item import UNSET_TIME
from server.management.api.envelope import api_time
from server.management.configuration.items import InvalidProperties

Merged = dict[str, ShownLock]
"""One lock as several recorders hold it, by their ids."""

_NAMES = {
    "devices": "devicePaths",
    "start_us": "startTime",
    "end_us": "endTime",
    "tag_us": "tagTime",
    "expires_us": "retentionExpire",
    "comment": "description",
}
_TIMES = {"startTime": "start_us", "endTime": "end_us", "tagTime": "tag_us"}
_TEXTS = {"header": "header", "description": "comment", "reference": "reference"}
_KNOWN = {*_TIMES, *_TEXTS, "devicePaths", "retentionExpire", "retentionOption"}
_SHOWN_ONLY = {"id", "displayName", "relations", "userName", "createdTime", "lastModified", "expired", "hiddenDevices"}
_UNITS = {
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
    "years": timedelta(days=365),
}
_FOR_EVER = ("indefinite", "")


def shown_lock(merged: Merged, kinds: Mapping[str, str]) -> dict[str, Any]:
    """A lock on the wire. `kinds`: of the devices that are still configured."""
    lock = max(merged.values(), key=lambda each: each.end_us)
    expires = lock.expires_us
    devices = [device for each in merged.values() for device in each.devices]
    return {
        "displayName": lock.header,
        "id": lock.id,
        "header": lock.header,
        "description": lock.comment,
        "reference": lock.reference,
        "startTime": api_time(UtcUs(lock.start_us)),
        "tagTime": api_time(UtcUs(lock.start_us if lock.tag_us is None else lock.tag_us)),
        "endTime": api_time(UtcUs(lock.end_us)),
        "createdTime": api_time(UtcUs(lock.created_us)),
        "retentionExpire": UNSET_TIME if expires is None else api_time(UtcUs(expires)),
        "retentionOption": {"retentionOption": "indefinite" if expires is None else "userDefined"},
        "expired": lock.expired,
        "userName": lock.owner,
        "devicePaths": [{"type": kinds.get(device, "devices"), "id": device} for device in devices],
        "hiddenDevices": sum(each.hidden_devices for each in merged.values()),
        "relations": {"self": {"type": "evidenceLocks", "id": lock.id}},
    }


def lock_request(body: Mapping[str, Any], now: UtcUs, new_id: str) -> LockRequest:
    """What is asked for; raise InvalidProperties."""
    _check_names(body)
    for name in ("startTime", "endTime", "devicePaths"):
        if name not in body:
            raise InvalidProperties({name: "This is required."})
    values = _values(body, now)
    values.pop("forever", None)
    try:
        return LockRequest(**values, devices=given_devices(body) or (), id=new_id)
    except ValidationError as error:
        raise _wrong(error) from error


def lock_patch(body: Mapping[str, Any], now: UtcUs) -> LockPatch:
    """What is to change, but for the devices; raise InvalidProperties."""
    _check_names(body)
    try:
        return LockPatch(**_values(body, now))
    except ValidationError as error:
        raise _wrong(error) from error


def given_devices(body: Mapping[str, Any]) -> tuple[DeviceId, ...] | None:
    """Ids out of paths, as objects or as text; None when there is no such property. Raise InvalidProperties."""
    if "devicePaths" not in body:
        return None
    paths = body["devicePaths"]
    if not isinstance(paths, list):
        raise InvalidProperties({"devicePaths": "This must be an array of paths."})
    found = []
    for path in paths:
        value = path.get("id") if isinstance(path, Mapping) else path
        if not isinstance(value, str) or not value:
            raise InvalidProperties({"devicePaths": "Each must be a path such as cameras/<id>."})
        found.append(DeviceId(value.rpartition("/")[2].lower()))
    return tuple(dict.fromkeys(found))


def wanted(query: Mapping[str, Any]) -> Callable[[Merged], bool]:
    """What a search asks for: `devicePaths`, `startTime`, `endTime`, `searchText`. Raise InvalidProperties."""
    unknown = set(query) - {"devicePaths", "startTime", "endTime", "searchText"}
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such filter."))
    devices = set(given_devices(query) or ())
    start = _time(query, "startTime") if "startTime" in query else 0
    end = _time(query, "endTime") if "endTime" in query else 2**62
    text = query.get("searchText", "")
    if not isinstance(text, str):
        raise InvalidProperties({"searchText": "This must be a text."})
    text = text.casefold()

    def is_wanted(merged: Merged) -> bool:
        return any(
            lock.start_us < end
            and lock.end_us > start
            and (not devices or not devices.isdisjoint(lock.devices))
            and text in f"{lock.header}\n{lock.comment}\n{lock.reference}\n{lock.owner}".casefold()
            for lock in merged.values()
        )

    return is_wanted


def _check_names(body: Mapping[str, Any]) -> None:
    unknown = set(body) - _KNOWN - _SHOWN_ONLY
    if unknown:
        raise InvalidProperties(dict.fromkeys(sorted(unknown), "There is no such property."))


def _values(body: Mapping[str, Any], now: UtcUs) -> dict[str, Any]:
    values: dict[str, Any] = {ours: body[name] for name, ours in _TEXTS.items() if name in body}
    values |= {ours: _time(body, name) for name, ours in _TIMES.items() if name in body}
    if "retentionExpire" in body or "retentionOption" in body:
        expires = _expiry(body, now)
        values |= {"forever": True} if expires is None else {"expires_us": expires}
    return values


def _expiry(body: Mapping[str, Any], now: UtcUs) -> UtcUs | None:
    """None: never. A time that is given counts; without one, so many units from now."""
    time = body.get("retentionExpire")
    option = body.get("retentionOption")
    units: Any = None
    if isinstance(option, Mapping):
        units, option = option.get("retentionUnits"), option.get("retentionOption", "")
    if option is not None and not isinstance(option, str):
        raise InvalidProperties({"retentionOption": "This must be an object with retentionOption and retentionUnits."})
    word = (option or "").lower()
    if word and word not in (*_FOR_EVER, *_UNITS, "userdefined"):
        raise InvalidProperties({"retentionOption": f"This is indefinite, userDefined or one of {', '.join(_UNITS)}."})
    if word == "indefinite":
        return None
    if time not in (None, "") and not str(time).startswith(UNSET_TIME[:10]):
        return _time(body, "retentionExpire")
    if word in _UNITS:
        if not isinstance(units, int) or isinstance(units, bool) or not 1 <= units <= 1_000_000:
            raise InvalidProperties({"retentionOption": "retentionUnits must be a whole number from 1."})
        return UtcUs(now + int(_UNITS[word].total_seconds()) * units * 1_000_000)
    if word == "userdefined":
        raise InvalidProperties({"retentionExpire": "This is required with userDefined."})
    return None


def _time(body: Mapping[str, Any], name: str) -> UtcUs:
    value = body[name]
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidProperties({name: "This must be a time such as 2026-05-01T12:00:00Z."}) from None
    try:
        return utc_us(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except (OverflowError, ValueError):
        raise InvalidProperties({name: "This time is out of range."}) from None


def _wrong(error: ValidationError) -> InvalidProperties:
    rows = {}
    for each in error.errors(include_input=False, include_url=False):
        name = str(each["loc"][0]) if each["loc"] else "end_us"
        rows[_NAMES.get(name, name)] = f"{each['msg']}."
    return InvalidProperties(rows)
