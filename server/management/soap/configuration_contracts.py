"""What `GetConfiguration` answers: the site's devices, in their groups and by recorder."""

from dataclasses import dataclass

from server.management.soap.contracts import Contract, Guid
from server.management.soap.device_contracts import RecorderInfo
from server.management.soap.site_contracts import (
    ApplicationSecurity,
    BookmarkSettings,
    DeviceMapping,
    LicenseData,
    MatrixMonitorInfo,
    NamedInfo,
    RetentionSettings,
    ServerOption,
    SystemEventTypeInfo,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInfo(Contract):
    """Any group of devices."""

    description: str
    group_id: Guid
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraGroupInfo(GroupInfo):
    """A group of cameras."""

    camera_groups: "tuple[CameraGroupInfo, ...]"
    cameras: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneGroupInfo(GroupInfo):
    """A group of microphones."""

    microphone_groups: "tuple[MicrophoneGroupInfo, ...]"
    microphones: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerGroupInfo(GroupInfo):
    """A group of loudspeakers."""

    speaker_groups: "tuple[SpeakerGroupInfo, ...]"
    speakers: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataDeviceGroupInfo(GroupInfo):
    """A group of metadata sources."""

    metadata_device_groups: "tuple[MetadataDeviceGroupInfo, ...]"
    metadata_devices: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputGroupInfo(GroupInfo):
    """A group of inputs."""

    input_groups: "tuple[InputGroupInfo, ...]"
    inputs: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputGroupInfo(GroupInfo):
    """A group of outputs."""

    output_groups: "tuple[OutputGroupInfo, ...]"
    outputs: tuple[Guid, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationInfo(Contract):
    """Everything that whoever asks may see."""

    alert_type_groups: tuple[NamedInfo, ...]
    alert_types: tuple[NamedInfo, ...]
    application_access: ApplicationSecurity
    audio_messages: tuple[NamedInfo, ...]
    bookmark_settings: BookmarkSettings
    camera_groups: tuple[CameraGroupInfo, ...]
    device_mappings: tuple[DeviceMapping, ...]
    event_type_groups: tuple[NamedInfo, ...]
    event_types: tuple[NamedInfo, ...]
    failover_check_interval: int
    input_groups: tuple[InputGroupInfo, ...]
    licenses: tuple[LicenseData, ...]
    matrix_monitors: tuple[MatrixMonitorInfo, ...]
    metadata_device_groups: tuple[MetadataDeviceGroupInfo, ...]
    microphone_groups: tuple[MicrophoneGroupInfo, ...]
    output_groups: tuple[OutputGroupInfo, ...]
    recorders: tuple[RecorderInfo, ...]
    retention_settings: RetentionSettings
    server_description: str
    server_id: Guid
    server_name: str
    server_options: tuple[ServerOption, ...]
    speaker_groups: tuple[SpeakerGroupInfo, ...]
    system_event_types: tuple[SystemEventTypeInfo, ...]
