"""One viewer's sender: the order of what goes out, when it goes out at once, and when it waits."""

import asyncio
from collections.abc import Sequence

import pytest

from common.foundation.clock import SystemClock, UtcUs
from common.protocols.media_channel.messages import Done
from common.protocols.media_channel.records import MediaRecord, RecordKind, unpack_all
from server.recording.api.sender import BATCH_BYTES, Sender
from server.recording.api.viewer_socket import frame_head


def record(number: int, size_bytes: int = 100) -> MediaRecord:
    return MediaRecord(RecordKind.VIDEO, 0, 0, 1, number, UtcUs(0), number, number, 90_000, bytes(size_bytes))


class Socket:
    """Keeps what is sent; has room when the test says so."""

    def __init__(self) -> None:
        self.sent: list[str | list[int]] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    @property
    def has_room(self) -> bool:
        return self.may_send.is_set()

    def send_text_now(self, text: str) -> None:
        self.sent.append(text)

    def send_media_now(self, parts: Sequence[bytes], size_bytes: int) -> None:
        message = b"".join(parts)
        assert len(message) == size_bytes
        self.sent.append([one.sequence for one in unpack_all(message)])

    async def send(self, message: str) -> None:
        self.sent.append(message)

    async def room(self) -> None:
        await self.may_send.wait()


class Items:
    """A source of what the test puts into it."""

    def __init__(self) -> None:
        self.items: list[str | MediaRecord] = []

    def take(self, most_bytes: int, now_s: float) -> list[str | MediaRecord]:
        taken: list[str | MediaRecord] = []
        size = 0
        while self.items and size < most_bytes:
            item = self.items.pop(0)
            size += 0 if isinstance(item, str) else item.size_bytes
            taken.append(item)
        return taken


async def until_sent(socket: Socket, count: int) -> None:
    async with asyncio.timeout(10):
        while len(socket.sent) < count:
            await asyncio.sleep(0)


async def test_a_picture_goes_out_in_the_call_that_brought_it_only_where_nothing_waits() -> None:
    socket, source, other = Socket(), Items(), Items()
    sender = Sender(socket, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sender.run())
        await asyncio.sleep(0)
        source.items = [record(1)]
        sender.wake_now(source)
        assert socket.sent == [[1]]
        sender.say(Done(7))
        source.items = [record(2)]
        sender.wake_now(source)
        assert socket.sent == [[1]]  # the text goes first
        await until_sent(socket, 3)
        assert isinstance(socket.sent[1], str)
        assert socket.sent[2] == [2]
        await asyncio.sleep(0)
        socket.may_send.clear()
        source.items = [record(3)]
        other.items = [record(4)]
        sender.wake_now(source)
        sender.wake_now(other)
        assert len(socket.sent) == 3  # the viewer does not read
        socket.may_send.set()
        await until_sent(socket, 4)
        assert socket.sent[3] == [3, 4]
        running.cancel()


async def test_texts_between_pictures_keep_their_place_and_large_batches_are_cut() -> None:
    socket, source = Socket(), Items()
    sender = Sender(socket, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sender.run())
        await asyncio.sleep(0)
        half = BATCH_BYTES // 2
        source.items = ["first", record(1), record(2), "second", record(3, half), record(4, half), record(5, half)]
        sender.wake_now(source)
        await until_sent(socket, 6)
        assert socket.sent == ["first", [1, 2], "second", [3], [4], [5]]
        running.cancel()


@pytest.mark.parametrize(("size", "head"), [(0, "8200"), (125, "827d"), (126, "827e007e"), (65_535, "827effff")])
def test_frame_heads_say_the_size_in_the_shortest_way(size: int, head: str) -> None:
    assert frame_head(0x82, size).hex() == head
    assert frame_head(0x82, 65_536).hex() == "827f0000000000010000"
