"""The RTSP client: logins, refusals, addresses, and cutting the connection's bytes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.errors import ProtocolError
from common.protocols.rtsp.client import RtspClient, parse_transport
from common.protocols.rtsp.messages import BUFFER_BYTES, Message, StreamCutter
from common.protocols.rtsp.refusals import NoSuchStream, Redirected, TransportRefused, WrongPassword
from common.protocols.sdp import parse_sdp

DIGEST = 'Digest realm="cam", nonce="abc", algorithm=MD5, qop="auth"'


def answer(status: int, **headers: str) -> Message:
    return Message(status, "", "", {key.replace("_", "-"): [value] for key, value in headers.items()}, b"")


def header_of(request: bytes, name: str) -> str:
    return next(line.partition(": ")[2] for line in request.decode().split("\r\n") if line.startswith(name + ":"))


def test_digest_with_qop_is_computed_as_rfc_2617_says() -> None:
    client = RtspClient("rtsp://ignored:me@host/s", "user", "pass")
    assert b"ignored" not in client.request("DESCRIBE")
    again = client.answer(answer(401, www_authenticate=DIGEST))
    assert again is not None
    login = header_of(again, "Authorization")
    own = login.split('cnonce="')[1].split('"')[0]
    ha1 = hashlib.md5(b"user:cam:pass").hexdigest()
    ha2 = hashlib.md5(b"DESCRIBE:rtsp://host/s").hexdigest()
    right = hashlib.md5(f"{ha1}:abc:00000001:{own}:auth:{ha2}".encode()).hexdigest()
    assert f'response="{right}"' in login
    assert client.answer(answer(200)) is None


def test_wrong_password_is_refused_and_stale_nonce_is_not() -> None:
    client = RtspClient("rtsp://host/s", "user", "pass")
    client.request("DESCRIBE")
    assert client.answer(answer(401, www_authenticate=DIGEST))
    assert client.answer(answer(401, www_authenticate=DIGEST + ", stale=true"))
    with pytest.raises(WrongPassword):
        client.answer(answer(401, www_authenticate=DIGEST))


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NoSuchStream), (302, Redirected), (461, TransportRefused), (403, WrongPassword)]
)
def test_each_refusal_has_its_own_type(status: int, kind: type[Exception]) -> None:
    client = RtspClient("rtsp://host/s", "", "")
    client.request("DESCRIBE")
    with pytest.raises(kind):
        client.answer(answer(status, location="rtsp://elsewhere/x"))


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://h/cam/", "track1", "rtsp://h/cam/track1"),
        ("rtsp://h/cam?x=1", "track1", "rtsp://h/cam?x=1/track1"),
        ("rtsp://h/cam", "*", "rtsp://h/cam"),
        ("rtsp://h/cam", "rtsp://10.0.0.9/cam/t", "rtsp://h/cam/t"),
    ],
)
def test_control_addresses(base: str, control: str, url: str) -> None:
    assert RtspClient("rtsp://h/cam", "", "").control_url(base, control) == url


def test_transport_and_session_timeout_are_read() -> None:
    agreed = parse_transport("RTP/AVP;unicast;client_port=1-2;server_port=5000-5001;ssrc=00AA")
    assert (agreed.server_port, agreed.ssrc, agreed.interleaved) == ((5000, 5001), 0xAA, (-1, -1))
    client = RtspClient("rtsp://h/", "", "")
    client.request("SETUP")
    client.answer(answer(200, session="12;timeout=30"))
    assert (client.session, client.timeout_s) == ("12", 30)
    assert header_of(client.request("PLAY"), "Session") == "12"


FRAMES = st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=300)), max_size=12)


@given(FRAMES, st.integers(1, 200))
def test_frames_and_answers_do_not_depend_on_how_tcp_cuts_the_stream(
    frames: list[tuple[int, bytes]], step: int
) -> None:
    reply = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\n$$$$"
    wire = b"".join(b"$" + bytes((c,)) + len(p).to_bytes(2, "big") + p + reply for c, p in frames)
    got: list[tuple[int, bytes]] = []
    messages: list[Message] = []
    cutter = StreamCutter(lambda c, b, s, e: got.append((c, bytes(b[s:e]))), messages.append)
    cutter.channels = frozenset({0, 1})
    pending = b""
    for at in range(0, len(wire), step):
        pending += wire[at : at + step]
        pending = pending[cutter.cut(memoryview(pending), len(pending)) :]
    assert got == frames
    assert [message.body for message in messages] == [b"$$$$"] * len(frames)


def test_endless_heads_and_bodies_are_refused() -> None:
    cutter = StreamCutter(lambda *_: None, lambda _: None)
    endless = b"RTSP/1.0 200 OK\r\n" + b"a" * BUFFER_BYTES
    with pytest.raises(ProtocolError):
        cutter.cut(memoryview(endless), len(endless))
    huge = b"RTSP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n"
    with pytest.raises(ProtocolError):
        cutter.cut(memoryview(huge), len(huge))


def test_session_description_of_a_camera() -> None:
    session = parse_sdp(
        b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
        b"a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IA,aM4=\r\nm=audio 0 RTP/AVP 8\r\na=control:2\r\n"
    )
    video, audio = session.media
    assert (video.encoding, video.control, video.parameters["sprop-parameter-sets"]) == (
        "H264",
        "trackID=1",
        "Z0IA,aM4=",
    )
    assert (audio.encoding, audio.clock_hz) == ("PCMA", 8000)
