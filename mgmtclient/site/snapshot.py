"""The site's configuration at one moment, read in one go."""

from dataclasses import dataclass
from enum import StrEnum

from common.clients.management import ManagementClient
from common.clients.management_values import Camera, Hardware, Microphone, RecordingServer

Item = RecordingServer | Hardware | Camera | Microphone


class Kind(StrEnum):
    """What an item is, as the REST interface names its list."""

    RECORDER = "recordingServers"
    HARDWARE = "hardware"
    CAMERA = "cameras"
    MICROPHONE = "microphones"


@dataclass(frozen=True, slots=True)
class SiteSnapshot:
    """Everything below the site, sorted by name as a person would."""

    recorders: tuple[RecordingServer, ...] = ()
    hardware: tuple[Hardware, ...] = ()
    cameras: tuple[Camera, ...] = ()
    microphones: tuple[Microphone, ...] = ()

    @property
    def devices(self) -> tuple[Camera | Microphone, ...]:
        """All cameras, then all microphones."""
        found: list[Camera | Microphone] = [*self.cameras, *self.microphones]
        return tuple(found)

    def find(self, key: str) -> Item | None:
        """Return the item a tree key (`kind:id`) names; None for a folder, or when it is not there any more."""
        kind, _, identifier = key.partition(":")
        lists: dict[str, tuple[Item, ...]] = {
            Kind.RECORDER: self.recorders,
            Kind.HARDWARE: self.hardware,
            Kind.CAMERA: self.cameras,
            Kind.MICROPHONE: self.microphones,
        }
        return next((item for item in lists.get(kind, ()) if item.id == identifier), None)

    def recorder_of(self, item: Item) -> RecordingServer | None:
        """Return the recording server an item belongs to."""
        match item:
            case RecordingServer():
                return item
            case Hardware():
                return next((row for row in self.recorders if row.id == item.recorder_id), None)
        owner = next((row for row in self.hardware if row.id == item.hardware_id), None)
        return None if owner is None else self.recorder_of(owner)

    def hardware_of(self, item: Item) -> Hardware | None:
        """Return the hardware a device is part of, or the hardware itself."""
        match item:
            case Hardware():
                return item
            case Camera() | Microphone():
                return next((row for row in self.hardware if row.id == item.hardware_id), None)
        return None

    def in_use(self, item: Item) -> bool:
        """Whether an item and all it is part of are enabled."""
        owner = None if isinstance(item, (Hardware, RecordingServer)) else self.hardware_of(item)
        return item.enabled and (owner is None or owner.enabled)


def key_of(item: Item) -> str:
    """Return the key an item has in tree and table."""
    return f"{kind_of(item)}:{item.id}"


def kind_of(item: Item) -> Kind:
    match item:
        case RecordingServer():
            return Kind.RECORDER
        case Hardware():
            return Kind.HARDWARE
        case Camera():
            return Kind.CAMERA
        case Microphone():
            return Kind.MICROPHONE


def read_site(client: ManagementClient) -> SiteSnapshot:
    """Ask the server for everything; blocking. Raises what `ManagementClient` raises."""
    return SiteSnapshot(
        recorders=tuple(sorted(client.recording_servers(), key=lambda row: (natural(row.name), row.id))),
        hardware=tuple(sorted(client.hardware(), key=lambda row: (natural(row.name), row.id))),
        cameras=tuple(sorted(client.cameras(), key=lambda row: (natural(row.name), row.id))),
        microphones=tuple(sorted(client.microphones(), key=lambda row: (natural(row.name), row.id))),
    )


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which "Camera 9" comes before "Camera 10" and case does not count."""
    parts: list[tuple[int, int, str]] = []
    text = name.casefold()
    at = 0
    while at < len(text):
        end = at + 1
        digits = text[at].isdecimal()
        while end < len(text) and text[end].isdecimal() == digits:
            end += 1
        piece = text[at:end]
        parts.append((0, int(piece), "") if digits and len(piece) < 19 else (1, 0, piece))
        at = end
    return tuple(parts)
