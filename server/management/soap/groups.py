"""Groups of devices as this interface shows them: nested, each with the devices that may be seen."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from common.model.devices import Camera, Device, InputEvent, Metadata, Microphone, Output, Speaker
from common.model.groups import (
    CameraGroup,
    DeviceGroup,
    InputEventGroup,
    MetadataGroup,
    MicrophoneGroup,
    OutputGroup,
    SpeakerGroup,
)
from server.management.configuration.items import Stored
from server.management.soap.configuration_contracts import (
    CameraGroupInfo,
    GroupInfo,
    InputGroupInfo,
    MetadataDeviceGroupInfo,
    MicrophoneGroupInfo,
    OutputGroupInfo,
    SpeakerGroupInfo,
)
from server.management.soap.contracts import Guid
from server.management.soap.devices import SeenDevices
from server.management.soap.seen import Seen

AnyGroup = TypeVar("AnyGroup", bound=GroupInfo)
_MOST_DEPTH = 16
"""Deeper groups are left out: readers of XML have limits too."""


class SeenGroups:
    """The groups that whoever asks may see."""

    def __init__(self, seen: Seen, devices: SeenDevices) -> None:
        self._seen = seen
        self._devices = devices

    def cameras(self) -> tuple[CameraGroupInfo, ...]:
        return self._nested(
            CameraGroup,
            Camera,
            lambda each, below, ids: CameraGroupInfo(**_of_any(each), camera_groups=below, cameras=ids),
        )

    def microphones(self) -> tuple[MicrophoneGroupInfo, ...]:
        return self._nested(
            MicrophoneGroup,
            Microphone,
            lambda each, below, ids: MicrophoneGroupInfo(**_of_any(each), microphone_groups=below, microphones=ids),
        )

    def speakers(self) -> tuple[SpeakerGroupInfo, ...]:
        return self._nested(
            SpeakerGroup,
            Speaker,
            lambda each, below, ids: SpeakerGroupInfo(**_of_any(each), speaker_groups=below, speakers=ids),
        )

    def metadata(self) -> tuple[MetadataDeviceGroupInfo, ...]:
        return self._nested(
            MetadataGroup,
            Metadata,
            lambda each, below, ids: MetadataDeviceGroupInfo(
                **_of_any(each), metadata_device_groups=below, metadata_devices=ids
            ),
        )

    def inputs(self) -> tuple[InputGroupInfo, ...]:
        return self._nested(
            InputEventGroup,
            InputEvent,
            lambda each, below, ids: InputGroupInfo(**_of_any(each), input_groups=below, inputs=ids),
        )

    def outputs(self) -> tuple[OutputGroupInfo, ...]:
        return self._nested(
            OutputGroup,
            Output,
            lambda each, below, ids: OutputGroupInfo(**_of_any(each), output_groups=below, outputs=ids),
        )

    def _nested(
        self,
        model: type[DeviceGroup],
        member: type[Device],
        make: Callable[[Stored[DeviceGroup], tuple[AnyGroup, ...], tuple[Guid, ...]], AnyGroup],
    ) -> tuple[AnyGroup, ...]:
        in_use = self._devices.in_use(member)
        groups = self._seen.all(model)
        known = {each.id for each in groups}
        below: dict[str, list[Stored[DeviceGroup]]] = defaultdict(list)
        for each in groups:
            below[each.parent_id if each.parent_id in known and each.parent_id else ""].append(each)

        def at(parent: str, depth: int) -> tuple[AnyGroup, ...]:
            if depth >= _MOST_DEPTH:
                return ()
            return tuple(make(each, at(each.id, depth + 1), _members(each, in_use)) for each in below.get(parent, ()))

        return at("", 0)


def _members(group: Stored[DeviceGroup], in_use: Collection[str]) -> tuple[Guid, ...]:
    return tuple(Guid(path.id) for path in group.item.members if path.id in in_use)


def _of_any(group: Stored[DeviceGroup]) -> dict[str, Any]:
    return {"description": group.item.description, "group_id": group.id, "name": group.item.name}
