"""Which items a tree node's table lists, in which columns."""

from dataclasses import dataclass

from common.clients.management_values import Camera, Hardware, Microphone, RecordingServer
from common.ui.icons import State
from common.ui.words import words
from mgmtclient.site.snapshot import Item, Kind, SiteSnapshot, key_of
from mgmtclient.site.tree import RECORDERS, SITE, state_of, state_text


@dataclass(frozen=True, slots=True)
class Row:
    """One item of the table."""

    key: str
    cells: tuple[str, ...]  # as many as the sheet has columns; the first is the name
    glyph: str
    state: State
    faded: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole table: heading, columns, rows."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def sheet_of(site: SiteSnapshot, key: str) -> Sheet:
    """Return the table for a tree node: what is directly below it; for a device, the devices of its hardware."""
    if key in (SITE, RECORDERS):
        return _recorders(site)
    item = site.find(key)
    match item:
        case RecordingServer():
            rows = tuple(row for row in site.hardware if row.recorder_id == item.id)
            return _hardware(site, words("mgmt.hardware_of", name=item.name), rows)
        case Hardware() | Camera() | Microphone():
            owner = site.hardware_of(item)
            identifier = "" if owner is None else owner.id
            devices = tuple(row for row in site.devices if row.hardware_id == identifier)
            return _devices(site, words("mgmt.devices_of", name=owner.name if owner else ""), devices)
    return Sheet("", (), ())


def _row(site: SiteSnapshot, item: Item, *cells: str) -> Row:
    glyph = {Kind.RECORDER: "recorder", Kind.HARDWARE: "hardware", Kind.CAMERA: "camera", Kind.MICROPHONE: "microphone"}
    kind = Kind(key_of(item).partition(":")[0])
    return Row(key_of(item), (item.name, *cells), glyph[kind], state_of(site, item), not site.in_use(item))


def _columns(*names: str) -> tuple[str, ...]:
    return tuple(words(f"mgmt.column_{name}") for name in names)


def _recorders(site: SiteSnapshot) -> Sheet:
    def count(row: RecordingServer) -> int:
        return sum(1 for hardware in site.hardware if hardware.recorder_id == row.id)

    return Sheet(
        words("mgmt.recording_servers"),
        _columns("name", "state", "host", "hardware", "version"),
        tuple(
            _row(site, row, state_text(site, row), f"{row.host_name}:{row.port}", str(count(row)), row.version)
            for row in site.recorders
        ),
    )


def _hardware(site: SiteSnapshot, heading: str, rows: tuple[Hardware, ...]) -> Sheet:
    return Sheet(
        heading,
        _columns("name", "state", "address", "model"),
        tuple(_row(site, row, state_text(site, row), row.address, row.model) for row in rows),
    )


def _devices(site: SiteSnapshot, heading: str, rows: tuple[Camera | Microphone, ...]) -> Sheet:
    def recording(row: Camera | Microphone) -> str:
        return words("mgmt.recording_on" if row.recording_enabled else "mgmt.recording_off")

    def kind(row: Camera | Microphone) -> str:
        return words("mgmt.camera" if isinstance(row, Camera) else "mgmt.microphone")

    return Sheet(
        heading,
        _columns("name", "kind", "state", "recording"),
        tuple(_row(site, row, kind(row), state_text(site, row), recording(row)) for row in rows),
    )
