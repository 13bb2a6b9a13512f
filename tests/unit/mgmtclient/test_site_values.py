"""The site's values: order, tree, table, page lines, camera addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clients.management_values import Camera, Hardware, RecordingServer
from common.foundation.ids import DeviceId, HardwareId, RecorderId
from common.model.item import UNSET_TIME
from common.model.kinds import BY_PLURAL
from common.ui.icons import State
from mgmtclient.hardware.address import BadAddress, camera_address
from mgmtclient.overview.rows import sheet_of
from mgmtclient.properties.fields import Control, lines_of, shown_values
from mgmtclient.site.snapshot import SiteSnapshot, natural
from mgmtclient.site.tree import RECORDERS, site_nodes, state_of


def site(online: bool = True, hardware_enabled: bool = True, camera_enabled: bool = True) -> SiteSnapshot:
    recorder = RecordingServer(RecorderId("r"), "Recorder", True, "", "nvr", 7563, "", "1", online, "1")
    hardware = Hardware(HardwareId("h"), "Gate", hardware_enabled, "", "rtsp://a/", "", "", RecorderId("r"), "1")
    camera = Camera(DeviceId("c"), "Camera", camera_enabled, "", 0, True, 3, HardwareId("h"), "1")
    return SiteSnapshot((recorder,), (hardware,), (camera,), ())


def test_numbers_in_names_sort_as_numbers() -> None:
    assert sorted(["Camera 10", "camera 9", "Camera 1"], key=natural) == ["Camera 1", "camera 9", "Camera 10"]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert len(sorted(names, key=natural)) == len(names)


def test_states() -> None:
    assert state_of(site(), site().recorders[0]) is State.OK
    assert state_of(site(online=False), site(online=False).recorders[0]) is State.ALARM
    assert state_of(site(hardware_enabled=False), site().cameras[0]) is State.OFF
    assert state_of(site(online=False), site().cameras[0]) is State.UNKNOWN
    assert state_of(site(), site().cameras[0]) is State.NONE, "whether a camera sends is not known to management"


def test_the_tree_nests_devices_below_their_hardware() -> None:
    (top,) = site_nodes(site(), "vms")
    recorder = top.children[1].children[0]
    assert (recorder.note, recorder.children[0].children[0].key) == ("1", "cameras:c")


def test_tables_fit_their_columns() -> None:
    for key in (RECORDERS, "recordingServers:r", "hardware:h", "cameras:c", "nothing:x"):
        sheet = sheet_of(site(), key)
        assert all(len(row.cells) == len(sheet.columns) for row in sheet.rows)


@pytest.mark.parametrize("kind", ["recordingServers", "hardware", "cameras", "microphones"])
def test_every_page_has_a_line_for_what_an_administrator_may_set(kind: str) -> None:
    lines = {line.name: line for line in lines_of(kind)}
    writable = BY_PLURAL[kind].writable() - {"recordingStorage"}  # a reference: pages have no line for those yet
    assert {name for name, line in lines.items() if not line.read_only} == writable
    assert lines["name"].required
    assert shown_values(lines_of(kind), {}).keys() == lines.keys()


def test_ranges_and_secrets_come_from_the_declaration() -> None:
    prebuffer = next(line for line in lines_of("cameras") if line.name == "prebufferSeconds")
    assert (prebuffer.control, prebuffer.least, prebuffer.most, prebuffer.unit) == (Control.NUMBER, 0, 3600, "s")
    controls = {line.name: line for line in lines_of("hardware")}
    assert controls["password"].control is Control.SECRET
    assert controls["transport"].choices == ("auto", "tcp", "udp")
    assert controls["address"].required


def test_addresses_give_up_the_user_and_password_inside_them() -> None:
    camera = camera_address("rtsp://me:s%40fe@10.0.0.7:554/s?a=1", "", "", "tcp")
    assert (camera.url, camera.user, camera.password) == ("rtsp://10.0.0.7:554/s?a=1", "me", "s@fe")
    assert camera_address("10.0.0.7/s", "", "", "auto").url == "rtsp://10.0.0.7/s"
    assert camera_address("simulator:yard", "", "", "auto").url == "simulator:yard"
    assert "s@fe" not in repr(camera)


@pytest.mark.parametrize(
    "typed", ["", "ftp://x/", "rtsp://", "simulator:", "rtsp://a b/", "rtsp://x:port/", "rtsp://["]
)
def test_what_is_no_camera_address_is_refused(typed: str) -> None:
    with pytest.raises(BadAddress):
        camera_address(typed, "", "", "auto")


def test_what_nobody_types_is_written_for_a_person() -> None:
    lines = lines_of("cameras")
    shown = shown_values(lines, {"createdDate": "2026-03-01T12:00:00.1234560Z", "name": "2026-03-01T12:00:00Z"})
    assert shown["name"] == "2026-03-01T12:00:00Z"  # a name is what was typed
    assert "Mar 2026" in str(shown["createdDate"])
    assert shown_values(lines_of("hardware"), {"passwordLastModified": UNSET_TIME})["passwordLastModified"] == "never"
    assert shown_values(lines_of("recordingServers"), {"synchronizationTime": -1})["synchronizationTime"] == "unknown"
