"""Recorders, hardware and devices that whoever asks may see, as this interface shows them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from common.foundation.clock import UtcUs
from common.model.device_children import DEFAULT_STREAM, PRIMARY_TRACK, ClientSettings, PtzPreset, Streams
from common.model.devices import Camera, Device, Hardware, InputEvent, Metadata, Microphone, Output, Speaker
from common.model.permissions import CAMERAS, Verb
from common.model.servers import RecordingServer
from server.management.configuration.items import Stored
from server.management.soap.contracts import Guid
from server.management.soap.device_contracts import (
    CameraInfo,
    DeviceDisabledInfo,
    DeviceInfo,
    HardwareInfo,
    PresetInfo,
    PtzPosition,
    PtzSettings,
    RecorderInfo,
    StreamInfo,
    TrackInfo,
)
from server.management.soap.security import camera_security
from server.management.soap.seen import Seen

KINDS: tuple[type[Device], ...] = (Camera, Microphone, Speaker, Metadata, InputEvent, Output)
_DEFAULT_RECORDING_S = 300  # as a new camera is set up
_DEFAULT_STREAMS = (StreamInfo(default=True, name="Video stream 1", stream_id=Guid(DEFAULT_STREAM)),)
_TRACKS = (TrackInfo(edge=False, track_id=Guid(PRIMARY_TRACK)),)

AnyInfo = TypeVar("AnyInfo")
WebAddress = Callable[[Stored[Any]], str]
"""Says where whoever asks reaches a recorder, "" where that is not known."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device is. `works`: its hardware is not switched off."""

    recorder: Guid
    works: bool


