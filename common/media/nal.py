"""NAL units of H.264 and H.265: cutting byte streams, length prefixes, emulation prevention.

Sources: ISO/IEC 14496-10, 7.3.1 and annex B; ISO/IEC 23008-2, 7.3.1 and annex B; ISO/IEC 14496-15, 5.3.4.
"""

from collections.abc import Iterable, Iterator

from common.foundation.errors import ProtocolError

_START = b"\x00\x00\x01"


def split_annex_b(data: bytes) -> list[bytes]:
    """Cut a byte stream at its start codes; what stands before the first one is ignored."""
    nals: list[bytes] = []
    at = data.find(_START)
    while at >= 0:
        begin = at + 3
        at = data.find(_START, begin)
        nal = data[begin : at if at >= 0 else len(data)].rstrip(b"\x00")  # trailing_zero_8bits
        if nal:
            nals.append(nal)
    return nals


def split_prefixed(data: bytes, length_bytes: int = 4) -> Iterator[bytes]:
    """Yield the NAL units of an access unit; raises ProtocolError when a length passes the end."""
    at = 0
    while at < len(data):
        begin = at + length_bytes
        at = begin + int.from_bytes(data[at:begin], "big")
        if begin > len(data) or at > len(data):
            raise ProtocolError("a NAL unit is longer than its access unit", peer="The camera")
        yield data[begin:at]


def prefixed(nals: Iterable[bytes]) -> bytes:
    """Join NAL units, each behind its length (u32 big-endian)."""
    parts: list[bytes] = []
    for nal in nals:
        parts.append(len(nal).to_bytes(4, "big"))
        parts.append(nal)
    return b"".join(parts)


def raw_payload(nal: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes (00 00 03 becomes 00 00)."""
    if b"\x00\x00\x03" not in nal:
        return nal
    parts: list[bytes] = []
    begin = 0
    at = nal.find(b"\x00\x00\x03")
    while at >= 0:
        parts.append(nal[begin : at + 2])
        begin = at + 3
        at = nal.find(b"\x00\x00\x03", begin)
    parts.append(nal[begin:])
    return b"".join(parts)
