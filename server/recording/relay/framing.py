"""How messages and records are cut out of the byte stream between an engine and the gateway.

A frame is one byte kind, a u32 little-endian length, and that many bytes: kind 0 is a JSON text message and kind 1 is
binary records, both exactly as on the media channel.
"""

import struct

from common.foundation.errors import ProtocolError
from common.protocols.media_channel.records import MOST_MESSAGE_BYTES

TEXT = 0
BINARY = 1
_PREFIX = struct.Struct("<BI")


def prefix(kind: int, size_bytes: int) -> bytes:
    """What stands before a frame's `size_bytes`."""
    return _PREFIX.pack(kind, size_bytes)


def text_frame(text: str) -> bytes:
    data = text.encode()
    return prefix(TEXT, len(data)) + data


class FrameReader:
    """Cuts frames out of received bytes. Holds at most one frame of 16 MiB and what came with its end."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (kind, content) of the frames that `data` completes; raise ProtocolError on what starts none."""
        pending = self._pending
        pending += data
        frames: list[tuple[int, bytes]] = []
        at = 0
        while len(pending) - at >= _PREFIX.size:
            kind, size = _PREFIX.unpack_from(pending, at)
            if kind > BINARY or size > MOST_MESSAGE_BYTES:
                raise ProtocolError(f"frame of kind {kind} and {size} bytes between engine and gateway")
            start = at + _PREFIX.size
            if len(pending) - start < size:
                break
            frames.append((kind, bytes(memoryview(pending)[start : start + size])))
            at = start + size
        if at:
            del pending[:at]
        return frames
