"""Garbage on the recorder's port: strangers are closed, and a good viewer beside them notices nothing."""

import asyncio
import contextlib
import random
import tempfile
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from common.protocols.media_channel.messages import SUBPROTOCOL, Subscribe
from server.recording.api.media_server import Limits
from tests.support.recorder_rig import CAMERA, recorder_rig, viewing

PROTOCOLS = [Subprotocol(SUBPROTOCOL)]
STARTS = [
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /media HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /media HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n",
    b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: !\r\n",
    b"GET / HTTP/9.9\r\n" + b"A: b\r\n" * 500,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"<?xml version='1.0'?><methodcall/>",
    b"OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"\x00" * 5000,
]


async def _stranger(port: int, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError):
        writer.write(chance.choice(STARTS) + chance.randbytes(chance.randint(0, 600)))
        await writer.drain()
        if chance.random() < 0.7:
            writer.write_eof()
            await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _bad_client(uri: str, chance: random.Random) -> None:
    """Gets through the upgrade, then sends what no viewer sends; must be closed with a code."""
    token = {"Authorization": "Bearer " + chance.choice(["viewers", "wrong", ""])}
    choices: list[str | bytes] = [chance.randbytes(50), "{", '{"op":"seek"}', '{"op":"authenticate"}', "x" * 70_000]
    garbage = chance.choice(choices)
    try:
        async with connect(
            uri, additional_headers=token, subprotocols=PROTOCOLS, compression=None, proxy=None
        ) as socket:
            await socket.send(garbage)
            while True:
                await socket.recv()
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else None
    except (WebSocketException, OSError):
        return
    assert code in (4400, 4401, 1009, 1007)


async def test_two_hundred_strangers_do_not_disturb_a_viewer() -> None:
    chance = random.Random(11)
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder), Limits(40, 40)) as rig:
            rig.announce()
            async with viewing(rig.uri) as (viewer, connection):
                connection.send(Subscribe(1, CAMERA))
                await viewer.until_said("state")
                for turn in range(25):
                    rig.publish(turn, keyframe=True)
                    async with asyncio.TaskGroup() as strangers:
                        for _ in range(7):
                            strangers.create_task(_stranger(rig.server.port, chance))
                        for _ in range(2):
                            strangers.create_task(_bad_client(rig.uri, chance))
                    await viewer.until_units(turn + 1)
                assert viewer.numbers() == list(range(25))
            async with viewing(rig.uri) as (late, other):
                other.send(Subscribe(1, CAMERA))
                await late.until_units(1)
