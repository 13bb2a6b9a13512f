"""Devices on the network, and the cameras, microphones and other devices in them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from common.model.item import UNSET_TIME, Enabled, ItemPath, Kind, NamedItem, Shown, Text

Password = Annotated[str, Field(max_length=1024)]
MOST_IN_MEMORY_S = 15
MOST_PREBUFFER_S = 3600
RECORDED_TASKS = ("ChangeDeviceRecordingStorage",)


class Hardware(NamedItem):
    """One device on the network: its address and how to sign in to it."""

    kind: ClassVar = Kind(
        "hardware",
        parents=("recordingServers",),
        node="Servers/Recording servers",
        deletable=True,
        tasks=("ReadPasswordHardware", "ChangePasswordHardware"),
    )
    enabled: Enabled = True
    address: Annotated[Text, Field(min_length=1, max_length=2048), Shown("Address", "Network")]
    user_name: Annotated[Text, Field(max_length=255), Shown("User name", "Network")] = ""
    password: Annotated[Password, Shown("Password", "Network", secret=True)] = ""
    sub_address: Annotated[
        Text,
        Field(max_length=2048),
        Shown("Second stream", "Network", help="The device's smaller stream, for pictures that are shown small."),
    ] = ""
    transport: Annotated[
        Literal["auto", "tcp", "udp"], Shown("Transport", "Network", help="How RTSP brings the pictures.")
    ] = "auto"
    model: Annotated[Text, Shown("Model", read_only=True)] = ""
    hardware_driver_path: Annotated[ItemPath | None, Shown("Driver", read_only=True, refers=("hardwareDrivers",))] = (
        None
    )
    custom_data: Annotated[Text, Shown("Custom data")] = ""
    password_last_modified: Annotated[Text, Shown("Password changed", read_only=True)] = UNSET_TIME


class Device(NamedItem):
    """What all devices of hardware have in common."""

    enabled: Enabled = True
    short_name: Annotated[Text, Field(max_length=128), Shown("Short name")] = ""
    channel: Annotated[int, Field(ge=0), Shown("Channel", read_only=True)] = 0
    created_date: Annotated[Text, Shown("Created", read_only=True)] = UNSET_TIME
    gis_point: Annotated[Text, Shown("Position", "Map", help="POINT (longitude latitude) or POINT EMPTY")] = (
        "POINT EMPTY"
    )
    icon: Annotated[int, Field(ge=0, le=100), Shown("Icon", "Map")] = 0
    coverage_direction: Annotated[float, Field(ge=0, le=1), Shown("Direction", "Map")] = 0.5
    coverage_depth: Annotated[float, Field(ge=0), Shown("Depth", "Map")] = 0.0
    coverage_field_of_view: Annotated[float, Field(ge=0, le=1), Shown("Field of view", "Map")] = 0.0


class RecordedDevice(Device):
    """What devices that are recorded have in common."""

    recording_enabled: Annotated[bool, Shown("Recording", "Record")] = True
    recording_storage: Annotated[ItemPath | None, Shown("Storage", "Record", refers=("storages",))] = None
    prebuffer_enabled: Annotated[bool, Shown("Pre-buffer", "Record")] = True
    prebuffer_in_memory: Annotated[
        bool, Shown("Pre-buffer in memory", "Record", help="Off: on the disk of the storage, where it can be longer.")
    ] = True
    prebuffer_seconds: Annotated[
        int,
        Field(ge=0, le=MOST_PREBUFFER_S),
        Shown("Pre-buffer length", "Record", unit="s", help=f"In memory at most {MOST_IN_MEMORY_S} s."),
    ] = 3
    manual_recording_timeout_enabled: Annotated[bool, Shown("Stop recording by hand", "Record")] = True
    manual_recording_timeout_minutes: Annotated[
        int, Field(ge=1, le=14_400), Shown("Stop recording by hand after", "Record", unit="min")
    ] = 5
    edge_storage_enabled: Annotated[bool, Shown("Fetch recordings from the device", "Record")] = False
    edge_storage_playback_enabled: Annotated[bool, Shown("Play recordings on the device", "Record")] = False
    failover_setting: Annotated[
        Literal["FullSupport", "LiveOnly", "Disabled"], Shown("When another server stands in", "Failover")
    ] = "FullSupport"

    @field_validator("prebuffer_seconds")
    @classmethod
    def _memory_is_short(cls, seconds: int, info: ValidationInfo) -> int:
        if info.data.get("prebuffer_in_memory", True) and seconds > MOST_IN_MEMORY_S:
            raise ValueError(f"A pre-buffer in memory is at most {MOST_IN_MEMORY_S} s long; a longer one is on disk")
        return seconds


class Camera(RecordedDevice):
    """A camera of a piece of hardware."""

    kind: ClassVar = Kind("cameras", parents=("hardware",), node="Devices/Cameras", tasks=RECORDED_TASKS)
    recording_framerate: Annotated[float, Field(gt=0, le=240), Shown("Frame rate", "Record", unit="1/s")] = 25.0
    record_keyframes_only: Annotated[bool, Shown("Keyframes only", "Record")] = False
    record_on_related_devices: Annotated[bool, Shown("Record related devices", "Record")] = True
    record_secondary: Annotated[
        bool,
        Shown("Record second stream", "Record", help="Also stores the smaller stream, for playback in small pictures."),
    ] = False
    ptz_enabled: Annotated[bool, Shown("PTZ", read_only=True)] = False


class Microphone(RecordedDevice):
    """A microphone of a piece of hardware."""

    kind: ClassVar = Kind("microphones", parents=("hardware",), node="Devices/Microphones", tasks=RECORDED_TASKS)


class Speaker(RecordedDevice):
    """A loudspeaker of a piece of hardware."""

    kind: ClassVar = Kind("speakers", parents=("hardware",), node="Devices/Speakers", tasks=RECORDED_TASKS)


class Metadata(RecordedDevice):
    """What a device says of its pictures."""

    kind: ClassVar = Kind("metadata", parents=("hardware",), node="Devices/Metadata", tasks=RECORDED_TASKS)


class InputEvent(Device):
    """An input of a device, such as a door contact."""

    kind: ClassVar = Kind("inputEvents", parents=("hardware",), node="Devices/Inputs")


class Output(Device):
    """An output of a device, such as a relay that opens a door."""

    kind: ClassVar = Kind("outputs", parents=("hardware",), node="Devices/Outputs")
