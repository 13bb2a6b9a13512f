"""What is told about recorders, hardware and devices."""

from dataclasses import dataclass

from common.foundation.clock import UtcUs
from server.management.soap.contracts import Contract, Guid, named


@dataclass(frozen=True, slots=True, kw_only=True)
class BookmarkSecurity(Contract):
    """What a user may do with bookmarks of a camera."""

    add: bool
    delete: bool
    edit: bool
    view: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSecurity(Contract):
    """As what a user may take recordings away."""

    avi: bool
    database: bool
    jpeg: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageSecurity(Contract):
    """Which settings of a camera a user may change."""

    patrolling_profiles: bool
    preset_locks: bool
    presets: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzSecurity(Contract):
    """How a user may move a camera."""

    manual_control: bool
    preset_control: bool
    reserve_control: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSecurity(Contract):
    """What a user may do with evidence locks, or with restrictions, of a camera."""

    create: bool
    remove: bool
    view: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSecurity(Contract):
    """What a user may do with a camera."""

    bookmark: BookmarkSecurity
    browse: bool
    export: ExportSecurity
    get_sequences: bool
    live: bool
    manage: ManageSecurity
    ptz_security: PtzSecurity
    restricted_media: HoldSecurity
    retention: HoldSecurity
    retrieve_edge_recordings: bool
    smart_search: bool
    start_recording: bool
    stop_recording: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzCapability(Contract):
    """One way in which a camera can be moved."""

    absolute: bool
    automatic: bool
    capability_id: Guid
    name: str
    relative: bool
    speed: bool
    start: bool
    stop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzPosition(Contract):
    """Where a camera looks: -1 to 1, zoom 0 to 1."""

    pan: float
    tilt: float
    zoom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetInfo(Contract):
    """A position that a camera can be moved to."""

    id: Guid
    locked: bool
    name: str
    position: PtzPosition
    shortcut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzSettings(Contract):
    """Whether and how a camera can be moved."""

    capabilities: tuple[PtzCapability, ...]
    edit_preset: bool
    is_center_on_position_in_view_supported: bool
    is_ptz_center_and_zoom_to_rectangle_supported: bool
    is_ptz_diagonal_supported: bool
    is_ptz_home_supported: bool
    presets: tuple[PresetInfo, ...]
    ptz_enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo(Contract):
    """A stream of a camera."""

    default: bool
    name: str
    stream_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo(Contract):
    """Where recordings of a camera are kept."""

    edge: bool
    track_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo(Contract):
    """Any device of hardware."""

    coverage_depth: float
    coverage_direction: float
    coverage_field_of_view: float
    description: str
    device_id: Guid
    device_index: int
    gis_point: str
    hardware_id: Guid
    icon: int
    name: str
    recorder_id: Guid
    short_name: str
    shortcut: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInfo(DeviceInfo):
    """A camera, and what whoever asks may do with it."""

    browsable_stream: bool
    camera_security: CameraSecurity
    edge_storage_playback: bool
    edge_storage_supported: bool
    max_fps: float = named("MaxFPS")
    multicast_enabled: bool
    ptz_settings: PtzSettings
    stop_manual_recording_seconds: int
    streams: tuple[StreamInfo, ...]
    tracks: tuple[TrackInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDisabledInfo(Contract):
    """A device that is switched off."""

    device_id: Guid
    device_name: str
    device_type: str
    hardware_id: Guid
    recorder_id: Guid


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareInfo(Contract):
    """A device on the network."""

    description: str
    device_ids: tuple[Guid, ...]
    hardware_id: Guid
    interconnected: bool
    last_modified: UtcUs
    name: str
    recorder_id: Guid
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderInfo(Contract):
    """A recording server and what it records."""

    cameras: tuple[CameraInfo, ...]
    default_recording_time_seconds: int
    description: str
    hardware: tuple[HardwareInfo, ...]
    host_name: str
    inputs: tuple[DeviceInfo, ...]
    last_modified: UtcUs
    metadata_devices: tuple[DeviceInfo, ...]
    microphones: tuple[DeviceInfo, ...]
    name: str
    outputs: tuple[DeviceInfo, ...]
    recorder_id: Guid
    service_id: Guid
    speakers: tuple[DeviceInfo, ...]
    time_zone_name: str
    web_server_uri: str
    xml_encoding: str
