"""Who may do what with the recorder's devices: the newest configuration decides, without asking anybody."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from common.api.recorder_configuration import RecordedHardware, RecorderConfiguration
from common.foundation.errors import NotPermitted
from common.foundation.ids import DeviceId
from common.model.permissions import (
    CAMERAS,
    LABELS,
    METADATA,
    MICROPHONES,
    Grant,
    Namespace,
    Permissions,
    Verb,
    operators_grants,
)
from common.model.profiles import ActiveProfiles
from common.model.rules import TimeProfile
from common.model.times import zone_named
from common.net.tokens import OPERATORS, Principal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    namespace: Namespace
    within: tuple[str, ...]


class Access:
    """Decides by the newest configuration. Before the first one nobody but administrators may do anything."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._active = ActiveProfiles(now_us)
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
        self._active.replace(dict(_profiles(configuration)), zone_named(configuration.time_zone))
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

    def profiles_now(self) -> frozenset[str]:
        """Return the time profiles that hold now: when they are others, permissions are."""
        return self._active.now()

    def require(self, who: Principal | None, verb: Verb, device: DeviceId) -> None:
        """Raise NotPermitted unless they may."""
        if not self.may(who, verb, device):
            raise NotPermitted(LABELS[verb])


def _profiles(configuration: RecorderConfiguration) -> Iterator[tuple[str, TimeProfile]]:
    for each in configuration.time_profiles:
        try:
            yield each.id, TimeProfile.model_validate(each.properties)
        except ValidationError as wrong:  # of a newer version: as one that nobody knows, it widens nothing
            log.warning("time profile not understood", extra={"profile": each.id, "reason": wrong.error_count()})


def _places(item: RecordedHardware) -> Iterable[tuple[DeviceId, _Place]]:
    for device, namespace in ((item.camera, CAMERAS), (item.microphone, MICROPHONES), (item.metadata, METADATA)):
        if device is not None:
            yield device.id, _Place(namespace, (device.id, item.id, *device.within))
