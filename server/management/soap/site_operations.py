"""What is told of the site's configuration."""

from collections.abc import Sequence

from common.model.devices import Hardware
from common.model.sites import Site
from server.management.soap.asked import Asked
from server.management.soap.configuration import configuration
from server.management.soap.configuration_contracts import ConfigurationInfo
from server.management.soap.contracts import Guid
from server.management.soap.device_contracts import DeviceDisabledInfo, HardwareInfo, PresetInfo, RecorderInfo
from server.management.soap.devices import presets_of
from server.management.soap.site_contracts import Change


def whole(asked: Asked) -> ConfigurationInfo:
    """All that whoever asks may see."""
    site = asked.items.get(asked.session, Site, asked.site_id)
    return configuration(asked.seen(), asked.devices(), site)


def recorders(asked: Asked) -> Sequence[RecorderInfo]:
    """Some recorders; unknown ones are left out."""
    return asked.devices().recorders(set(asked.call.guids("recorderIds")))


def hardware(asked: Asked) -> Sequence[HardwareInfo]:
    """Some hardware; unknown ones are left out."""
    return asked.devices().hardware(set(asked.call.guids("hardwareIds")))


def recorder(asked: Asked) -> RecorderInfo:
    """One recorder; raise NoSuchItem."""
    return asked.devices().recorder(asked.call.guid("recorderId"))


def disabled(asked: Asked) -> Sequence[DeviceDisabledInfo]:
    return asked.devices().disabled()


def changes(asked: Asked) -> Sequence[Change]:
    """Recorders and hardware that changed since a time, devices counting as their hardware. What was removed is not
    told: it is missing from the next configuration."""
    since = asked.call.moment("changesFrom")
    return [
        Change(change_type="Hardware" if model is Hardware else "Recorder", id=Guid(identifier), time=at)
        for model, identifier, at in asked.devices().last_changes()
        if at >= since
    ]


def presets(asked: Asked) -> Sequence[PresetInfo]:
    """The positions that a camera can be moved to; raise NoSuchItem."""
    return presets_of(asked.seen(), asked.call.guid("deviceId"))
