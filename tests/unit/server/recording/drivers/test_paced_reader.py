"""Reading many sockets together: everything arrives, in order, and nobody's end disturbs another."""

import asyncio
import os
import socket

from server.recording.drivers.paced_reader import PacedReader


class Reading:
    def __init__(self, reader: PacedReader, end: socket.socket) -> None:
        self._reader, self._end = reader, end
        self.got = b""
        self.over = False
        reader.add(end.fileno(), self)

    def read_into(self, buffer: memoryview) -> None:
        count = os.readv(self._end.fileno(), (buffer,))
        self.got += bytes(buffer[:count])
        if not count:
            self.over = True
            self._reader.remove(self._end.fileno())


async def until(reached: object) -> None:
    assert callable(reached)
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.005)


async def test_all_sockets_are_read_and_one_that_ends_is_let_go() -> None:
    pairs = [socket.socketpair() for _ in range(20)]
    async with PacedReader(pace_s=0.002) as reader:
        readings = [Reading(reader, ours) for ours, _ in pairs]
        for turn in range(10):
            for number, (_, theirs) in enumerate(pairs):
                theirs.sendall(bytes([turn, number]))
            await asyncio.sleep(0.001)
        pairs[3][1].close()
        await until(lambda: readings[3].over)
        pairs[4][1].sendall(b"more")
        await until(lambda: readings[4].got.endswith(b"more"))
    for number, reading in enumerate(readings):
        assert reading.got[:20] == b"".join(bytes([turn, number]) for turn in range(10))
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_a_quiet_engine_reads_at_once_and_again_after_a_pause() -> None:
    ours, theirs = socket.socketpair()
    async with PacedReader(pace_s=0.01) as reader:
        reading = Reading(reader, ours)
        for turn in range(3):
            theirs.sendall(b"x")
            await until(lambda turn=turn: len(reading.got) == turn + 1)
            await asyncio.sleep(0.03)  # longer than the pace: it listens again
        reader.remove(ours.fileno())
        reader.remove(ours.fileno())
    ours.close()
    theirs.close()


async def test_a_socket_removed_by_its_neighbour_in_the_same_turn_is_not_read() -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    async with PacedReader() as reader:
        read: list[int] = []

        class Selfish:
            def __init__(self, own: int) -> None:
                self.own = own

            def read_into(self, buffer: memoryview) -> None:
                read.append(self.own)
                for ours, _ in pairs:
                    reader.remove(ours.fileno())

        for number, (ours, theirs) in enumerate(pairs):
            theirs.sendall(b"x")
            reader.add(ours.fileno(), Selfish(number))
        await until(lambda: read)
        await asyncio.sleep(0.03)
        assert len(read) == 1
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_a_busy_engine_looks_only_now_and_then() -> None:
    pairs = [socket.socketpair() for _ in range(20)]
    turns: list[int] = []

    class Counting:
        def __init__(self, end: socket.socket) -> None:
            self.end = end

        def read_into(self, buffer: memoryview) -> None:
            os.readv(self.end.fileno(), (buffer,))
            turns.append(1)

    async with PacedReader(pace_s=0.05) as reader:
        for ours, _ in pairs:
            reader.add(ours.fileno(), Counting(ours))
        async with asyncio.timeout(20):
            waited = False
            while not waited:  # until what was sent is found unread a moment later
                for _, theirs in pairs:
                    theirs.sendall(b"x")
                before = len(turns)
                await asyncio.sleep(0.002)
                waited = len(turns) == before and before > 0
            while len(turns) == before:
                await asyncio.sleep(0.005)
        for ours, _ in pairs:
            reader.remove(ours.fileno())
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
