"""What belongs to one device: its streams, motion detection, presets, masks and settings."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from common.model.item import Enabled, Item, ItemPath, Kind, NamedItem, OpenItem, Shown, Text

DEVICES = ("cameras", "microphones", "speakers", "metadata", "inputEvents", "outputs")
MEDIA_DEVICES = ("cameras", "microphones", "speakers", "metadata")
DEFAULT_STREAM = "28dc44c3-079e-4c94-8ec9-60363451eb40"
PRIMARY_TRACK = "16ce3aa1-5f93-458a-abe5-5c95d9ed1372"
_NODE = "Devices/Cameras"


class Part(BaseModel):
    """Base of what stands in a list of an item's property."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class Stream(Part):
    """One stream of a camera and when it is used."""

    stream_reference_id: Text = DEFAULT_STREAM
    name: Text = "Video stream 1"
    display_name: Text = "Video stream 1"
    live_default: bool = True
    live_mode: Literal["Always", "Never", "WhenNeeded"] = "WhenNeeded"
    record_to: Text = PRIMARY_TRACK
    default_playback: bool = True
    use_edge: bool = True
    edge_track_id: Text = ""


class Streams(Item):
    """Which streams a camera sends, and which of them are shown and recorded."""

    kind: ClassVar = Kind("streams", parents=("cameras",), node=_NODE, single=True)
    stream: Annotated[tuple[Stream, ...], Field(min_length=1, max_length=16), Shown("Streams", "Streams")] = (Stream(),)


class Setting(Part):
    """Named values that a driver knows."""


class Settings(OpenItem):
    """What a device itself is set to; which settings there are, its driver says."""

    kind: ClassVar = Kind("settings", parents=DEVICES, node=_NODE, single=True)
    general_settings: Annotated[tuple[Setting, ...], Field(max_length=64), Shown("General", "Settings")] = ()
    stream: Annotated[tuple[Setting, ...], Field(max_length=64), Shown("Streams", "Settings")] = ()


class MotionDetection(Item):
    """How motion is found in a camera's pictures."""

    kind: ClassVar = Kind("motionDetections", parents=("cameras",), node=_NODE, single=True)
    enabled: Enabled = True
    manual_sensitivity_enabled: Annotated[bool, Shown("Sensitivity by hand", "Motion")] = False
    manual_sensitivity: Annotated[int, Field(ge=0, le=300), Shown("Sensitivity", "Motion")] = 30
    threshold: Annotated[int, Field(ge=0, le=10_000), Shown("Threshold", "Motion", unit="px")] = 2000
    keyframes_only: Annotated[bool, Shown("Keyframes only", "Motion", help="Costs far less.")] = True
    process_time: Annotated[
        Literal["Ms100", "Ms250", "Ms500", "Ms750", "Ms1000"], Shown("Look every", "Motion", help="MJPEG only.")
    ] = "Ms500"
    detection_method: Annotated[Literal["Normal", "Optimized", "Fast"], Shown("Pixels looked at", "Motion")] = "Normal"
    generate_motion_metadata: Annotated[bool, Shown("Remember where", "Motion", help="For searches.")] = True
    use_exclude_regions: Annotated[bool, Shown("Leave regions out", "Regions")] = False
    grid_size: Annotated[Literal["Grid8X8", "Grid16X16", "Grid32X32", "Grid64X64"], Shown("Grid", "Regions")] = (
        "Grid16X16"
    )
    exclude_regions: Annotated[
        Text, Field(pattern="^[01]*$", max_length=4096), Shown("Regions", "Regions", help="1: left out, row by row.")
    ] = ""
    hardware_acceleration_mode: Annotated[Literal["Automatic", "Off"], Shown("Hardware decoding", "Motion")] = (
        "Automatic"
    )


