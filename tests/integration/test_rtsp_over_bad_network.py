"""A camera over UDP whose packets come late, twice, in another order, or not at all."""

import base64
import random

import pytest

from common.foundation.catalog import explain
from common.media.access_unit import Codec
from common.protocols.rtsp.refusals import NoParameterSets
from server.recording.drivers import rtsp_session
from server.recording.drivers.contract import DeviceAddress
from server.recording.drivers.opening import driver_for
from tests.support.collected_units import CAMERA, CollectedUnits, run_until
from tests.support.media_samples import video_sample
from tests.support.rtp_packets import packets, sets_of
from tests.support.udp_camera import udp_camera

pytestmark = pytest.mark.integration

CONFIG, UNITS = video_sample(Codec.H264, frames=100, gop=10, width_px=320, height_px=192)
SETS = sets_of(CONFIG)
PLAIN_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
)
SPROP = ",".join(base64.b64encode(one).decode() for one in SETS)
SDP = PLAIN_SDP.replace("mode=1", f"mode=1;sprop-parameter-sets={SPROP}").encode()
SENT = packets(Codec.H264, UNITS, 200, SETS)
LAST_PTS = UNITS[-1].pts - UNITS[0].pts


async def received(wire: list[bytes]) -> CollectedUnits:
    """Run the driver against a camera that sends this, until the last picture is there."""
    sink = CollectedUnits()
    async with udp_camera(SDP, wire) as camera:
        address = DeviceAddress("Pole", camera.url, CAMERA)

        def whole() -> bool:
            units = sink.of(Codec.H264)
            return bool(units) and units[-1].pts - units[0].pts >= LAST_PTS

        await run_until(address, sink, whole)
    return sink


async def test_packets_in_another_order_and_twice_lose_nothing() -> None:
    chosen = random.Random(3)
    wire = [packet for packet in SENT for _ in range(2 if chosen.random() < 0.05 else 1)]
    for at in range(0, len(wire) - 4, 7):  # swapped with a neighbour up to three places away
        other = at + chosen.randint(1, 3)
        wire[at], wire[other] = wire[other], wire[at]
    units = (await received(wire)).of(Codec.H264)
    assert [unit.pts - units[0].pts for unit in units] == [unit.pts - UNITS[0].pts for unit in UNITS]
    assert not any(unit.damaged for unit in units)
    assert [len(unit.data) for unit in units] == [len(unit.data) for unit in UNITS]


async def test_lost_packets_damage_pictures_until_the_next_keyframe() -> None:
    at = next(n for n, packet in enumerate(SENT) if int.from_bytes(packet[4:8], "big") == UNITS[33].pts & 0xFFFFFFFF)
    wire = SENT[:at] + SENT[at + 2 :]
    units = (await received(wire)).of(Codec.H264)
    damaged = {(unit.pts - units[0].pts) // 3600 for unit in units if unit.damaged}
    assert damaged
    assert damaged <= set(range(33, 40))  # a keyframe is every tenth picture
    assert units[-1].damaged is False


async def test_parameter_sets_in_the_stream_alone_are_enough() -> None:
    sink = CollectedUnits()
    async with udp_camera(PLAIN_SDP.encode(), SENT) as camera:
        await run_until(DeviceAddress("Pole", camera.url, CAMERA), sink, lambda: len(sink.of(Codec.H264)) > 20)
    assert sink.of(Codec.H264)[0].keyframe


async def test_video_that_nothing_describes_is_told_to_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_session, "_DESCRIBED_S", 0.5)
    monkeypatch.setattr(rtsp_session, "_REPORT_S", 0.1)
    async with udp_camera(PLAIN_SDP.encode(), packets(Codec.H264, UNITS, 200, [])) as camera:
        with pytest.raises(NoParameterSets) as silent:
            await driver_for(DeviceAddress("Pole", camera.url, CAMERA)).run(
                DeviceAddress("Pole", camera.url, CAMERA), CollectedUnits()
            )
    assert "Pole sends video, but no parameter sets with its H264 (SPS, PPS)" in explain(silent.value)


async def test_a_short_session_is_kept_alive() -> None:
    sink = CollectedUnits()
    async with udp_camera(SDP, SENT, session_s=3) as camera:
        address = DeviceAddress("Pole", camera.url, CAMERA)
        await run_until(address, sink, lambda: camera.requests[-3:] == ["OPTIONS"] * 3)
    assert camera.requests.count("PLAY") == 1
