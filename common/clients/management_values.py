"""What the management server's API tells, as frozen values, and how its JSON becomes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.foundation.errors import ProtocolError, VmsError
from common.foundation.ids import DeviceId, HardwareId, RecorderId


class ValidationFailed(VmsError):
    """The server refused values; `problems` says which property (or "") and why, in words for the person who typed."""

    message_key = "error.validation_failed"

    def __init__(self, detail: str, problems: Mapping[str, str]) -> None:
        super().__init__(detail, problems="; ".join(problems.values()) or detail)
        self.problems = dict(problems)


class NotFound(VmsError):
    """The item is not there, or not any more."""

    message_key = "error.item_not_found"


class ChangedMeanwhile(VmsError):
    """Somebody else changed the item after it was read; read it again and repeat the change."""

    message_key = "error.changed_meanwhile"


class ServerFailed(VmsError):
    """The management server could not do it, and says so."""

    message_key = "error.server_failed"
    retryable = True


@dataclass(frozen=True, slots=True)
class RecordingServer:
    """A recording server. `media_uri` is where its media channel answers, empty until it first reported."""

    id: RecorderId
    name: str
    enabled: bool
    description: str
    host_name: str
    port: int
    media_uri: str  # "wss://host:port/media"
    version: str
    online: bool  # it reported to management within the last half minute
    etag: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """One device on the network, which has cameras and microphones."""

    id: HardwareId
    name: str
    enabled: bool
    description: str
    address: str
    user_name: str
    model: str
    recorder_id: RecorderId
    etag: str


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of a piece of hardware; its id is what the media channel and the recordings know."""

    id: DeviceId
    name: str
    enabled: bool
    description: str
    channel: int
    recording_enabled: bool
    prebuffer_s: int
    hardware_id: HardwareId
    etag: str


@dataclass(frozen=True, slots=True)
class Microphone:
    """A microphone of a piece of hardware."""

    id: DeviceId
    name: str
    enabled: bool
    description: str
    channel: int
    recording_enabled: bool
    prebuffer_s: int
    hardware_id: HardwareId
    etag: str


class _Reader:
    """Takes typed properties out of one item's JSON. Absent ones are empty: an older server has fewer of them."""

    def __init__(self, item: object, server: str) -> None:
        self._server = server
        if not isinstance(item, dict):
            raise ProtocolError("an item is not a JSON object", peer=server)
        self._item: dict[str, object] = item

    def text(self, name: str) -> str:
        value = self._item.get(name, "")
        if not isinstance(value, str):
            raise ProtocolError(f"{name} is not a text", peer=self._server)
        return value

    def number(self, name: str) -> int:
        value = self._item.get(name, 0)
        if not isinstance(value, int):
            raise ProtocolError(f"{name} is not a whole number", peer=self._server)
        return value

    def flag(self, name: str) -> bool:
        value = self._item.get(name, False)
        if not isinstance(value, bool):
            raise ProtocolError(f"{name} is neither true nor false", peer=self._server)
        return value

    def parent(self) -> str:
        """Return the parent's id, as `relations.parent.id` says."""
        relations = self._item.get("relations")
        parent = relations.get("parent") if isinstance(relations, dict) else None
        identifier = parent.get("id") if isinstance(parent, dict) else None
        if not isinstance(identifier, str):
            raise ProtocolError("an item does not name its parent", peer=self._server)
        return identifier


def recording_server(item: object, server: str) -> RecordingServer:
    read = _Reader(item, server)
    web = read.text("activeWebServerUri")
    return RecordingServer(
        id=RecorderId(read.text("id")),
        name=read.text("name"),
        enabled=read.flag("enabled"),
        description=read.text("description"),
        host_name=read.text("hostName"),
        port=read.number("portNumber"),
        media_uri="wss" + web.removeprefix("https").rstrip("/") + "/media" if web.startswith("https://") else "",
        version=read.text("version"),
        online=read.flag("online"),
        etag=read.text("etag"),
    )


def hardware(item: object, server: str) -> Hardware:
    read = _Reader(item, server)
    return Hardware(
        id=HardwareId(read.text("id")),
        name=read.text("name"),
        enabled=read.flag("enabled"),
        description=read.text("description"),
        address=read.text("address"),
        user_name=read.text("userName"),
        model=read.text("model"),
        recorder_id=RecorderId(read.parent()),
        etag=read.text("etag"),
    )


def camera(item: object, server: str) -> Camera:
    read = _Reader(item, server)
    return Camera(
        id=DeviceId(read.text("id")),
        name=read.text("name"),
        enabled=read.flag("enabled"),
        description=read.text("description"),
        channel=read.number("channel"),
        recording_enabled=read.flag("recordingEnabled"),
        prebuffer_s=read.number("prebufferSeconds"),
        hardware_id=HardwareId(read.parent()),
        etag=read.text("etag"),
    )


def microphone(item: object, server: str) -> Microphone:
    read = _Reader(item, server)
    return Microphone(
        id=DeviceId(read.text("id")),
        name=read.text("name"),
        enabled=read.flag("enabled"),
        description=read.text("description"),
        channel=read.number("channel"),
        recording_enabled=read.flag("recordingEnabled"),
        prebuffer_s=read.number("prebufferSeconds"),
        hardware_id=HardwareId(read.parent()),
        etag=read.text("etag"),
    )
