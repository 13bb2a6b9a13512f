"""The drivers against real cameras (GStreamer's RTSP server), files and the simulator."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from common.foundation.catalog import explain
from common.foundation.clock import UtcUs
from common.foundation.errors import DeviceError
from common.media.access_unit import AccessUnit
from common.media.snapshot import jpeg_of
from common.net.certificates import create_authority, issue_certificate
from common.protocols.rtsp.refusals import NoSuchStream, WrongPassword
from server.recording.drivers.contract import DeviceAddress
from server.recording.drivers.opening import AddressWrong, driver_for
from server.recording.drivers.simulator import SimulatorAddressWrong
from tests.support.collected_units import CAMERA, MICROPHONE, CollectedUnits, run_until
from tests.support.rtsp_cameras import gstreamer_is_here, rtsp_camera

pytestmark = pytest.mark.integration
needs_gstreamer = pytest.mark.skipif(not gstreamer_is_here(), reason="GStreamer's RTSP server is not installed")


def address(url: str, **fields: str) -> DeviceAddress:
    return DeviceAddress("Yard", url, CAMERA, MICROPHONE, **fields)


@needs_gstreamer
@pytest.mark.parametrize(
    ("video", "audio", "transport"),
    [("h264", "aac", "auto"), ("h265", "opus", "auto"), ("mjpeg", "pcma", "auto"), ("h264", "pcmu", "udp")],
)
async def test_formats_arrive_whole_and_decode(video: str, audio: str, transport: str) -> None:
    sink = CollectedUnits()
    with rtsp_camera(video=video, audio=audio) as camera:
        where = address(camera.url, transport=transport)
        await run_until(where, sink, lambda: len(sink.of(video)) > 35 and len(sink.of(audio)) > 10)
    pictures = sink.of(video)
    assert not any(unit.damaged for unit in pictures)
    steps = {b.pts - a.pts for a, b in pairwise(pictures)}
    assert steps == {3600}
    config = next(track.config for track in sink.known if track.config.codec == video)
    assert (config.width_px, config.height_px) == (640, 360)
    first = next(unit for unit in pictures if unit.keyframe)
    whole = AccessUnit(first.data, first.pts, first.dts, UtcUs(0), keyframe=True)
    assert jpeg_of(config, whole, 320)[:2] == b"\xff\xd8"


@needs_gstreamer
@pytest.mark.parametrize("auth", ["basic", "digest"])
async def test_logging_in_and_being_refused(auth: str) -> None:
    sink = CollectedUnits()
    with rtsp_camera(auth=auth) as camera:
        await run_until(address(camera.url, user="operator", password="right"), sink, lambda: len(sink.of("h264")) > 2)
        with pytest.raises(WrongPassword) as wrong:
            await driver_for(address(camera.url)).run(
                address(camera.url, user="operator", password="wrong"), CollectedUnits()
            )
        assert "Yard" in explain(wrong.value)
        assert "wrong" not in str(wrong.value)


@needs_gstreamer
async def test_unknown_path_killed_camera_and_its_return() -> None:
    sink = CollectedUnits()
    with rtsp_camera() as camera:
        with pytest.raises(NoSuchStream):
            await run_until(address(camera.url + "x"), sink, lambda: False)
        port = camera.port

        def kill_in_mid_stream() -> bool:
            if len(sink.of("h264")) > 5 and camera.process.poll() is None:
                camera.kill()
            return False

        with pytest.raises(DeviceError, match=r"clos|broke"):
            await run_until(address(camera.url), sink, kill_in_mid_stream)
    with pytest.raises(DeviceError, match="cannot be reached"):
        await run_until(address(camera.url), sink, lambda: False)
    before = len(sink.of("h264"))
    with rtsp_camera(port=port) as back:
        await run_until(address(back.url), sink, lambda: len(sink.of("h264")) > before + 5)


@needs_gstreamer
async def test_a_camera_that_refuses_tcp_is_read_over_udp() -> None:
    sink = CollectedUnits()
    with rtsp_camera(transport="udp") as camera:
        await run_until(address(camera.url), sink, lambda: len(sink.of("h264")) > 5)


@needs_gstreamer
async def test_sub_stream_is_the_secondary_track() -> None:
    sink = CollectedUnits()
    with rtsp_camera() as camera:
        where = address(camera.url, sub_url=camera.url)
        await run_until(where, sink, lambda: len(sink.of("h264")) > 5 and len(sink.of("h264", "secondary")) > 5)


async def test_simulator_sends_pictures_and_sound() -> None:
    sink = CollectedUnits()
    where = address("simulator:Gate?width=320&height=180")
    await run_until(where, sink, lambda: len(sink.of("h264")) > 10 and len(sink.of("aac")) > 10)
    assert sink.of("h264")[0].keyframe


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("simulator:Gate?colour=red", SimulatorAddressWrong),
        ("simulator:Gate?drop_every=0.2&width=320&height=180", DeviceError),
        ("rtsp://127.0.0.1:1/x", DeviceError),
        ("rtsp:///x", AddressWrong),
        ("/no/such/file.mp4", DeviceError),
    ],
)
async def test_what_cannot_be_opened_says_why(url: str, error: type[DeviceError]) -> None:
    with pytest.raises(error) as failed:
        await run_until(address(url), CollectedUnits(), lambda: False)
    assert "Yard" in explain(failed.value)


async def test_a_file_plays_once(tmp_path: Path) -> None:
    file = tmp_path / "clip.ts"
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25:duration=1"]
    subprocess.run([*make, "-c:v", "libx264", "-bf", "0", "-g", "10", str(file)], check=True)
    sink = CollectedUnits()
    with pytest.raises(DeviceError, match="ended"):
        await run_until(address(str(file)), sink, lambda: False)
    assert len(sink.of("h264")) == 25
    assert [unit.keyframe for unit in sink.of("h264")].count(True) == 3


def test_probe_shows_a_picture() -> None:
    question = json.dumps({"url": "simulator:Gate?width=320&height=180"})
    call = [sys.executable, "-m", "server.recording.probe"]
    done = subprocess.run(call, input=question, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert (answer["video"]["width"], answer["video"]["codec"]) == (320, "h264")
    assert answer["jpeg"]


@needs_gstreamer
async def test_a_camera_over_tls_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    own = issue_certificate(create_authority("camera"), ["127.0.0.1"])
    pem = tmp_path / "camera.pem"
    pem.write_bytes(own.certificate_pem + own.key_pem)
    with rtsp_camera(transport="tcp", more=("--certificate", str(pem))) as camera:
        sink = CollectedUnits()
        secure = camera.url.replace("rtsp://", "rtsps://")
        await run_until(address(secure), sink, lambda: len(sink.of("h264")) > 30)
    assert not any(unit.damaged for unit in sink.of("h264"))


@needs_gstreamer
async def test_a_camera_that_speaks_no_tls_is_told_apart_from_one_that_is_off() -> None:
    with rtsp_camera(transport="tcp") as camera, pytest.raises(DeviceError, match=r"TLS|closed"):
        await run_until(address(camera.url.replace("rtsp://", "rtsps://")), CollectedUnits(), lambda: False)
