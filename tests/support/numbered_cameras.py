"""Cameras whose pictures say which they are, so that a test knows what was sent and finds each one again.

Every client gets its own stream from `rtsp://127.0.0.1:PORT/NAME/gopN`: 25 pictures a second, a keyframe every N
pictures. A picture is one NAL unit that no decoder could show; a recorder does not look into it.
"""

import asyncio
import base64
import itertools
import re
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.camera_farm import SSRC, answer, payloads, request
from tests.support.media_samples import video_sample

FPS = 25
_NUMBER = struct.Struct(">IIB")  # connection, picture; the last byte is never the end of a NAL unit
_LENGTH_BYTES = 4


@dataclass(slots=True)
class Sent:
    """What went out on one connection: pictures 0 to `pictures` - 1."""

    camera: str
    gop: int
    pictures: int = 0


def numbers(unit: bytes) -> tuple[int, int]:
    """Return connection and picture of a recorded access unit (length-prefixed NAL units)."""
    at = 0
    while True:
        size = int.from_bytes(unit[at : at + _LENGTH_BYTES], "big")
        if unit[at + _LENGTH_BYTES] & 31 in (1, 5):
            connection, number, _ = _NUMBER.unpack_from(unit, at + _LENGTH_BYTES + 2)
            return connection, number
        at += _LENGTH_BYTES + size


class NumberedCameras:
    """A server of such cameras. `sent` has an entry for each connection, by its number."""

    def __init__(self, picture_bytes: int = 4000) -> None:
        self.port = 0
        self.sent: dict[int, Sent] = {}
        self._connections = itertools.count(1)
        self._writers: set[asyncio.StreamWriter] = set()
        self._filling = bytes(range(1, 251)) * (picture_bytes // 250 + 1)
        self._picture_bytes = picture_bytes
        config, _ = video_sample()
        self._sets = _parameter_sets(config.record)
        sprop = ",".join(base64.b64encode(nal).decode() for nal in self._sets)
        self._sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=numbered\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
            f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            "a=control:video\r\n"
        ).encode()

    def url(self, name: str, gop: int) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{name}/gop{gop}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's requests, and send to it from PLAY on."""
        sending: asyncio.Task[None] | None = None
        self._writers.add(writer)
        try:
            while asked := await request(reader):
                method, url, headers = asked
                writer.write(answer(method, url, headers, self._sdp))
                if method == "PLAY":
                    sending = asyncio.create_task(self._play(writer, url))
                if method == "TEARDOWN":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went away
        finally:
            if sending is not None:
                sending.cancel()
            self._writers.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _play(self, writer: asyncio.StreamWriter, url: str) -> None:
        found = re.search(r"/([^/]+)/gop(\d+)", url)
        assert found is not None, url
        connection, sent = next(self._connections), Sent(found[1], int(found[2]))
        self.sent[connection] = sent
        sequence, began_s = 0, time.monotonic()
        while not writer.transport.is_closing():
            wire = bytearray()
            keyframe = sent.pictures % sent.gop == 0
            body = _NUMBER.pack(connection, sent.pictures, 1) + self._filling[: self._picture_bytes]
            nal = (b"\x65\x88" if keyframe else b"\x41\x9a") + body
            ticks = sent.pictures * 90_000 // FPS & 0xFFFFFFFF
            for marker, payload in payloads([*self._sets, nal] if keyframe else [nal]):
                head = (0x24, 0, 12 + len(payload), 0x80, marker << 7 | 96, sequence & 0xFFFF, ticks, SSRC)
                wire += struct.pack(">BBHBBHII", *head) + payload
                sequence += 1
            writer.write(bytes(wire))
            sent.pictures += 1
            await asyncio.sleep(max(0.0, began_s + sent.pictures / FPS - time.monotonic()))


def _parameter_sets(avcc: bytes) -> list[bytes]:
    """The SPS and PPS of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) with one of each."""
    sps_size = int.from_bytes(avcc[6:8], "big")
    pps_at = 8 + sps_size + 1
    pps_size = int.from_bytes(avcc[pps_at : pps_at + 2], "big")
    return [avcc[8 : 8 + sps_size], avcc[pps_at + 2 : pps_at + 2 + pps_size]]


@asynccontextmanager
async def numbered_cameras(picture_bytes: int = 4000) -> AsyncIterator[NumberedCameras]:
    """Serve in this process, on a free port."""
    cameras = NumberedCameras(picture_bytes)
    server = await asyncio.start_server(cameras.serve, "127.0.0.1", 0)
    cameras.port = server.sockets[0].getsockname()[1]
    async with server:
        yield cameras
        cameras.hang_up()
