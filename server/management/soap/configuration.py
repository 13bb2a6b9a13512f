"""`GetConfiguration`: all of the site that whoever asks may see."""

from collections.abc import Iterable

from common.model.clients import EvidenceLockProfile, Matrix
from common.model.device_children import MEDIA_DEVICES, ClientSettings
from common.model.devices import Device
from common.model.events import EventType
from common.model.sites import Site
from server.management.configuration.items import Stored
from server.management.soap.configuration_contracts import ConfigurationInfo
from server.management.soap.contracts import Guid
from server.management.soap.device_contracts import RecorderInfo
from server.management.soap.devices import KINDS, SeenDevices
from server.management.soap.groups import SeenGroups
from server.management.soap.seen import Seen
from server.management.soap.site_contracts import (
    ApplicationSecurity,
    BookmarkSettings,
    DeviceMapping,
    MatrixMonitorInfo,
    RetentionOption,
    RetentionSettings,
    SmartClientSecurity,
    SystemEventTypeInfo,
)

_BOOKMARKS = BookmarkSettings(default_post_time_sec=30, default_pre_time_sec=3)
_OPTION_TYPES = frozenset({"Hours", "Days", "Weeks", "Months", "Years"})


def configuration(seen: Seen, devices: SeenDevices, site: Stored[Site]) -> ConfigurationInfo:
    """Put the answer together. What this interface only names, but whose machinery we lack, is empty."""
    groups = SeenGroups(seen, devices)
    recorders = devices.recorders()
    return ConfigurationInfo(
        alert_type_groups=(),
        alert_types=(),
        application_access=ApplicationSecurity(smart_client_security=_smart_client(recorders)),
        audio_messages=(),
        bookmark_settings=_BOOKMARKS,
        camera_groups=groups.cameras(),
        device_mappings=_mappings(seen, devices),
        event_type_groups=(),
        event_types=(),
        failover_check_interval=0,
        input_groups=groups.inputs(),
        licenses=(),
        matrix_monitors=tuple(
            MatrixMonitorInfo(display_name=each.item.name, matrix_monitor_id=Guid(each.id))
            for each in seen.all(Matrix)
            if each.item.enabled
        ),
        metadata_device_groups=groups.metadata(),
        microphone_groups=groups.microphones(),
        output_groups=groups.outputs(),
        recorders=recorders,
        retention_settings=RetentionSettings(retention_options=_retention(seen)),
        server_description=site.item.description,
        server_id=Guid(site.id),
        server_name=site.item.name,
        server_options=(),
        speaker_groups=groups.speakers(),
        system_event_types=tuple(_event_type(each) for each in seen.all(EventType)),
    )


def _smart_client(recorders: Iterable[RecorderInfo]) -> SmartClientSecurity:
    """Live and playback can be opened by whoever may watch, or play back, a camera at all."""
    allowed = [camera.camera_security for recorder in recorders for camera in recorder.cameras]
    return SmartClientSecurity(
        smart_client_browse=any(each.browse for each in allowed),
        smart_client_live=any(each.live for each in allowed),
        smart_client_report=any(each.export.database for each in allowed),
        smart_client_setup=True,
    )


def _mappings(seen: Seen, devices: SeenDevices) -> tuple[DeviceMapping, ...]:
    usable: list[type[Device]] = [model for model in KINDS if model.kind.plural in MEDIA_DEVICES]
    shown = {identifier: None for model in usable for identifier in sorted(devices.in_use(model))}
    found: list[DeviceMapping] = []
    for identifier in shown:
        settings = seen.single(ClientSettings, identifier)
        for path in settings.related if settings is not None else ():
            if path.id in shown:
                found.append(DeviceMapping(device_a=Guid(identifier), device_b=Guid(path.id)))
    return tuple(found)


def _retention(seen: Seen) -> tuple[RetentionOption, ...]:
    """Return the choices of the evidence lock profiles, each once: "7 Days" or a bare word such as "Indefinite"."""
    choices = {text: None for each in seen.every(EvidenceLockProfile) for text in each.item.retention_time_options}
    found: list[RetentionOption] = []
    for text in choices:
        number, _, unit = text.partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 9 and unit in _OPTION_TYPES:
            found.append(RetentionOption(retention_option_type=unit, retention_units=int(number)))
        elif text in ("Indefinite", "UserDefined"):
            found.append(RetentionOption(retention_option_type=text, retention_units=0))
    return tuple(found)


def _event_type(stored: Stored[EventType]) -> SystemEventTypeInfo:
    sources = stored.item.source_array
    return SystemEventTypeInfo(
        description=stored.item.description,
        event_source=sources[0] if sources else "",
        event_type_id=Guid(stored.id),
        name=stored.item.name,
    )
