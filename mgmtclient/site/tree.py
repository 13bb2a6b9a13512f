"""The site as lines of the node tree: site, servers, recording servers, hardware, devices."""

from collections import defaultdict
from collections.abc import Iterable

from common.clients.management_values import Camera, Hardware, Microphone, RecordingServer
from common.ui.icons import State
from common.ui.item_model import ItemNode
from common.ui.words import words
from mgmtclient.site.snapshot import Item, SiteSnapshot, key_of

SITE = "site"
RECORDERS = "recorders"
FIRST_STEPS = "first-steps"


def site_nodes(site: SiteSnapshot, site_name: str) -> tuple[ItemNode, ...]:
    """Return the tree of `site`."""
    devices: dict[str, list[Camera | Microphone]] = defaultdict(list)
    for device in site.devices:
        devices[device.hardware_id].append(device)
    owned: dict[str, list[Hardware]] = defaultdict(list)
    for hardware in site.hardware:
        owned[hardware.recorder_id].append(hardware)

    def hardware_node(hardware: Hardware) -> ItemNode:
        children = tuple(_device_node(site, device) for device in devices[hardware.id])
        return ItemNode(
            key_of(hardware),
            hardware.name,
            "hardware",
            state_of(site, hardware),
            tooltip=state_text(site, hardware),
            faded=not hardware.enabled,
            renamable=True,
            children=children,
        )

    def recorder_node(recorder: RecordingServer) -> ItemNode:
        children = tuple(hardware_node(hardware) for hardware in owned[recorder.id])
        return ItemNode(
            key_of(recorder),
            recorder.name,
            "recorder",
            state_of(site, recorder),
            note=_count(children),
            tooltip=state_text(site, recorder),
            renamable=True,
            children=children,
        )

    recorders = tuple(recorder_node(recorder) for recorder in site.recorders)
    servers = ItemNode(
        RECORDERS, words("mgmt.recording_servers"), "recorder", note=_count(recorders), children=recorders
    )
    first = ItemNode(FIRST_STEPS, words("mgmt.first_steps"), "start")
    return (ItemNode(SITE, site_name, "site", children=(first, servers)),)


def _device_node(site: SiteSnapshot, device: Camera | Microphone) -> ItemNode:
    glyph = "microphone" if isinstance(device, Microphone) else "camera" if device.enabled else "camera_off"
    return ItemNode(
        key_of(device),
        device.name,
        glyph,
        state_of(site, device),
        tooltip=state_text(site, device),
        faded=not site.in_use(device),
        renamable=True,
    )


def _count(children: Iterable[ItemNode]) -> str:
    return str(len(tuple(children)))


def state_of(site: SiteSnapshot, item: Item) -> State:
    """Return how an item is, as far as the management server knows.

    It knows whether recording servers report; whether a camera sends is known to its recording server, not here.
    """
    if not site.in_use(item):
        return State.OFF
    recorder = site.recorder_of(item)
    if recorder is None:
        return State.UNKNOWN
    if isinstance(item, RecordingServer):
        return State.OK if item.online else State.ALARM
    return State.NONE if recorder.online else State.UNKNOWN


def state_text(site: SiteSnapshot, item: Item) -> str:
    """Return the state of an item in words."""
    match state_of(site, item):
        case State.OFF:
            return words("mgmt.state_disabled" if not item.enabled else "mgmt.state_hardware_disabled")
        case State.OK:
            return words("mgmt.state_online")
        case State.ALARM:
            return words("mgmt.state_offline")
        case State.UNKNOWN:
            return words("mgmt.state_unknown")
    return words("mgmt.state_enabled")
