"""Who may do what with the recorder's devices: the newest configuration decides, without asking anybody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.api.recorder_configuration import RecordedHardware, RecorderConfiguration
from common.foundation.errors import NotPermitted
from common.foundation.ids import DeviceId
from common.model.permissions import (
    CAMERAS,
    LABELS,
    METADATA,
    MICROPHONES,
    Active,
    Grant,
    Namespace,
    Permissions,
    Verb,
    operators_grants,
)
from common.net.tokens import OPERATORS, Principal


def no_profile_known(_: str) -> None:
    """Answer for time profiles while recorders are told of none: such permissions do not count, denials do."""


@dataclass(frozen=True, slots=True)
class _Place:
    namespace: Namespace
    within: tuple[str, ...]


class Access:
    """Decides by the newest configuration. Before the first one nobody but administrators may do anything."""

    def __init__(self, active: Active = no_profile_known) -> None:
        self._active = active
        self._permissions = Permissions(())
        self._places: Mapping[DeviceId, _Place] = {}

    def replace(self, configuration: RecorderConfiguration) -> None:
        """Decide by this configuration from now on."""
        if configuration.grants is None:
            grants: Iterable[Grant] = operators_grants(OPERATORS)
        else:
            grants = (
                Grant(one.role, one.namespace, one.item, one.allow, one.deny, one.profile)
                for one in configuration.grants
            )
        self._permissions = Permissions(grants)
        self._places = {device: place for item in configuration.hardware for device, place in _places(item)}

    def may(self, who: Principal | None, verb: Verb, device: DeviceId) -> bool:
        """Return whether somebody may do something with a device. Removed devices are for administrators."""
        if who is None:
            return False
        if who.is_administrator:
            return True
        place = self._places.get(device)
        return place is not None and self._permissions.may(verb, who.roles, place.namespace, place.within, self._active)

    def require(self, who: Principal | None, verb: Verb, device: DeviceId) -> None:
        """Raise NotPermitted unless they may."""
        if not self.may(who, verb, device):
            raise NotPermitted(LABELS[verb])


def _places(item: RecordedHardware) -> Iterable[tuple[DeviceId, _Place]]:
    for device, namespace in ((item.camera, CAMERAS), (item.microphone, MICROPHONES), (item.metadata, METADATA)):
        if device is not None:
            yield device.id, _Place(namespace, (device.id, item.id, *device.within))
