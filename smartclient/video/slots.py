"""A tile's pictures in memory that a decoder process and the GUI share: three buffers, one writer, one reader.

The writer fills a buffer that is neither published nor held by the reader, then publishes it in one 8-byte store. The
reader says which buffer it holds before it paints, and looks again whether that is still the published one; each buffer
also has a sequence lock (odd while it is written), so a picture torn by a missed hand-shake is seen and not taken.

Layout, all words i64 in the machine's byte order: word 0 magic, 1 published = count * 4 + buffer index, 2 held index
(-1: none), 3 bytes of one buffer, 4 whether the decoder is at work on this tile's stream; buffer headers of 10 words at
word 8, 18, 28; pictures (BGRA) from byte 4096 on.
"""

import contextlib
import mmap
import os
import struct
import time
from dataclasses import dataclass
from enum import IntFlag

from common.foundation.clock import UtcUs

_MAGIC = 0x5645_4445_5454_4531
_PUBLISHED, _HELD, _BUFFER_BYTES, _WORKING = 1, 2, 3, 4
_HEADERS_AT, _HEADER_WORDS = 8, 10
_PICTURES_AT_BYTES = 4096
_HEADER = struct.Struct("=8q")  # of a buffer, behind its sequence lock
BUFFERS = 3
MOST_PICTURE_BYTES = 3840 * 2160 * 4
_PAGE = mmap.PAGESIZE


class PictureFlags(IntFlag):
    PREROLL = 1  # from the recorder's cache: older than what is live
    TARGET = 2  # the picture that a seek or step asked for
    RECORDED = 4


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What the header says of a picture. `shown_us` is the monotonic clock when it was published."""

    generation: int
    width_px: int
    height_px: int
    utc_us: UtcUs
    flags: PictureFlags
    decode_us: int
    shown_us: int
    number: int = 0  # counts the slot's pictures
    buffer: int = 0  # which of the slot's buffers it is in

    @property
    def size_bytes(self) -> int:
        return self.width_px * self.height_px * 4


_FLAGS = tuple(PictureFlags(value) for value in range(8))  # making one costs more than all else that `take` does


def slot_bytes(picture_bytes: int) -> int:
    """Bytes of memory for a slot whose pictures have at most `picture_bytes`."""
    return _PICTURES_AT_BYTES + BUFFERS * _rounded(picture_bytes)


def _rounded(picture_bytes: int) -> int:
    return (picture_bytes + _PAGE - 1) // _PAGE * _PAGE


def new_memory(size_bytes: int) -> int:
    """Return a descriptor of anonymous shared memory: it has no name, so nothing is left behind by a kill."""
    descriptor = os.memfd_create("vedette", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, size_bytes)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class _Slot:
    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0)
        self._bytes = memoryview(self._map)
        self._words = self._bytes[:_PICTURES_AT_BYTES].cast("q")

    def close(self) -> None:
        """Unmap; a picture that is still held keeps the memory until it goes."""
        self._words.release()
        self._bytes.release()
        with contextlib.suppress(BufferError):  # then the last view unmaps it
            self._map.close()

    @property
    def capacity_bytes(self) -> int:
        """Most bytes of one picture."""
        return self._words[_BUFFER_BYTES]

    def _header(self, index: int) -> int:
        return _HEADERS_AT + index * _HEADER_WORDS

    def _picture(self, index: int, size_bytes: int) -> memoryview:
        start = _PICTURES_AT_BYTES + index * self._words[_BUFFER_BYTES]
        return self._bytes[start : start + size_bytes]


class SlotWriter(_Slot):
    """The decoder's end. `descriptor` is mapped and may be closed afterwards."""

    def begin(self, size_bytes: int) -> tuple[int, memoryview]:
        """Return a free buffer's index and its first `size_bytes`; `publish` must follow. Raises ValueError when it is
        too small: the size of the tile changed and the picture is of the old one."""
        if size_bytes > self.capacity_bytes:
            raise ValueError(f"picture of {size_bytes} bytes in a slot for {self.capacity_bytes}")
        taken = (self._words[_PUBLISHED] & 3 if self._words[_PUBLISHED] else -1, self._words[_HELD])
        index = next(i for i in range(BUFFERS) if i not in taken)
        self._words[self._header(index)] |= 1
        return index, self._picture(index, size_bytes)

    def working(self, at_work: bool) -> None:
        """Mark that the decoder is about to touch this tile's stream, or is done: who died over it is known then."""
        self._words[_WORKING] = at_work

    def publish(self, index: int, info: PictureInfo) -> None:
        """Show the buffer that `begin` gave."""
        at, words = self._header(index), self._words
        number = (words[_PUBLISHED] >> 2) + 1
        _HEADER.pack_into(
            self._map,
            (at + 1) * 8,
            info.generation,
            info.width_px,
            info.height_px,
            info.utc_us,
            info.flags,
            info.decode_us,
            info.shown_us,
            number,
        )
        words[at] = (words[at] | 1) + 1
        words[_PUBLISHED] = number << 2 | index


class SlotReader(_Slot):
    """The GUI's end. A picture it took stays whole until it takes the next."""

    @classmethod
    def create(cls, picture_bytes: int) -> tuple["SlotReader", int]:
        """Make a slot; the second value is the descriptor to hand to the writer, and to close then."""
        picture_bytes = min(picture_bytes, MOST_PICTURE_BYTES)
        descriptor = new_memory(slot_bytes(picture_bytes))
        reader = cls(descriptor)
        reader._words[_BUFFER_BYTES] = _rounded(picture_bytes)
        reader._words[_HELD] = -1
        reader._words[0] = _MAGIC
        return reader, descriptor

    @property
    def decoder_was_working(self) -> bool:
        """Whether the decoder is, or was when it died, at work on this tile's stream."""
        return self._words[_WORKING] != 0

    def new_writer(self) -> None:
        """Another decoder process takes over from one that died."""
        self._words[_WORKING] = 0

    def newer_than(self, number: int) -> bool:
        """Whether a picture later than `number` was published: cheap enough to ask 60 times a second."""
        return self._words[_PUBLISHED] >> 2 > number

    def take(self) -> tuple[PictureInfo, memoryview] | None:
        """Return the newest picture and hold its buffer until the next call; None when there is none (yet)."""
        words = self._words
        for _ in range(16):  # each turn lost means that a newer picture came meanwhile
            published = words[_PUBLISHED]
            if published == 0:
                return None
            index = published & 3
            words[_HELD] = index
            if words[_PUBLISHED] != published:
                continue
            at = self._header(index)
            lock, generation, width_px, height_px, utc_us, flags, decode_us, shown_us, number = words[at : at + 9]
            info = PictureInfo(
                generation, width_px, height_px, UtcUs(utc_us), _FLAGS[flags & 7], decode_us, shown_us, number, index
            )
            if lock & 1 or words[at] != lock or info.size_bytes > words[_BUFFER_BYTES]:
                continue
            return info, self._picture(index, info.size_bytes)
        return None


def monotonic_us() -> int:
    """CLOCK_MONOTONIC, which all processes of a machine share."""
    return time.monotonic_ns() // 1000
