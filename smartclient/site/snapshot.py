"""What the site holds for this user: cameras and their microphones by recording server, as one frozen value."""

from collections.abc import Collection
from dataclasses import dataclass

from common.clients.management import ManagementClient
from common.ui.icons import State
from common.ui.item_model import ItemNode
from common.ui.words import words


@dataclass(frozen=True, slots=True)
class SiteCamera:
    """A camera, where it is recorded, and the microphone of the same hardware ("" when it has none)."""

    id: str
    name: str
    recorder: str
    microphone: str = ""


@dataclass(frozen=True, slots=True)
class SiteRecorder:
    """A recording server. `media_uri` is empty until it has reported to management."""

    id: str
    name: str
    media_uri: str
    online: bool


@dataclass(frozen=True, slots=True)
class Site:
    """Enabled cameras in the order of their names."""

    recorders: tuple[SiteRecorder, ...] = ()
    cameras: tuple[SiteCamera, ...] = ()

    def camera(self, device: str) -> SiteCamera | None:
        return next((camera for camera in self.cameras if camera.id == device), None)

    def recorder(self, recorder: str) -> SiteRecorder | None:
        return next((known for known in self.recorders if known.id == recorder), None)

    def media_uris(self) -> dict[str, str]:
        return {recorder.id: recorder.media_uri for recorder in self.recorders}


def read_site(client: ManagementClient) -> Site:
    """Ask the management server; blocking. Raises VmsError."""
    hardware = {item.id: item for item in client.hardware() if item.enabled}
    microphones = {item.hardware_id: item.id for item in client.microphones() if item.enabled}
    cameras = (
        SiteCamera(
            camera.id,
            camera.name,
            hardware[camera.hardware_id].recorder_id,
            microphones.get(camera.hardware_id, ""),
        )
        for camera in client.cameras()
        if camera.enabled and camera.hardware_id in hardware
    )
    recorders = (
        SiteRecorder(server.id, server.name, server.media_uri, server.online) for server in client.recording_servers()
    )
    return Site(
        tuple(sorted(recorders, key=lambda recorder: recorder.name.casefold())),
        tuple(sorted(cameras, key=lambda camera: (camera.name.casefold(), camera.id))),
    )


def camera_nodes(site: Site, unreached: Collection[str] = ()) -> tuple[ItemNode, ...]:
    """Return the camera tree: recording servers, and their cameras below. `unreached`: recorders that this computer
    has no connection to just now."""
    nodes: list[ItemNode] = []
    for recorder in site.recorders:
        children = tuple(
            ItemNode(
                camera.id,
                camera.name,
                "camera",
                tooltip=words("smart.camera_hint", name=camera.name),
                draggable=True,
            )
            for camera in site.cameras
            if camera.recorder == recorder.id
        )
        away = recorder.id in unreached
        state = State.OK if recorder.online and not away else State.ALARM
        about = "lost" if away else "online" if recorder.online else "offline"
        hint = words(f"smart.recorder_{about}", name=recorder.name)
        nodes.append(
            ItemNode(
                recorder.id, recorder.name, "recorder", state, note=str(len(children)), tooltip=hint, children=children
            )
        )
    return tuple(nodes)
