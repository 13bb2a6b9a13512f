"""Trying a camera in a process of its own."""

import base64

import pytest

from common.foundation.catalog import explain
from common.foundation.errors import DeviceError
from common.protocols.media_channel.messages import Probe
from server.recording.api.probing import ProbeFailed, ProcessProber


async def test_a_camera_that_answers_is_described_with_a_picture() -> None:
    probed = await ProcessProber().probe(Probe(4, "simulator:test?width=320&height=180"))
    assert probed.id == 4
    assert probed.video is not None
    assert (probed.video.codec, probed.video.width_px, probed.video.height_px) == ("h264", 320, 180)
    assert base64.b64decode(probed.jpeg).startswith(b"\xff\xd8")


async def test_a_camera_that_does_not_answer_is_told_in_a_sentence() -> None:
    with pytest.raises(DeviceError) as caught:
        await ProcessProber().probe(Probe(4, "rtsp://127.0.0.1:1/", password="hush"))
    assert "127.0.0.1" in explain(caught.value)
    assert "hush" not in explain(caught.value)


async def test_a_camera_that_hangs_is_given_up_at_the_deadline() -> None:
    with pytest.raises(DeviceError, match="no pictures within"):
        await ProcessProber(module="tests.support.hanging_probe", timeout_s=0.2).probe(Probe(4, "simulator:x"))


async def test_a_probing_process_that_fails_is_our_fault_not_the_cameras() -> None:
    with pytest.raises(ProbeFailed):
        await ProcessProber(module="server.recording.no_such_module").probe(Probe(4, "simulator:x"))
