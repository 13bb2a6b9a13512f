"""Cheap viewers of a live camera: they read the media channel and count pictures, and decode nothing.

`python -m tests.support.counting_viewers --port P --device ID --viewers N [--tls] [--asleep K] [--bare]` connects,
prints `READY` when each viewer has its first picture, and counts from then on. A line on standard input ends it: it
prints one JSON object of what came and what is missing in between, by the pictures' own times. `--asleep`: so many
further viewers subscribe, and read nothing after their first picture.
"""

import argparse
import asyncio
import json
import ssl
import struct
import sys

import uvloop

from common.protocols.media_channel.messages import PATH, SUBPROTOCOL, Subscribe, encode
from common.protocols.media_channel.records import HEADER, HEADER_BYTES, RecordKind

FRAME_TICKS = 3600
BUFFER_BYTES = 1 << 18
CONNECT_AT_ONCE = 20


def masked(text: str) -> bytes:
    """A text message as a client sends it (RFC 6455, 5.2), masked with zeros."""
    data = text.encode()
    assert len(data) < 65_536
    head = bytes((0x81, 0x80 | len(data))) if len(data) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(data))
    return head + bytes(4) + data


class CountingViewer(asyncio.BufferedProtocol):
    """One connection. All share a buffer: what is read is looked at before the next one reads."""

    buffer = memoryview(bytearray(BUFFER_BYTES))

    def __init__(self, device: str, bare: bool, asleep: bool) -> None:
        self._device, self._bare, self._asleep = device, bare, asleep
        self._answered = bare
        self._pending = b""  # the beginning of a head
        self._message_left = 0  # bytes of the message that is being read
        self._payload_left = 0  # of the record that is being read
        self._binary = False
        self.transport: asyncio.Transport | None = None
        self.first = asyncio.get_running_loop().create_future()
        self.pictures = self.size_bytes = self.missing = self.dropped = 0
        self.last_pts = -1
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        lines = ["GET " + PATH + " HTTP/1.1", "Host: bench", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Protocol: " + SUBPROTOCOL, "Authorization: Bearer viewers", "", ""]
        self.transport.write("\r\n".join(lines).encode())  # type: ignore[union-attr]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def get_buffer(self, sizehint: int) -> memoryview:
        self.buffer[: len(self._pending)] = self._pending
        return self.buffer[len(self._pending) :]

    def buffer_updated(self, nbytes: int) -> None:
        end = len(self._pending) + nbytes
        self.size_bytes += nbytes
        at = 0 if self._answered else self._skip_answer(end)
        while at < end:
            used = self._step(at, end)
            if not used:
                break
            at += used
        self._pending = bytes(self.buffer[at:end])

    def _skip_answer(self, end: int) -> int:
        found = bytes(self.buffer[:end]).find(b"\r\n\r\n")
        if found < 0:
            return 0
        assert bytes(self.buffer[9:12]) == b"101", bytes(self.buffer[:end])
        self._answered = True
        self.transport.write(masked(encode(Subscribe(1, self._device))))  # type: ignore[union-attr, arg-type]
        return found + 4

    def _step(self, at: int, end: int) -> int:
        """Look at what begins at `at`; return how many bytes that was, 0 when more must come first."""
        if self._payload_left:
            used = min(self._payload_left, end - at)
            self._payload_left -= used
            self._message_left -= used
            return used
        if self._message_left:
            if not self._binary:
                used = min(self._message_left, end - at)
                self.dropped += bytes(self.buffer[at : at + used]).count(b'"dropped"')
                self._message_left -= used
                return used
            if end - at < HEADER_BYTES:
                return 0
            kind, _, _, _, _, size, _, pts, _, _ = HEADER.unpack_from(self.buffer, at)
            self._message_left -= HEADER_BYTES
            self._payload_left = size
            if kind == RecordKind.VIDEO:
                self._picture(pts)
            return HEADER_BYTES
        return self._message(at, end)

    def _message(self, at: int, end: int) -> int:
        if end - at < 2:
            return 0
        short = self.buffer[at + 1]
        head = 2 + {126: 2, 127: 8}.get(short, 0)
        if end - at < head:
            return 0
        size = short if head == 2 else int.from_bytes(self.buffer[at + 2 : at + head], "big")
        kind = self.buffer[at] & 15
        if kind == 9:  # a ping is answered (RFC 6455, 5.5.2), else the recorder sends us away
            if end - at < head + size:
                return 0
            body = bytes(self.buffer[at + head : at + head + size])
            self.transport.write(bytes((0x8A, 0x80 | size)) + bytes(4) + body)  # type: ignore[union-attr]
            return head + size
        self._binary = kind == 2
        self._message_left = size
        return head

    def _picture(self, pts: int) -> None:
        self.pictures += 1
        if self.last_pts >= 0:
            self.missing += (pts - self.last_pts) // FRAME_TICKS - 1
        self.last_pts = pts
        if not self.first.done():
            self.first.set_result(None)
            if self._asleep:
                self.transport.pause_reading()  # type: ignore[union-attr]


async def run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    viewers: list[CountingViewer] = []
    gate = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def connect(asleep: bool) -> None:
        async with gate:
            _, viewer = await loop.create_connection(
                lambda: CountingViewer(options.device, options.bare, asleep), "127.0.0.1", options.port, ssl=context
            )
            viewers.append(viewer)
            await viewer.first

    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        for number in range(options.viewers + options.asleep):
            tasks.create_task(connect(number >= options.viewers))
    awake = [viewer for viewer in viewers if not viewer._asleep]
    print("READY", flush=True)
    for viewer in awake:
        viewer.pictures = viewer.size_bytes = viewer.missing = viewer.dropped = 0
    await loop.run_in_executor(None, sys.stdin.readline)
    print(
        json.dumps(
            {
                "pictures": sum(viewer.pictures for viewer in awake),
                "fewest": min(viewer.pictures for viewer in awake),
                "missing": sum(viewer.missing for viewer in awake),
                "dropped": sum(viewer.dropped for viewer in awake),
                "lost": sum(viewer.lost for viewer in awake),
                "size_bytes": sum(viewer.size_bytes for viewer in awake),
            }
        ),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", default="")
    parser.add_argument("--viewers", type=int, default=1)
    parser.add_argument("--asleep", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--bare", action="store_true")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
