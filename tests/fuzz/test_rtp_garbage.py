"""Garbage through every parser that meets a camera's bytes: only ProtocolError comes out, and little is held."""

from contextlib import suppress
from struct import pack

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.foundation.errors import DeviceError, ProtocolError
from common.media import h264, h265
from common.media.access_unit import CodecConfig
from common.media.nal import split_annex_b, split_prefixed
from common.protocols.rtp.formats import depacketizer_for, is_carried
from common.protocols.rtp.receiver import RtpReceiver
from common.protocols.rtp.rtcp import read_sender_reports
from common.protocols.rtp.units import MediaUnit
from common.protocols.rtsp.authentication import best_challenge
from common.protocols.rtsp.client import RtspClient, parse_transport
from common.protocols.rtsp.messages import Message, StreamCutter
from common.protocols.sdp import MediaDescription, parse_sdp

MANY = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Swallow:
    def config(self, config: CodecConfig) -> None:
        assert config.timescale > 0

    def unit(self, unit: MediaUnit) -> None:
        assert unit.data


FORMATS = {
    "H264": {},
    "H265": {},
    "JPEG": {},
    "MPEG4-GENERIC": {"config": "1188", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3"},
    "OPUS": {},
}


@pytest.mark.parametrize("encoding", FORMATS)
@given(st.lists(st.tuples(st.binary(max_size=80), st.integers(0, 3), st.booleans()), max_size=12))
@example([(b"\x01\x00", 0, True), (b"\x1c\x81", 0, False)])  # a fragment that begins a slice and has none of it
@MANY
def test_payload_formats(encoding: str, payloads: list[tuple[bytes, int, bool]]) -> None:
    kind = "audio" if encoding in ("OPUS", "MPEG4-GENERIC") else "video"
    media = MediaDescription(kind, 96, "RTP/AVP", encoding, 48_000, parameters=FORMATS[encoding])
    receiver = RtpReceiver(depacketizer_for(media, Swallow()), 96, 90_000)
    for number, (payload, step, marker) in enumerate(payloads):
        packet = pack(">BBHII", 0x80, 96 | marker << 7, number + step, step * 3600, 1) + payload
        receiver.packet(memoryview(packet), 0, len(packet))


@given(st.binary(max_size=120))
@MANY
def test_packets_and_reports(data: bytes) -> None:
    media = MediaDescription("video", data[1] & 127 if len(data) > 1 else 0, "RTP/AVP", "H264", 90_000)
    receiver = RtpReceiver(depacketizer_for(media, Swallow()), media.payload_type, 90_000)
    receiver.packet(memoryview(data), 0, len(data))
    receiver.packet(memoryview(b"\x80" + data[1:]), 0, len(data)) if data else None
    receiver.reception(1.0)
    read_sender_reports(data)


@given(st.binary(max_size=100))
@MANY
def test_parameter_sets(data: bytes) -> None:
    with suppress(ProtocolError):
        h264.parse_sps(b"\x67" + data)
    with suppress(ProtocolError):
        h265.parse_sps(b"\x42\x01" + data)
    with suppress(ProtocolError):
        h264.pps_ids(b"\x68" + data)
    with suppress(ProtocolError):
        list(split_prefixed(data))
    split_annex_b(data)


TEXT = st.text(st.sampled_from('amv=:;/ -,\r\n09RTPAVHJOUSfilenogth*$"') | st.characters(), max_size=200)


@given(TEXT)
@MANY
def test_session_descriptions(text: str) -> None:
    with suppress(ProtocolError):
        head = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        for media in parse_sdp((head + text).encode("utf-8", "replace")).media:
            if is_carried(media):
                depacketizer_for(media, Swallow())


@given(TEXT, TEXT, st.integers(100, 599))
@MANY
def test_rtsp_answers(header: str, other: str, status: int) -> None:
    best_challenge(["Digest " + header, other])
    parse_transport(header)
    client = RtspClient("rtsp://host/path", "user", "pass")
    client.request("SETUP")
    headers = {"www-authenticate": ["Digest nonce=a," + header], "session": [other], "content-base": [header]}
    message = Message(status, "", "", headers, b"")
    with suppress(DeviceError, ProtocolError):
        client.answer(message)
    with suppress(ProtocolError):
        client.control_url(client.base_url(message), other)


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from([b"RTSP/1.0 200 OK\r\n", b"$\0\0\4", b"\r\n\r\n"]), max_size=20)
)
@MANY
def test_connections(pieces: list[bytes]) -> None:
    cutter = StreamCutter(lambda *_: None, lambda _: None)
    cutter.channels = frozenset({0})
    pending = b""
    with suppress(ProtocolError):
        for piece in pieces:
            pending += piece
            pending = pending[cutter.cut(memoryview(pending), len(pending)) :]
