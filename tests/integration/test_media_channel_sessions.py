"""Who may connect and what they may do: tokens, roles, limits, requests."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from common.clients.media import open_media_connection
from common.clients.media_keeping import keep_connected
from common.foundation.backoff import Backoff
from common.foundation.errors import NotSignedIn, ProtocolError
from common.protocols.media_channel.closing import MediaConnectionLost, TooManySubscriptions
from common.protocols.media_channel.messages import (
    SUBPROTOCOL,
    Authenticate,
    Done,
    Error,
    Hello,
    Probe,
    Record,
    Subscribe,
    decode_server,
    encode,
)
from server.recording.api import session
from server.recording.api.media_server import Limits
from tests.support.recorder_rig import CAMERA, Rig, Viewer, recorder_rig, viewing


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="vrig") as folder:
        async with recorder_rig(Path(folder), Limits(20, 10)) as running:
            yield running


async def http(rig: Rig, path: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: recorder\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head.partition("\r\n")[0], body


async def received_until_closed(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


def plain(rig: Rig, headers: dict[str, str], max_queue: int = 16) -> connect:
    return connect(
        rig.uri,
        additional_headers=headers,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        proxy=None,
        max_size=None,
        max_queue=max_queue,
        close_timeout=0.1,
    )


async def closed_with(rig: Rig, *texts: str, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with plain(rig, headers) as socket:
        for text in texts:
            await socket.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await received_until_closed(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize("uri", ['wss://["127.0.0.1"]:7563/media', "https://127.0.0.1/", "wss://:port/media", ""])
async def test_an_address_that_is_none_is_an_error_like_others(uri: str) -> None:
    with pytest.raises(ProtocolError):
        async with open_media_connection(uri, None, "token", Viewer()):
            pass


async def test_a_token_is_required_and_may_come_as_the_first_message(rig: Rig) -> None:
    assert await closed_with(rig, encode(Authenticate("stranger"))) == 4401
    assert await closed_with(rig, token="stranger") == 4401
    assert await closed_with(rig, encode(Subscribe(1, CAMERA))) == 4401
    async with plain(rig, {}) as socket:
        await socket.send(encode(Authenticate("viewers")))
        assert isinstance(decode_server(await socket.recv()), Hello)
    with pytest.raises(NotSignedIn):
        async with open_media_connection(rig.uri, None, "stranger", Viewer()):
            pass


async def test_without_a_token_in_time_the_connection_is_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SIGN_IN_S", 0.05)
    assert await closed_with(rig) == 4401


async def test_an_expired_token_closes_unless_renewed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "EXPIRY_GRACE_S", 0.0)
    async with viewing(rig.uri, "viewers:2") as (_, renewed), viewing(rig.uri, "viewers:2") as (late, _other):
        renewed.send(Authenticate("viewers"))
        await late.connection_ended()
        assert isinstance(late.failure(), NotSignedIn)
        renewed.send(Subscribe(1, CAMERA))
        assert not renewed.error


async def test_a_revoked_token_closes(rig: Rig) -> None:
    async with viewing(rig.uri) as (viewer, _), viewing(rig.uri, "operators") as (other, stays):
        rig.server.sign_out(["jti-viewers"])
        await viewer.connection_ended()
        assert isinstance(viewer.failure(), NotSignedIn)
        stays.send(Subscribe(1, CAMERA))
        await other.until_said("subscribed")


async def test_a_message_not_understood_closes_with_a_reason(rig: Rig) -> None:
    assert await closed_with(rig, "{}", token="viewers") == 4400
    async with viewing(rig.uri) as (viewer, connection):
        connection._requests.put_nowait(Hello(1, "x", 5))  # type: ignore[arg-type]
        await viewer.connection_ended()
        failure = viewer.failure()
        assert isinstance(failure, ProtocolError)
        assert "unknown op 'hello'" in str(failure)


async def test_the_257th_subscription_closes(rig: Rig) -> None:
    async with viewing(rig.uri) as (viewer, connection):
        for sub in range(256):
            connection.send(Subscribe(sub, CAMERA))
        await viewer.until_said("subscribed", 256)
        connection.send(Subscribe(256, CAMERA))
        await viewer.connection_ended()
        assert isinstance(viewer.failure(), TooManySubscriptions)


async def test_a_number_used_twice_ends_that_subscription(rig: Rig) -> None:
    async with viewing(rig.uri) as (viewer, connection):
        connection.send(Subscribe(1, CAMERA))
        connection.send(Subscribe(1, CAMERA))
        (error,) = await viewer.until_said("error")
        assert isinstance(error, Error)
        assert (error.sub, error.code) == (1, "bad_request")


async def test_only_administrators_and_operators_record_by_hand(rig: Rig) -> None:
    for token, allowed in (("viewers", False), ("operators", True), ("administrators", True)):
        async with viewing(rig.uri, token) as (viewer, connection):
            connection.send(Record(3, CAMERA, True))
            connection.send(Record(4, type(CAMERA)("nowhere"), True))
            await viewer.until(lambda v=viewer: len(v.said("done") + v.said("error")) == 2)  # type: ignore[misc]
            assert (Done(3) in viewer.messages) is allowed
            codes = {m.id: m.code for m in viewer.messages if isinstance(m, Error)}
            assert codes == {4: "not_found"} | ({} if allowed else {3: "not_permitted"})
    assert rig.manual.said == [(CAMERA, True), (CAMERA, True)]


async def test_only_administrators_probe(rig: Rig) -> None:
    for token, code in (("operators", "not_permitted"), ("administrators", "device")):
        async with viewing(rig.uri, token) as (viewer, connection):
            connection.send(Probe(9, "rtsp://192.0.2.1/"))
            (error,) = await viewer.until_said("error")
            assert isinstance(error, Error)
            assert (error.id, error.code) == (9, code)


async def test_http_shows_the_status_and_nothing_else(rig: Rig) -> None:
    line, body = await http(rig, "/")
    assert line == "HTTP/1.1 200 OK"
    assert set(json.loads(body)) == {"name", "id", "version", "media"}
    for path in ("/nothing", "/media/x", "//", "/%2e%2e/etc/passwd"):
        assert (await http(rig, path))[0].split()[1] == "404"
    assert (await http(rig, "/media"))[0].split()[1] in ("400", "426")


async def test_connections_of_one_address_are_limited(rig: Rig) -> None:
    open_ones = [await asyncio.open_connection("127.0.0.1", rig.server.port) for _ in range(10)]
    with pytest.raises(MediaConnectionLost):
        async with open_media_connection(rig.uri, None, "viewers", Viewer()):
            pass
    assert rig.server.refused_connections >= 1
    for _, writer in open_ones:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(10):
        while True:
            try:
                async with viewing(rig.uri):
                    break
            except MediaConnectionLost:
                await asyncio.sleep(0.01)


async def test_a_kept_connection_comes_back_and_is_told_of_each_end(rig: Rig) -> None:
    viewer, times = Viewer(), list[int]()

    async def token() -> str:
        return "viewers"

    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(
            keep_connected(rig.uri, None, token, viewer, lambda c: times.append(c.hello.version), retry=Backoff(0.01))
        )
        await viewer.until(lambda: len(times) == 1)
        rig.server.sign_out(["jti-viewers"])
        await viewer.until(lambda: len(times) == 2)
        assert len(viewer.ended) == 1
        assert isinstance(viewer.ended[0], NotSignedIn)
        keeping.cancel()
    assert viewer.ended[1:] == [None]


async def test_a_slow_viewer_loses_whole_gops_is_told_and_disturbs_nobody(rig: Rig) -> None:
    rig.announce()
    async with (
        viewing(rig.uri) as (good, connection),
        plain(rig, {"Authorization": "Bearer viewers"}, max_queue=1) as slow,
    ):
        connection.send(Subscribe(1, CAMERA))
        await good.until_said("state")
        await slow.send(encode(Subscribe(1, CAMERA)))
        texts: list[str] = []
        while '"subscribed"' not in "".join(texts):
            received = await slow.recv()
            assert isinstance(received, str)
            texts.append(received)
        number = 0
        for _ in range(60):  # 60 GOPs of 10 x 100 kB: more than any socket buffers
            for index in range(10):
                rig.publish(number, keyframe=index == 0, size_bytes=100_000)
                number += 1
            await good.until_units(number)
        assert good.numbers() == list(range(number))
        assert good.said("dropped") == []
        async with asyncio.timeout(30):
            while not any('"dropped"' in text for text in texts):
                received = await slow.recv()
                if isinstance(received, str):
                    texts.append(received)
