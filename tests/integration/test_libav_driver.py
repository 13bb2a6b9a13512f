"""Cameras that speak something else than RTSP, sent by ffmpeg: MPEG-TS over UDP, and MJPEG over HTTP."""

import itertools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from common.foundation.errors import DeviceError
from server.recording.drivers.contract import DeviceAddress
from tests.support.collected_units import CAMERA, MICROPHONE, CollectedUnits, run_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
]

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def ffmpeg(*arguments: str) -> Iterator[None]:
    process = subprocess.Popen(["ffmpeg", "-v", "quiet", "-re", *arguments], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_transport_stream_over_udp() -> None:
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    sink = CollectedUnits()
    with ffmpeg(*PICTURE, *SOUND, *H264, "-c:a", "aac", "-f", "mpegts", url + "?pkt_size=1316"):
        address = DeviceAddress("Encoder", url, CAMERA, MICROPHONE)
        await run_until(address, sink, lambda: len(sink.of("h264")) > 40 and len(sink.of("aac")) > 20)
    pictures = sink.of("h264")
    assert sum(unit.keyframe for unit in pictures) in (1, 2, 3)
    steps = {later.dts - unit.dts for unit, later in itertools.pairwise(pictures)}
    assert steps == {3600}
    assert {(track.config.width_px, track.config.height_px) for track in sink.known if track.config.width_px} == {
        (320, 240)
    }


async def test_motion_jpeg_over_http_and_its_end() -> None:
    url = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}/video.mjpg"
    sink = CollectedUnits()
    call = (*PICTURE, "-t", "4", "-c:v", "mjpeg", "-q:v", "6", "-f", "mpjpeg", "-listen", "1", url)
    with ffmpeg(*call):
        for _ in range(50):  # ffmpeg takes a moment to listen
            try:
                with pytest.raises(DeviceError):
                    await run_until(DeviceAddress("Webcam", url, CAMERA), sink, lambda: False)
            finally:
                ended = bool(sink.units)
            if ended:
                break
    pictures = sink.of("mjpeg")
    assert len(pictures) > 60
    assert all(unit.keyframe and unit.data[:2] == b"\xff\xd8" for unit in pictures)
