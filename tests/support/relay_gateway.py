"""A recorder's port as a process of its own, for measuring what live viewers cost: the real relay, sessions and TLS.

`python -m tests.support.relay_gateway --engine SOCKET --device ID [--certificate FILE --key FILE]` prints `READY port`
and serves until SIGTERM; every token `viewers` is believed. With `--bare BYTES` there is no recorder: each connection
is sent a finished WebSocket message of that many bytes 25 times a second, which is what the transport alone costs.
"""

import argparse
import asyncio
import ssl
import struct
import tempfile
from pathlib import Path

import uvloop

from common.foundation.clock import SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.net.tls import server_context
from common.protocols.media_channel.records import MediaRecord, RecordKind, pack
from server.recording.access import Access
from server.recording.api.devices import DeviceDirectory
from server.recording.api.listening import bound_socket
from server.recording.api.media_server import Limits, media_server
from server.recording.api.services import RecorderServices
from server.recording.playback.reading import recordings_pool
from server.recording.relay.upstream import EngineLink, LiveRelay
from server.recording.storages.lock_keeping import keeping_locks
from server.recording.storages.watching import StorageWatch
from tests.support.recorder_rig import (
    RECORDER,
    ListReader,
    Manual,
    NoProber,
    TestTokens,
    configuration,
    hardware,
    idle_exports,
)

FPS = 25


async def serve_relay(options: argparse.Namespace, tls: ssl.SSLContext | None) -> None:
    clock, device = SystemClock(), DeviceId(options.device)
    relay, link, devices, access = (
        LiveRelay(clock),
        EngineLink(Path(options.engine), clock),
        DeviceDirectory(),
        Access(),
    )
    recorded = hardware(camera={"id": device, "name": "Bench"}, microphone=None)
    devices.replace([recorded])
    access.replace(configuration(recorded))
    relay.place({device: link})
    async with recordings_pool(ListReader()) as recordings, asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run())
        with tempfile.TemporaryDirectory() as folder:
            async with keeping_locks(Path(folder), clock) as locks:
                services = RecorderServices(
                    RECORDER,
                    "Bench",
                    TestTokens(),
                    access,
                    devices,
                    relay,
                    recordings,
                    NoProber(),
                    Manual(),
                    idle_exports(Path(folder), clock),
                    locks,
                    StorageWatch(Path(folder), Path(folder), clock),
                    clock,
                )
                most = Limits(10_000, 10_000)
                async with media_server(services, bound_socket("127.0.0.1", 0), tls, most) as server:
                    print("READY", server.port, flush=True)
                    await asyncio.Event().wait()


class BareConnection(asyncio.Protocol):
    """Says nothing until asked anything, then is sent media."""

    def __init__(self, open_connections: set["BareConnection"]) -> None:
        self._open = open_connections
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)


async def serve_bare(size_bytes: int, tls: ssl.SSLContext | None) -> None:
    connections: set[BareConnection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BareConnection(connections), "127.0.0.1", 0, ssl=tls, backlog=1024)
    print("READY", server.sockets[0].getsockname()[1], flush=True)
    began_s, payload = loop.time(), bytes(size_bytes)
    number = 0
    while True:
        at = number * 90_000 // FPS
        record = pack(MediaRecord(RecordKind.VIDEO, 1, 0, 1, number, UtcUs(0), at, at, 90_000, payload))
        message = b"\x82\x7f" + struct.pack(">Q", len(record)) + record
        for connection in connections:
            assert connection.transport is not None
            connection.transport.write(message)
        number += 1
        await asyncio.sleep(max(0.0, began_s + number / FPS - loop.time()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--bare", type=int, default=0)
    options = parser.parse_args()
    tls = server_context(options.certificate, options.key) if options.certificate else None
    uvloop.run(serve_bare(options.bare, tls) if options.bare else serve_relay(options, tls))


if __name__ == "__main__":
    main()