class PtzPreset(NamedItem):
    """A position that a camera can be moved to."""

    kind: ClassVar = Kind(
        "ptzPresets", parents=("cameras",), node=_NODE, creatable=True, deletable=True, tasks=("DefaultPtzPreset",)
    )
    pan: Annotated[float, Field(ge=-1, le=1), Shown("Pan", "Position")] = 0.0
    tilt: Annotated[float, Field(ge=-1, le=1), Shown("Tilt", "Position")] = 0.0
    zoom: Annotated[float, Field(ge=0, le=1), Shown("Zoom", "Position")] = 0.0
    locked: Annotated[bool, Shown("Locked", help="Only administrators change it.")] = False
    default_preset: Annotated[bool, Shown("Default", read_only=True)] = False
    device_preset: Annotated[bool, Shown("Kept by the device", read_only=True)] = False
    device_preset_internal_id: Annotated[Text, Shown("Number in the device", read_only=True)] = ""


class PatrollingEntry(Part):
    """One stop of a patrol."""

    order: Annotated[int, Field(ge=0)] = 0
    preset_id: Text = ""
    wait_time: Annotated[int, Field(ge=1, le=86_400)] = 5  # s


class PatrollingProfile(NamedItem):
    """A round of presets that a camera moves through."""

    kind: ClassVar = Kind("patrollingProfiles", parents=("cameras",), node=_NODE, creatable=True, deletable=True)
    customize_transitions: Annotated[bool, Shown("Own transitions", "Patrol")] = False
    patrolling_entry: Annotated[tuple[PatrollingEntry, ...], Field(max_length=500), Shown("Stops", "Patrol")] = ()
    end_preset_id: Annotated[Text, Shown("Ends at", "Patrol", help="Id of a preset.")] = ""
    end_speed: Annotated[float, Field(ge=0, le=1), Shown("Speed at the end", "Patrol")] = 1.0
    end_transition_time: Annotated[float, Field(ge=0, le=3600), Shown("Transition at the end", "Patrol", unit="s")] = 2


class PrivacyProtection(Item):
    """What of a camera's picture is hidden from whom."""

    kind: ClassVar = Kind("privacyProtections", parents=("cameras",), node=_NODE, single=True)
    enabled: Enabled = False
    privacy_mask_xml: Annotated[Text, Shown("Masks", "Privacy")] = ""


class FisheyeLens(Item):
    """How a camera's round picture is made flat."""

    kind: ClassVar = Kind("fisheyeLens", parents=("cameras",), node=_NODE, single=True)
    enabled: Enabled = False
    orientation: Annotated[Literal["Ceiling", "Wall", "Ground"], Shown("Mounted on", "Lens")] = "Ceiling"
    registered_panomorph_lens_number: Annotated[Text, Shown("Lens number", "Lens")] = ""


class ClientSettings(Item):
    """How clients show a device."""

    kind: ClassVar = Kind("clientSettings", parents=MEDIA_DEVICES, node=_NODE, single=True)
    multicast_enabled: Annotated[bool, Shown("Live by multicast", "Client")] = False
    related: Annotated[
        tuple[ItemPath, ...],
        Field(max_length=16),
        Shown("Related devices", "Client", refers=MEDIA_DEVICES, help="Heard and seen together with it."),
    ] = ()
    shortcut: Annotated[int, Field(ge=0, le=999_999), Shown("Shortcut number", "Client", help="0: none")] = 0


class CustomProperties(OpenItem):
    """What integrations keep with an item."""

    kind: ClassVar = Kind("customProperties", parents=("hardware", *DEVICES), single=True)


class DeviceEvent(Part):
    """An event of a device, and whether it is taken in."""

    id: Text = ""
    display_name: Text = ""
    enabled: bool = False
    event_usage: Literal["User", "System"] = "User"


class HardwareDeviceEvents(Item):
    """Which events of a device are taken in."""

    kind: ClassVar = Kind("hardwareDeviceEvents", parents=("hardware", *DEVICES), single=True)
    hardware_device_event: Annotated[tuple[DeviceEvent, ...], Field(max_length=256), Shown("Events", "Events")] = ()


class HardwareDriverSettings(OpenItem):
    """What a driver is set to for one piece of hardware."""

    kind: ClassVar = Kind("hardwareDriverSettings", parents=("hardware",), single=True)


class HardwarePtzSettings(OpenItem):
    """How the cameras of one piece of hardware are moved."""

    kind: ClassVar = Kind("hardwarePtzSettings", parents=("hardware",), single=True)
