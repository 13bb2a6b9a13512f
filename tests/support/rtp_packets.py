"""Cuts access units into RTP packets as a camera would (RFC 6184, RFC 7798)."""

from struct import pack

from common.media import h265
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.nal import split_prefixed


def sets_of(config: CodecConfig) -> list[bytes]:
    """Parameter sets of a configuration record, by looking for their lengths."""
    record = config.record
    if config.codec is Codec.H264:
        size = int.from_bytes(record[6:8], "big")
        sps, rest = record[8 : 8 + size], record[8 + size :]
        return [sps, rest[3 : 3 + int.from_bytes(rest[1:3], "big")]]
    found, at = [], 23
    for _ in range(record[22]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            found.append(record[at + 2 : at + 2 + size])
            at += 2 + size
    return [nal for nal in found if h265.nal_type(nal) in (h265.VPS, h265.SPS, h265.PPS)]


def packets(codec: Codec, units: tuple[AccessUnit, ...], most: int, sets: list[bytes]) -> list[bytes]:
    """Cut units into RTP packets of at most `most` payload bytes."""
    made: list[bytes] = []

    def send(payload: bytes, timestamp: int, marker: bool) -> None:
        number = (65_530 + len(made)) & 0xFFFF
        made.append(pack(">BBHII", 0x80, 96 | marker << 7, number, timestamp & 0xFFFFFFFF, 7) + payload)

    head = 1 if codec is Codec.H264 else 2
    for unit in units:
        nals = [*(sets if unit.keyframe else []), *split_prefixed(unit.data)]
        for place, nal in enumerate(nals):
            last = place == len(nals) - 1
            if len(nal) <= most:
                send(nal, unit.pts, last)
                continue
            body = nal[head:]
            for at in range(0, len(body), most):
                edge = (0x80 if at == 0 else 0) | (0x40 if at + most >= len(body) else 0)
                if codec is Codec.H264:
                    prefix = bytes((nal[0] & 0xE0 | 28, edge | nal[0] & 31))
                else:
                    prefix = bytes((nal[0] & 0x81 | 49 << 1, nal[1], edge | nal[0] >> 1 & 63))
                send(prefix + body[at : at + most], unit.pts, last and bool(edge & 0x40))
    return made
