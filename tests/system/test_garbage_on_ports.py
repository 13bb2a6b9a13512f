"""A thousand garbage inputs to each port of a running site: nothing falls over, and a viewer's picture goes on."""

import asyncio
import itertools
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from common.protocols.media_channel.messages import Subscribe
from tests.support.running_site import RunningSite, running_site
from tests.support.site_viewer import site_viewer

pytestmark = pytest.mark.integration

INPUTS = 1000
AT_ONCE = 20
MOST_GROWTH_BYTES = 150 << 20
UPGRADE = (
    b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: vedette.media.v1\r\n\r\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        running.client.add_hardware(running.recorder.id, "simulator:yard", name="Yard")
        yield running


def masked(opcode: int, data: bytes, key: bytes) -> bytes:
    """A client's WebSocket frame (RFC 6455, section 5.2), of up to 125 bytes."""
    body = bytes(byte ^ key[at & 3] for at, byte in enumerate(data[:125]))
    return bytes((0x80 | opcode, 0x80 | len(body))) + key + body


def garbage(chosen: random.Random) -> bytes:
    """Bytes that begin like something, or like nothing."""
    noise = chosen.randbytes(chosen.randint(0, 1500))
    key = chosen.randbytes(4)
    text = b'{"op":"subscribe","sub":' + str(chosen.randint(-5, 2**40)).encode() + b',"device":{}}'
    return chosen.choice(
        [
            noise,
            b"GET " + noise + b"\r\n\r\n",
            b"POST /idp/connect/token HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + noise,
            b"\x16\x03\x01" + noise,
            b"<methodcall>" + noise,
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000,
            UPGRADE + noise,
            UPGRADE + masked(1, noise, key),
            UPGRADE + masked(2, noise, key),
            UPGRADE + masked(1, text, key),
            UPGRADE + masked(1, b'{"op":"authenticate","token":"' + b"a" * 60 + b'"}', key) + masked(1, text, key),
        ]
    )


async def send(address: tuple[str, int], data: bytes, context: ssl.SSLContext | None) -> None:
    """Send it and read what comes until the server closes or a moment has passed; any end is fine."""
    try:
        async with asyncio.timeout(15):
            reader, writer = await asyncio.open_connection(*address, ssl=context)
            try:
                writer.write(data)
                await writer.drain()
                async with asyncio.timeout(0.2):
                    while await reader.read(65_536):
                        pass
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, ssl.SSLError):
        return


async def bombard(address: tuple[str, int], context: ssl.SSLContext, seed: int) -> None:
    chosen = random.Random(seed)
    waiting = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with waiting:
            await send(address, garbage(chosen), context if number % 3 else None)

    async with asyncio.TaskGroup() as tasks:
        for number in range(INPUTS):
            tasks.create_task(one(number))


def memory_bytes(site: RunningSite) -> dict[int, int]:
    processes = psutil.Process(site.pid).children(recursive=True)
    return {process.pid: process.memory_info().rss for process in processes}


@pytest.mark.parametrize("daemon", ["recording", "management"])
async def test_garbage_hurts_neither_the_server_nor_a_viewer(site: RunningSite, daemon: str) -> None:
    address = urlsplit(site.told[daemon]["media" if daemon == "recording" else "https"])
    host = "127.0.0.1"
    assert address.port is not None
    (camera,) = site.client.cameras()
    before = memory_bytes(site)
    async with site_viewer(site) as viewer:
        assert viewer.connection is not None
        viewer.connection.send(Subscribe(1, camera.id))
        await viewer.until(lambda: len(viewer.units) > 10)
        context = site.tls()
        context.check_hostname = False
        await bombard((host, address.port), context, seed=len(daemon))
        seen = len(viewer.units)
        await viewer.until(lambda: len(viewer.units) > seen + 25)
        numbers = [record.sequence for record in viewer.media]
        assert [b - a for a, b in itertools.pairwise(numbers)] == [1] * (len(numbers) - 1)
    after = memory_bytes(site)
    assert set(after) == set(before)  # nobody died and was started again
    assert all(after[pid] - before[pid] < MOST_GROWTH_BYTES for pid in before)
    with socket.create_connection((host, address.port), timeout=5):
        assert site.client.cameras()  # and management still answers


def test_nothing_of_it_reached_the_log_as_a_traceback(site: RunningSite) -> None:
    logs = Path(site.told["management"]["ca"]).parents[1] / "logs"
    files = list(logs.glob("*.log"))
    assert files
    assert not [file.name for file in files if "Traceback" in file.read_text()]
