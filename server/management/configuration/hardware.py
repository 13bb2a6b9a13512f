"""Adding devices and changing their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from common.model.devices import Camera, Hardware, Microphone
from common.model.item import ItemPath
from common.model.servers import RecordingServer, Storage
from server.management.configuration.addresses import read_address
from server.management.configuration.items import InvalidProperties, Items, validated


@dataclass(frozen=True, slots=True)
class NewHardware:
    """A device about to be added, checked."""

    hardware: Hardware
    name: str


def read_new_hardware(parameters: Mapping[str, object]) -> NewHardware:
    """Check the parameters of AddHardware; raise InvalidProperties with all that is wrong."""
    address = read_address(parameters.get("hardwareAddress"), "hardwareAddress")
    second = parameters.get("subAddress") or ""
    sub_address = read_address(second, "subAddress").url if second else ""
    name = parameters.get("displayName") or parameters.get("customData") or address.suggested_name
    properties = {
        "name": name,
        "address": address.url,
        "subAddress": sub_address,
        "userName": parameters.get("userName") or address.user,
        "password": parameters.get("password") or address.password,
        "transport": parameters.get("transport") or "auto",
        "customData": parameters.get("customData") or "",
    }
    try:
        hardware = validated(Hardware, properties)
    except InvalidProperties as error:
        names = {"name": "displayName", "address": "hardwareAddress"}
        raise InvalidProperties({names.get(key, key): text for key, text in error.problems.items()}) from error
    return NewHardware(hardware, hardware.name)


def check_free(
    session: Session, items: Items, recorder_id: str, url: str, property_name: str, *, but: str = ""
) -> None:
    """Raise InvalidProperties when another device of the recorder has this address."""
    for each in items.list(session, Hardware, recorder_id):
        if each.item.address == url and each.id != but:
            raise InvalidProperties({property_name: f"This address is in use by {each.item.name}."})


def add_hardware(session: Session, items: Items, recorder_id: str, new: NewHardware) -> str:
    """Store a device with one camera and one microphone; return its id. Raises NoSuchItem, InvalidProperties."""
    recorder = items.get(session, RecordingServer, recorder_id)
    check_free(session, items, recorder.id, new.hardware.address, "hardwareAddress")
    storages = items.list(session, Storage, recorder.id)
    default = next((each for each in storages if each.item.is_default), None)
    storage = ItemPath(type="storages", id=default.id) if default is not None else None
    hardware = items.create(session, new.hardware, recorder.id)
    items.create(session, Camera(name=new.name, recording_storage=storage), hardware.id)
    microphone = Microphone(name=f"{new.name[:240]} - Microphone", recording_storage=storage)
    items.create(session, microphone, hardware.id)
    return hardware.id


def dialled_changes(
    session: Session, items: Items, hardware_id: str, changes: Mapping[str, object]
) -> dict[str, object]:
    """Return changes of a device with addresses made plain; user and password in an address move to their places."""
    result = dict(changes)
    if "address" in result:
        address = read_address(result["address"], "address")
        stored = items.get(session, Hardware, hardware_id)
        check_free(session, items, stored.parent_id or "", address.url, "address", but=stored.id)
        result["address"] = address.url
        if address.user:
            result.setdefault("userName", address.user)
            result.setdefault("password", address.password)
    if result.get("subAddress"):
        result["subAddress"] = read_address(result["subAddress"], "subAddress").url
    return result
