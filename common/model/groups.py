"""Groups of devices. A device can be in any number of them, and has the permissions that are given on each."""

from typing import Annotated, ClassVar

from pydantic import Field

from common.model.item import ItemPath, Kind, NamedItem, Shown

MOST_MEMBERS = 20_000


class DeviceGroup(NamedItem):
    """What all groups have in common."""

    built_in: Annotated[bool, Shown("Built in", read_only=True)] = False
    members: Annotated[tuple[ItemPath, ...], Field(max_length=MOST_MEMBERS), Shown("Members", read_only=True)] = ()


def _group(plural: str, member: str, node: str) -> Kind:
    return Kind(plural, ("sites", plural), node, creatable=True, deletable=True, members=(member,))


class CameraGroup(DeviceGroup):
    """A group of cameras."""

    kind: ClassVar = _group("cameraGroups", "cameras", "Devices/Cameras")


class MicrophoneGroup(DeviceGroup):
    """A group of microphones."""

    kind: ClassVar = _group("microphoneGroups", "microphones", "Devices/Microphones")


class SpeakerGroup(DeviceGroup):
    """A group of loudspeakers."""

    kind: ClassVar = _group("speakerGroups", "speakers", "Devices/Speakers")


class MetadataGroup(DeviceGroup):
    """A group of metadata sources."""

    kind: ClassVar = _group("metadataGroups", "metadata", "Devices/Metadata")


class InputEventGroup(DeviceGroup):
    """A group of inputs."""

    kind: ClassVar = _group("inputEventGroups", "inputEvents", "Devices/Inputs")


class OutputGroup(DeviceGroup):
    """A group of outputs."""

    kind: ClassVar = _group("outputGroups", "outputs", "Devices/Outputs")
