"""Items that every site has, with the ids by which integrations know them. Missing ones are made at each start, so that
a site gets those that a newer version brings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from common.model.clients import ClientProfile, EvidenceLockProfile, Layout, LayoutGroup
from common.model.event_ids import (
    COMMUNICATION,
    COMMUNICATION_ERROR,
    COMMUNICATION_STARTED,
    COMMUNICATION_STOPPED,
    DATABASE_DISK_FULL,
    DISK_AVAILABLE,
    DISK_UNAVAILABLE,
    FEED,
    FEED_OVERFLOW_STARTED,
    FEED_OVERFLOW_STOPPED,
    HARDWARE_COMMUNICATION_ERROR,
    HARDWARE_COMMUNICATION_STARTED,
    HARDWARE_COMMUNICATION_STOPPED,
    INPUT,
    MOTION,
    OUTPUT,
    PTZ,
    RECORDER_OFFLINE,
    RECORDER_ONLINE,
    RECORDING,
    RECORDING_STARTED,
    RECORDING_STOPPED,
    STORAGE,
)
from common.model.event_ids import own_id as _id
from common.model.events import EventType, EventTypeGroup, GenericEventDataSource, StateGroup, UserDefinedEvent
from common.model.item import Item
from common.model.sites import LicenseInformation, ToolOptions
from server.management.configuration.items import Items, validated

DEVICES = "1ae79228-ad07-4e56-be43-5ebf9b7c54a5"
HARDWARE, RECORDERS, SYSTEM = _id("events hardware"), _id("events recorders"), _id("events system")
_GROUPS = (
    (DEVICES, "Device - Predefined"),
    (HARDWARE, "Hardware - Predefined"),
    (RECORDERS, "Recording Servers"),
    (SYSTEM, "System Monitor"),
)

_STATES = (
    (MOTION, "Motion", ("Motion", "No Motion")),
    (COMMUNICATION, "Communication", ("Communicating", "Not communicating", "Error")),
    (RECORDING, "Recording", ("Recording", "Not recording")),
    (FEED, "Feed overflow", ("Overflow", "No overflow")),
    (INPUT, "Input", ("Activated", "Deactivated")),
    (OUTPUT, "Output", ("Activated", "Deactivated")),
    (STORAGE, "Storage", ("Available", "Unavailable")),
    (PTZ, "PTZ session", ("Manual session", "No manual session")),
    ("8c958201-aa02-40cf-a643-fa7f91d0bed2", "CPU usage", ("Normal", "Warning", "Critical", "Undefined")),
)


@dataclass(frozen=True, slots=True)
class _Type:
    id: str
    name: str
    group: str
    states: str = ""
    state: str = ""


_CAMERAS, _INPUTS, _OUTPUTS = ("Camera", "CameraGroup"), ("Input", "InputGroup"), ("Output", "OutputGroup")
_SOURCES = {DEVICES: _CAMERAS, HARDWARE: ("Hardware",), RECORDERS: ("RecordingServer",), SYSTEM: ("RecordingServer",)}
_TYPES = (
    _Type("6eb95dd6-7ccc-4bce-99f8-af0d0b582d77", "MotionStarted", DEVICES, MOTION, "Motion"),
    _Type("6f55a7a7-d21c-4629-ac18-af1975e395a2", "MotionStopped", DEVICES, MOTION, "No Motion"),
    _Type(RECORDING_STARTED, "RecordingStarted", DEVICES, RECORDING, "Recording"),
    _Type(RECORDING_STOPPED, "RecordingStopped", DEVICES, RECORDING, "Not recording"),
    _Type("eeda47ff-4f3d-459e-8143-69896c7c74ad", "LiveClientFeedRequested", DEVICES),
    _Type("66bdd008-b856-44b6-b385-b1f6c3f76f1b", "LiveClientFeedTerminated", DEVICES),
    _Type(COMMUNICATION_STARTED, "CommunicationStarted", DEVICES, COMMUNICATION, "Communicating"),
    _Type(COMMUNICATION_STOPPED, "CommunicationStopped", DEVICES, COMMUNICATION, "Not communicating"),
    _Type(COMMUNICATION_ERROR, "CommunicationError", DEVICES, COMMUNICATION, "Error"),
    _Type(HARDWARE_COMMUNICATION_ERROR, "HardwareCommunicationError", HARDWARE, COMMUNICATION, "Error"),
    _Type(HARDWARE_COMMUNICATION_STARTED, "HardwareCommunicationStarted", HARDWARE, COMMUNICATION, "Communicating"),
    _Type(
        HARDWARE_COMMUNICATION_STOPPED,
        "HardwareCommunicationStopped",
        HARDWARE,
        COMMUNICATION,
        "Not communicating",
    ),
    _Type("7a78f5bb-d8c3-4997-89b7-cae72713b7db", "OutputActivated", DEVICES, OUTPUT, "Activated"),
    _Type("35742498-bcc5-4f0a-9800-827c9388d1cd", "OutputDeactivated", DEVICES, OUTPUT, "Deactivated"),
    _Type("672f9f80-55fe-496f-bee4-6c870bab5064", "OutputChanged", DEVICES),
    _Type("fda121b3-2070-4f31-a086-9f74e16580c0", "InputChanged", DEVICES),
    _Type("836ca458-a833-4742-8ee0-64b2380984bd", "InputActivated", DEVICES, INPUT, "Activated"),
    _Type("8666e3dc-57a7-4f38-9611-51d774ee7358", "InputDeactivated", DEVICES, INPUT, "Deactivated"),
    _Type("2eeb582a-1506-4d73-96c9-ad356acf85fb", "PTZManualSessionStarted", DEVICES, PTZ, "Manual session"),
    _Type("eed47283-694f-4683-9e4d-18e7d93cf796", "PTZManualSessionStopped", DEVICES, PTZ, "No manual session"),
    _Type(FEED_OVERFLOW_STARTED, "FeedOverflowStarted", DEVICES, FEED, "Overflow"),
    _Type(FEED_OVERFLOW_STOPPED, "FeedOverflowStopped", DEVICES, FEED, "No overflow"),
    _Type("4c8be5ed-80fa-43e7-bf5b-4e7570ad0025", "DeviceSettingsChanged", DEVICES),
    _Type("87be2a0d-c33b-4b5f-ae1f-afa6770a2497", "DeviceSettingsChangedError", DEVICES),
    _Type("a600c492-11c8-4d65-92db-6d46209ce9ea", "HardwareSettingsChanged", HARDWARE),
    _Type("829a93ab-1ac0-4aeb-bda0-ed8f6d8f514b", "HardwareSettingsChangedError", HARDWARE),
    _Type("b6c4b695-7404-414d-a229-33bf83ffe255", "DatabaseRepair", RECORDERS),
    _Type(DATABASE_DISK_FULL, "DatabaseDiskFull", RECORDERS),
    _Type(DISK_AVAILABLE, "DiskAvailable", RECORDERS, STORAGE, "Available"),
    _Type(DISK_UNAVAILABLE, "DiskUnavailable", RECORDERS, STORAGE, "Unavailable"),
    _Type("b7f0003b-1392-450e-b6cc-9bbe6e7df065", "ArchiveDiskAvailable", RECORDERS),
    _Type("72c29aae-ddb2-46df-b6fd-7f728a85f292", "ArchiveDiskUnavailable", RECORDERS),
    _Type("f951b1f0-2fed-48f7-88d3-49eb5999c923", "FailoverStarted", RECORDERS),
    _Type("c7b9227a-8e11-451b-bc9c-8ea659731012", "FailoverStopped", RECORDERS),
    _Type("363741cf-4d7a-426d-9fe2-a201c4db51c0", "MemoryUsageCritical", SYSTEM),
    _Type("766cf688-f3e2-4d2f-8d08-012193783739", "UsedSpaceCritical", SYSTEM),
    _Type("f80af822-6a89-4c2f-ab38-b55d0d2cd13a", "FreeSpaceCritical", SYSTEM),
    _Type("d1603fbe-4bb8-49eb-9928-0e8eb3c736ce", "RetentionTimeCritical", SYSTEM),
    _Type("7cfc6709-2c16-405f-9182-0bdb6f9f7e43", "BookmarkReferenceRequested", DEVICES),
    _Type("00579724-4652-4eb1-8b61-b38e65d9672a", "SmokeAndFireEnd", DEVICES),
    _Type(RECORDER_ONLINE, "RecordingServerOnline", RECORDERS, COMMUNICATION, "Communicating"),
    _Type(RECORDER_OFFLINE, "RecordingServerOffline", RECORDERS, COMMUNICATION, "Not communicating"),
)

_USER_DEFINED = (
    ("7605f8b0-7f5f-4432-b223-0bb2dc3f1f5c", "RequestPlayAudio"),
    ("85867627-b287-4439-9e55-a63701e1715b", "RequestStartRecording"),
    ("77b1e70d-ba8d-4bb8-9ee8-43b09746d82a", "RequestStopRecording"),
)
_GRIDS = range(1, 11)


def make_built_in(session: Session, items: Items, site_id: str) -> None:
    """Make those built-in items that the site does not have."""
    for model, identifier, parent_id, properties in _wanted(site_id):
        if items.kind_of(session, identifier) is None:
            items.create(session, validated(model, properties), parent_id, identifier)


def _wanted(site: str) -> Iterator[tuple[type[Item], str, str, dict[str, Any]]]:
    for identifier, name in _GROUPS:
        yield EventTypeGroup, identifier, site, {"name": name}
    for identifier, name, states in _STATES:
        yield StateGroup, identifier, site, {"name": name, "states": states}
    for each in _TYPES:
        yield EventType, each.id, each.group, _properties_of(each)
    for identifier, name in _USER_DEFINED:
        yield UserDefinedEvent, identifier, site, {"name": name, "subtype": "System"}
    yield GenericEventDataSource, "b867db0c-be9e-422b-b934-6fc7fa98c5d8", site, {"name": "Compatible"}
    international = {
        "name": "International",
        "dataSourcePort": 1235,
        "dataSourceProtocol": "Tcp",
        "dataSourceAddressFamily": "Both",
        "dataSourceSeparator": "13,10",
        "dataSourceEncoding": 65_001,
        "dataSourceEcho": "Statistics",
    }
    yield GenericEventDataSource, "8607bccc-2bb5-4b47-a7de-8225d14c4213", site, international
    yield ToolOptions, _id("tool options"), site, {"name": "Options"}
    yield LicenseInformation, _id("licence"), site, {"name": "Vedette", "sku": "Open source", "slc": "none needed"}
    yield ClientProfile, _id("client profile"), site, {"name": "Default client profile", "isDefaultProfile": True}
    yield EvidenceLockProfile, _id("evidence lock profile"), site, {"name": "Default evidence lock profile"}
    group = _id("layouts")
    yield LayoutGroup, group, site, {"name": "Grids"}
    for number in _GRIDS:
        yield Layout, _id(f"grid {number}"), group, {"name": f"{number} x {number}", "layoutViewItems": _grid(number)}


def _properties_of(each: _Type) -> dict[str, Any]:
    sources = _SOURCES[each.group]
    if each.states in (INPUT, OUTPUT):
        sources = _INPUTS if each.states == INPUT else _OUTPUTS
    return {
        "name": each.name,
        "generatorType": "Predefined",
        "generatorName": "System",
        "sourceArray": sources,
        "stateGroupId": each.states,
        "state": each.state,
    }


def _grid(number: int) -> list[dict[str, int]]:
    edges = [round(1000 * place / number) for place in range(number + 1)]
    return [
        {"x": edges[x], "y": edges[y], "width": edges[x + 1] - edges[x], "height": edges[y + 1] - edges[y]}
        for y in range(number)
        for x in range(number)
    ]
