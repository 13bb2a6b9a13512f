"""Many cheap cameras for load: one H.264 clip at every path, over interleaved TCP, to any number of clients.

`python -m tests.support.camera_farm [--size 1920x1080] [--kbit 4000] [--gop 50]` prints `READY port` and serves any
`rtsp://127.0.0.1:port/PATH` until SIGTERM. Packets are made once a frame for all clients, so what is measured is the
reader. Clients take turns within a frame time rather than all at its start, as independent cameras would. It prints
`DROPPED n` when clients were too slow.
"""

import argparse
import asyncio
import base64
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import av
import uvloop

PAYLOAD_BYTES = 1400
SSRC = 0x5EED5EED
MOST_WAITING_BYTES = 4 << 20
TURNS = 8  # groups of clients within a frame time
NTP_EPOCH_S = 2_208_988_800


def clip(size: str, kbit: int, gop: int, fps: int) -> Path:
    """Encode 8 s of moving pattern with noise once."""
    path = Path(tempfile.gettempdir()) / f"vedette-farm-{size}-{kbit}-{gop}-{fps}.mp4"
    if not path.exists():
        fresh = path.with_name(f"{time.monotonic_ns()}.mp4")
        pattern = f"testsrc2=size={size}:rate={fps}:duration=8,noise=alls=10:allf=t"
        rate = ["-b:v", f"{kbit}k", "-maxrate", f"{kbit}k", "-bufsize", f"{kbit}k", "-g", str(gop), "-bf", "0"]
        coder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]
        call = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", pattern, *coder, *rate, str(fresh)]
        subprocess.run(call, check=True, stdin=subprocess.DEVNULL)
        fresh.rename(path)
    return path


def nal_units(path: Path) -> list[list[bytes]]:
    """NAL units of each access unit; the first has the parameter sets."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        units = []
        for packet in container.demux(stream):
            for filtered in to_annex_b.filter(packet) if packet.size else ():
                parts = bytes(filtered).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
                units.append([nal for nal in parts if nal])
    return units


def payloads(units: list[bytes]) -> list[tuple[bool, bytes]]:
    """RTP payloads of one access unit with their marker bits (RFC 6184: single NAL units and FU-A)."""
    found: list[tuple[bool, bytes]] = []
    for number, nal in enumerate(units):
        last = number == len(units) - 1
        if len(nal) <= PAYLOAD_BYTES:
            found.append((last, nal))
            continue
        pieces = [nal[at : at + PAYLOAD_BYTES - 2] for at in range(1, len(nal), PAYLOAD_BYTES - 2)]
        for index, piece in enumerate(pieces):
            start, end = index == 0, index == len(pieces) - 1
            header = bytes([nal[0] & 0xE0 | 28, start << 7 | end << 6 | nal[0] & 0x1F])
            found.append((last and end, header + piece))
    return found


class Farm:
    """The clip, and who watches it."""

    def __init__(self, units: list[list[bytes]], fps: int) -> None:
        self.fps = fps
        self.dropped = 0
        self._frames = [payloads(unit) for unit in units]
        self._clients: list[list[asyncio.StreamWriter]] = [[] for _ in range(TURNS)]
        sets = [nal for nal in units[0] if nal[0] & 31 in (7, 8)]
        sprop = ",".join(base64.b64encode(nal).decode() for nal in sets)
        self.sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=farm\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
            f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            "a=control:video\r\n"
        ).encode()

    def watch(self, writer: asyncio.StreamWriter) -> None:
        min(self._clients, key=len).append(writer)

    async def play(self) -> None:
        """Send for ever, paced by the monotonic clock."""
        sequence, began_s = 0, time.monotonic()
        number = 0
        while True:
            ticks = number * 90_000 // self.fps & 0xFFFFFFFF
            wire = bytearray()
            for marker, payload in self._frames[number % len(self._frames)]:
                head = (0x24, 0, 12 + len(payload), 0x80, marker << 7 | 96, sequence & 0xFFFF, ticks, SSRC)
                wire += struct.pack(">BBHBBHII", *head) + payload
                sequence += 1
            if number % (5 * self.fps) == 0:
                now_s = time.time() + NTP_EPOCH_S
                ntp = (int(now_s), int(now_s % 1 * 2**32))
                wire += struct.pack(">BBHBBHIIIIII", 0x24, 1, 28, 0x80, 200, 6, SSRC, *ntp, ticks, 0, 0)
            for turn, clients in enumerate(self._clients):
                self._send(bytes(wire), clients)
                due_s = began_s + (number + (turn + 1) / TURNS) / self.fps
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            number += 1

    def _send(self, wire: bytes, clients: list[asyncio.StreamWriter]) -> None:
        gone = [writer for writer in clients if writer.transport.is_closing()]
        for writer in gone:
            clients.remove(writer)
        for writer in clients:
            if writer.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
                self.dropped += 1
            else:
                writer.transport.write(wire)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's RTSP requests (RFC 2326)."""
        try:
            while asked := await request(reader):
                method, url, headers = asked
                writer.write(answer(method, url, headers, self.sdp))
                if method == "PLAY":
                    self.watch(writer)
                if method == "TEARDOWN":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went away
        finally:
            writer.close()


async def request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """Read the client's next request: method, URL and headers by lower-case name; None when it has left."""
    while first := await reader.read(1):
        if first == b"$":  # the client's RTCP
            head = await reader.readexactly(3)
            await reader.readexactly(int.from_bytes(head[1:], "big"))
            continue
        method, url, _ = (first + await reader.readline()).decode().split()
        headers = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return method, url, headers
    return None


def answer(method: str, url: str, headers: dict[str, str], sdp: bytes) -> bytes:
    """The response to a request: everything is granted, over TCP only."""
    cseq = f"CSeq: {headers.get('cseq', '0')}\r\n"
    if method == "SETUP" and "TCP" not in headers.get("transport", ""):
        return f"RTSP/1.0 461 Unsupported Transport\r\n{cseq}\r\n".encode()
    more, body = {
        "OPTIONS": ("Public: DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n", b""),
        "DESCRIBE": (f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n", sdp),
        "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n", b""),
    }.get(method, ("Session: 1\r\n", b""))
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"RTSP/1.0 200 OK\r\n{cseq}{more}{length}\r\n".encode() + body


async def run(options: argparse.Namespace) -> None:
    farm = Farm(nal_units(clip(options.size, options.kbit, options.gop, options.fps)), options.fps)
    server = await asyncio.start_server(farm.serve, "127.0.0.1", options.port, backlog=1024)
    print("READY", server.sockets[0].getsockname()[1], flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(farm.play())
        told = 0
        while True:
            await asyncio.sleep(1)
            if farm.dropped > told:
                told = farm.dropped
                print("DROPPED", told, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--kbit", type=int, default=4000)
    parser.add_argument("--gop", type=int, default=50)
    parser.add_argument("--fps", type=int, default=25)
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
