"""RTSP messages and the interleaved frames between them (RFC 2326, sections 6, 7 and 10.12)."""

from collections.abc import Callable
from dataclasses import dataclass

from common.foundation.errors import ProtocolError

MOST_HEAD_BYTES = 16_384
MOST_BODY_BYTES = 98_304
BUFFER_BYTES = 131_072  # holds the largest frame (65 539 bytes) and the largest message
_MOST_SKIPPED_BYTES = 1 << 20
_DOLLAR = 0x24


@dataclass(frozen=True, slots=True)
class Message:
    """A response (`status` > 0) or a camera's own request (`method`). Header names are in lower case.

    A header that came more than once has all its values, in order.
    """

    status: int
    reason: str
    method: str
    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header, empty when it did not come."""
        return self.headers.get(name, [""])[0]


def request_bytes(method: str, url: str, headers: dict[str, str]) -> bytes:
    """Write a request without a body; raises ProtocolError when a line break would slip into it."""
    lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ProtocolError("an RTSP request may not hold a line break", peer="The address")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


FrameRun = Callable[[memoryview, int, int], int]
"""Takes the frames from one place in the buffer on that need no cutter, and returns where they end."""


class StreamCutter:
    """Cuts a connection's bytes into interleaved frames and messages; holds none of them.

    `frame(channel, buffer, start, end)` is called for each frame, where it lies in the buffer: copy what you keep.
    Frames of a channel in `runs` are offered there first: the short way for most of a camera's packets.
    Bytes that start neither (some firmwares send a frame's rest after a wrong length) are skipped, to a limit.
    """

    def __init__(self, frame: Callable[[int, memoryview, int, int], None], message: Callable[[Message], None]) -> None:
        self._frame = frame
        self._message = message
        self._skipped_bytes = 0
        self.channels: frozenset[int] = frozenset()
        self.runs: dict[int, FrameRun] = {}

    def cut(self, buffer: memoryview, end: int) -> int:
        """Return how many of the first `end` bytes were used up; raise ProtocolError when it is no RTSP."""
        at = 0
        frame, runs = self._frame, self.runs
        while end - at >= 4:
            if buffer[at] == _DOLLAR:
                channel = buffer[at + 1]
                if channel in runs:
                    went = runs[channel](buffer, at, end)
                    if went > at:
                        at = went
                        continue
                stop = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
                if channel in self.channels:
                    if stop > end:
                        break
                    frame(channel, buffer, at + 4, stop)
                    at = stop
                    continue
            elif self._starts_message(buffer, at, end):
                used = self._cut_message(buffer, at, end)
                if used == 0:
                    break
                at += used
                continue
            at = self._skip(buffer, at, end)
        return at

    def _starts_message(self, buffer: memoryview, at: int, end: int) -> bool:
        start = bytes(buffer[at : min(at + 13, end)])
        if start[:4] == b"RTSP":
            return True
        word = start.partition(b" ")[0]
        return len(word) >= 4 and all(65 <= letter <= 90 or letter == 95 for letter in word)  # a request: OPTIONS ...

    def _cut_message(self, buffer: memoryview, at: int, end: int) -> int:
        """Hand on a message and return its length, or 0 when it is not whole yet."""
        look = bytes(buffer[at : min(end, at + MOST_HEAD_BYTES)])
        blank, blank_size = look.find(b"\r\n\r\n"), 4
        bare = look.find(b"\n\n")  # some cameras end lines with LF alone
        if bare >= 0 and (blank < 0 or bare < blank):
            blank, blank_size = bare, 2
        if blank < 0:
            if len(look) >= MOST_HEAD_BYTES:
                raise ProtocolError("an RTSP message has an endless head", peer="The camera")
            return 0
        method, status, reason, headers = _head(look[:blank])
        length = headers.get("content-length", ["0"])[0]
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > MOST_BODY_BYTES:
            raise ProtocolError(f"an RTSP message has a body of {length[:20]} bytes", peer="The camera")
        body_at = at + blank + blank_size
        stop = body_at + int(length)
        if stop > end:
            return 0
        self._message(Message(status, reason, method, headers, bytes(buffer[body_at:stop])))
        return stop - at

    def _skip(self, buffer: memoryview, at: int, end: int) -> int:
        """Return where the next frame or response may begin."""
        rest = bytes(buffer[at + 1 : end])
        found = [rest.find(bytes((_DOLLAR, channel))) for channel in self.channels] + [rest.find(b"RTSP/1.")]
        known = [place for place in found if place >= 0]
        skipped = 1 + (min(known) if known else max(0, len(rest) - 6))
        self._skipped_bytes += skipped
        if self._skipped_bytes > (_MOST_SKIPPED_BYTES if self.channels else 4096):
            raise ProtocolError("what comes is neither RTSP nor a stream", peer="The camera")
        return at + skipped


def _head(head: bytes) -> tuple[str, int, str, dict[str, list[str]]]:
    first, *lines = head.decode("utf-8", "replace").replace("\r", "").split("\n")
    headers: dict[str, list[str]] = {}
    last = ""
    for line in lines:
        if line[:1] in (" ", "\t") and last:
            headers[last][-1] += " " + line.strip()  # a folded line (RFC 2326, section 15)
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = name.strip().lower()
            headers.setdefault(last, []).append(value.strip())
    parts = first.split(None, 2)
    if first.startswith("RTSP"):
        if len(parts) < 2 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) == 3):
            raise ProtocolError(f"an RTSP answer begins with '{first[:40]}'", peer="The camera")
        return "", int(parts[1]), parts[2] if len(parts) > 2 else "", headers
    return parts[0], 0, "", headers