class SeenDevices:
    """Reads once what there is; recorders and hardware are then put together of it."""

    def __init__(self, seen: Seen, address: WebAddress) -> None:
        self._seen = seen
        self._address = address
        hardware = seen.every(Hardware)
        self._places = {each.id: _Place(Guid(each.parent_id or ""), each.item.enabled) for each in hardware}
        self._hardware: dict[str, list[Stored[Hardware]]] = defaultdict(list)
        for each in seen.all(Hardware):
            if each.item.enabled:
                self._hardware[each.parent_id or ""].append(each)
        self._devices = {model: self._by_hardware(model) for model in KINDS}
        self._presets: dict[str, list[PresetInfo]] = defaultdict(list)
        for preset in seen.all(PtzPreset):
            self._presets[preset.parent_id or ""].append(_preset(preset))

    def recorders(self, wanted: Collection[str] | None = None) -> tuple[RecorderInfo, ...]:
        """Return recorders, all or those of some ids; what may not be seen is left out."""
        found = [each for each in self._seen.all(RecordingServer) if wanted is None or each.id in wanted]
        return tuple(self._recorder(each) for each in found if each.item.enabled)

    def recorder(self, identifier: str) -> RecorderInfo:
        """Return one recorder; raise NoSuchItem."""
        return self._recorder(self._seen.one(RecordingServer, identifier))

    def hardware(self, wanted: Collection[str]) -> tuple[HardwareInfo, ...]:
        """Return hardware of some ids; what may not be seen is left out."""
        return tuple(
            self._hardware_info(each) for below in self._hardware.values() for each in below if each.id in wanted
        )

    def in_use(self, model: type[Device]) -> frozenset[str]:
        """Return the ids of devices of a kind that are switched on and may be seen."""
        return frozenset(each.id for below in self._devices[model].values() for each in below)

    def disabled(self) -> tuple[DeviceDisabledInfo, ...]:
        """Return devices that are switched off, or whose hardware is."""
        found: list[DeviceDisabledInfo] = []
        for model in KINDS:
            for each in self._seen.all(model):
                place = self._places.get(each.parent_id or "")
                if place is not None and not (each.item.enabled and place.works):
                    found.append(
                        DeviceDisabledInfo(
                            device_id=Guid(each.id),
                            device_name=each.item.name,
                            device_type=model.__name__,
                            hardware_id=Guid(each.parent_id or ""),
                            recorder_id=place.recorder,
                        )
                    )
        return tuple(found)

    def last_changes(self) -> list[tuple[type[Hardware] | type[RecordingServer], str, UtcUs]]:
        """Return for each recorder and hardware when it, or a device of it, was last changed."""
        newest: dict[str, UtcUs] = {}
        for of_kind in self._devices.values():
            for hardware, devices in of_kind.items():
                newest[hardware] = UtcUs(max(each.modified_us for each in devices))
        found: list[tuple[type[Hardware] | type[RecordingServer], str, UtcUs]] = [
            (RecordingServer, each.id, each.modified_us) for each in self._seen.all(RecordingServer)
        ]
        for each in self._seen.all(Hardware):
            found.append((Hardware, each.id, UtcUs(max(each.modified_us, newest.get(each.id, 0)))))
        return found

    def _by_hardware(self, model: type[Device]) -> dict[str, list[Stored[Any]]]:
        found: dict[str, list[Stored[Any]]] = defaultdict(list)
        for each in self._seen.all(model):
            place = self._places.get(each.parent_id or "")
            if place is not None and place.works and each.item.enabled:
                found[each.parent_id or ""].append(each)
        return found

    def _recorder(self, stored: Stored[RecordingServer]) -> RecorderInfo:
        item = stored.item
        here = [identifier for identifier, place in self._places.items() if place.recorder == stored.id]

        def of(model: type[Device], info: Callable[[Stored[Any]], AnyInfo]) -> tuple[AnyInfo, ...]:
            return tuple(info(each) for hardware in here for each in self._devices[model].get(hardware, ()))

        return RecorderInfo(
            cameras=of(Camera, self._camera),
            default_recording_time_seconds=_DEFAULT_RECORDING_S,
            description=item.description,
            hardware=tuple(self._hardware_info(each) for each in self._hardware.get(stored.id, ())),
            host_name=item.host_name,
            inputs=of(InputEvent, self._device),
            last_modified=stored.modified_us,
            metadata_devices=of(Metadata, self._device),
            microphones=of(Microphone, self._device),
            name=item.name,
            outputs=of(Output, self._device),
            recorder_id=Guid(stored.id),
            service_id=Guid(stored.id),
            speakers=of(Speaker, self._device),
            time_zone_name=item.time_zone_name,
            web_server_uri=self._address(stored),
            xml_encoding="utf-8",
        )

    def _hardware_info(self, stored: Stored[Hardware]) -> HardwareInfo:
        below = (each for of_kind in self._devices.values() for each in of_kind.get(stored.id, ()))
        return HardwareInfo(
            description=stored.item.description,
            device_ids=tuple(Guid(each.id) for each in below),
            hardware_id=Guid(stored.id),
            interconnected=False,
            last_modified=stored.modified_us,
            name=stored.item.name,
            recorder_id=self._places[stored.id].recorder,
            uri=stored.item.address,
        )

    def _device(self, stored: Stored[Device]) -> DeviceInfo:
        return DeviceInfo(**self._of_any(stored))

    def _of_any(self, stored: Stored[Any]) -> dict[str, Any]:
        item: Device = stored.item
        settings = self._client_settings(stored)
        return {
            "coverage_depth": item.coverage_depth,
            "coverage_direction": item.coverage_direction,
            "coverage_field_of_view": item.coverage_field_of_view,
            "description": item.description,
            "device_id": Guid(stored.id),
            "device_index": item.channel,
            "gis_point": item.gis_point,
            "hardware_id": Guid(stored.parent_id or ""),
            "icon": item.icon,
            "name": item.name,
            "recorder_id": self._places[stored.parent_id or ""].recorder,
            "short_name": item.short_name,
            "shortcut": settings.shortcut if settings is not None else 0,
        }

    def _client_settings(self, stored: Stored[Any]) -> ClientSettings | None:
        has_some = type(stored.item).kind.plural in ClientSettings.kind.parents
        return self._seen.single(ClientSettings, stored.id) if has_some else None

    def _camera(self, stored: Stored[Camera]) -> CameraInfo:
        item = stored.item
        mask = self._seen.authority.mask(self._seen.session, self._seen.who, CAMERAS, stored.id)
        settings = self._client_settings(stored)
        stops = item.manual_recording_timeout_enabled
        return CameraInfo(
            **self._of_any(stored),
            browsable_stream=True,
            camera_security=camera_security(mask),
            edge_storage_playback=item.edge_storage_playback_enabled,
            edge_storage_supported=item.edge_storage_enabled,
            max_fps=item.recording_framerate,
            multicast_enabled=settings.multicast_enabled if settings is not None else False,
            ptz_settings=_ptz(item, self._presets.get(stored.id, ()), bool(mask & CAMERAS.bits[Verb.PRESETS])),
            stop_manual_recording_seconds=item.manual_recording_timeout_minutes * 60 if stops else 0,
            streams=_streams(self._seen.single(Streams, stored.id)),
            tracks=_TRACKS,
        )


def _streams(declared: Streams | None) -> tuple[StreamInfo, ...]:
    if declared is None:
        return _DEFAULT_STREAMS
    return tuple(
        StreamInfo(default=each.live_default, name=each.display_name, stream_id=Guid(each.stream_reference_id))
        for each in declared.stream
    )


def _ptz(camera: Camera, presets: Iterable[PresetInfo], may_edit: bool) -> PtzSettings:
    return PtzSettings(
        capabilities=(),
        edit_preset=camera.ptz_enabled and may_edit,
        is_center_on_position_in_view_supported=False,
        is_ptz_center_and_zoom_to_rectangle_supported=False,
        is_ptz_diagonal_supported=False,
        is_ptz_home_supported=False,
        presets=tuple(presets),
        ptz_enabled=camera.ptz_enabled,
    )


def _preset(stored: Stored[PtzPreset]) -> PresetInfo:
    item = stored.item
    return PresetInfo(
        id=Guid(stored.id),
        locked=item.locked,
        name=item.name,
        position=PtzPosition(pan=item.pan, tilt=item.tilt, zoom=item.zoom),
        shortcut=0,
    )


def presets_of(seen: Seen, camera_id: str) -> Sequence[PresetInfo]:
    """Return the positions that a camera can be moved to; raise NoSuchItem."""
    camera = seen.one(Camera, camera_id)
    return [_preset(each) for each in seen.all(PtzPreset) if each.parent_id == camera.id]
