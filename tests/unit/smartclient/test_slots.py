"""A picture that the reader takes is whole, whatever the writer does meanwhile."""

import os
import subprocess
import sys
import textwrap

import pytest

from common.foundation.clock import UtcUs
from smartclient.video.slots import PictureFlags, PictureInfo, SlotReader, SlotWriter, new_memory, slot_bytes


def info(number: int, width_px: int = 64, height_px: int = 32) -> PictureInfo:
    return PictureInfo(number & 0xFFFF, width_px, height_px, UtcUs(number), PictureFlags(0), 5, number)


def write(writer: SlotWriter, value: int) -> None:
    index, pixels = writer.begin(64 * 32 * 4)
    pixels[:] = bytes([value & 0xFF]) * len(pixels)
    pixels.release()
    writer.publish(index, info(value))


def test_the_newest_picture_is_taken_with_its_header() -> None:
    reader, descriptor = SlotReader.create(64 * 32 * 4)
    writer = SlotWriter(descriptor)
    os.close(descriptor)
    assert reader.take() is None
    write(writer, 1)
    write(writer, 2)
    taken = reader.take()
    assert taken is not None
    assert (taken[0].utc_us, taken[0].number) == (2, 2)
    assert bytes(taken[1]) == b"\x02" * (64 * 32 * 4)
    taken[1].release()
    writer.close()
    reader.close()


def test_what_the_reader_holds_is_never_written_over() -> None:
    reader, descriptor = SlotReader.create(64 * 32 * 4)
    writer = SlotWriter(descriptor)
    os.close(descriptor)
    write(writer, 7)
    taken = reader.take()
    assert taken is not None
    for value in range(8, 40):
        write(writer, value)
        assert bytes(taken[1][:1]) == b"\x07"
        assert set(bytes(taken[1])) == {7}
    assert reader.newer_than(1)
    taken[1].release()
    writer.close()
    reader.close()


def test_a_picture_larger_than_the_slot_is_refused() -> None:
    reader, descriptor = SlotReader.create(100)
    writer = SlotWriter(descriptor)
    os.close(descriptor)
    with pytest.raises(ValueError, match="slot for 4096"):
        writer.begin(5000)
    writer.close()
    reader.close()


def test_no_torn_picture_from_another_process() -> None:
    """A writer process fills each picture with one value, as fast as it can: no taken picture shows two values."""
    reader, descriptor = SlotReader.create(320 * 180 * 4)
    program = textwrap.dedent(
        """
        import sys
        from smartclient.video.slots import *
        writer = SlotWriter(int(sys.argv[1]))
        for number in range(1, 3001):
            index, pixels = writer.begin(320 * 180 * 4)
            pixels[:] = bytes([number & 0xFF]) * len(pixels)
            pixels.release()
            writer.publish(index, PictureInfo(0, 320, 180, number, PictureFlags(0), 0, 0))
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(descriptor)], pass_fds=(descriptor,))
    os.close(descriptor)
    seen, last, ended = 0, 0, False
    while not ended or reader.newer_than(last):
        ended = process.poll() is not None
        if not reader.newer_than(last):
            continue
        taken = reader.take()
        if taken is None:
            continue
        header, pixels = taken
        values = bytes(pixels)
        assert values == values[:1] * len(values)
        assert values[0] == header.utc_us & 0xFF
        assert header.number > last
        last = header.number
        seen += 1
        pixels.release()
    assert process.wait() == 0
    assert last == 3000
    assert seen > 1
    reader.close()


def test_memory_has_no_name_to_leave_behind() -> None:
    descriptor = new_memory(slot_bytes(4096))
    try:
        assert "memfd" in os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
