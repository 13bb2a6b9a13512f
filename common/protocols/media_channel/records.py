"""The binary records of the media channel: a 40-byte header and one access unit or codec configuration (FORMAT.md)."""

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from common.foundation.clock import UtcUs
from common.foundation.errors import ProtocolError
from common.media.access_unit import AccessUnit, Codec, CodecConfig

HEADER = struct.Struct("<BBHIIIqqiI")  # kind flags generation sub sequence size utc pts pts-dts timescale
HEADER_BYTES = HEADER.size
MOST_PAYLOAD_BYTES = 16 * 1024 * 1024
MOST_CONFIG_BYTES = 64 * 1024
MOST_MESSAGE_BYTES = MOST_PAYLOAD_BYTES + HEADER_BYTES
"""One record of any size, or several small ones: a binary message is never larger."""


class RecordKind(IntEnum):
    CONFIG = 0
    VIDEO = 1
    AUDIO = 2
    METADATA = 3


class RecordFlags(IntFlag):
    KEYFRAME = 1
    DISCONTINUITY = 2  # first unit after a subscribe, seek, gap or drop
    DISPOSABLE = 4
    RECORDED = 8
    PREROLL = 16  # decode, do not show
    TARGET = 32  # the picture that a seek or step asked for
    END_OF_GOP = 64


_KNOWN_FLAGS = 127
_KINDS = tuple(RecordKind)  # by their numbers; asking the enumeration costs 1 us a record
_KEYFRAME, _DISPOSABLE = int(RecordFlags.KEYFRAME), int(RecordFlags.DISPOSABLE)


@dataclass(slots=True)
class MediaRecord:
    """One record. Never changed once made; not frozen because making one is on the hot path.

    `pts`, `dts` in ticks of `timescale` a second; `utc_us` is the recorder's wall time of presentation.
    """

    kind: RecordKind
    flags: int
    generation: int
    sub: int
    sequence: int
    utc_us: UtcUs
    pts: int
    dts: int
    timescale: int
    payload: bytes

    @property
    def size_bytes(self) -> int:
        return HEADER_BYTES + len(self.payload)

    def access_unit(self) -> AccessUnit:
        """The access unit of a record of kind video, audio or metadata."""
        return AccessUnit(
            self.payload,
            self.pts,
            self.dts,
            self.utc_us,
            self.flags & _KEYFRAME != 0,
            self.flags & _DISPOSABLE != 0,
        )


def header(record: MediaRecord) -> bytes:
    """The 40 bytes that stand before the payload."""
    return HEADER.pack(
        record.kind,
        record.flags,
        record.generation,
        record.sub,
        record.sequence & 0xFFFFFFFF,
        len(record.payload),
        record.utc_us,
        record.pts,
        record.pts - record.dts,
        record.timescale,
    )


def pack(record: MediaRecord) -> bytes:
    """Write one record."""
    return header(record) + record.payload


def pack_all(records: Iterable[MediaRecord]) -> bytes:
    """Write several records into one message, copying each payload once."""
    parts: list[bytes] = []
    for record in records:
        parts.append(header(record))
        parts.append(record.payload)
    return b"".join(parts)


def unpack_all(message: bytes) -> list[MediaRecord]:
    """Read a binary message: one or more whole records. Raises ProtocolError on anything else."""
    records: list[MediaRecord] = []
    at, end = 0, len(message)
    if end == 0:
        raise ProtocolError("media message is empty")
    while at < end:
        if end - at < HEADER_BYTES:
            raise ProtocolError(f"media record header cut off: {end - at} of {HEADER_BYTES} bytes")
        kind, flags, generation, sub, sequence, size, utc, pts, offset, timescale = HEADER.unpack_from(message, at)
        at += HEADER_BYTES
        if kind > RecordKind.METADATA:
            raise ProtocolError(f"media record of unknown kind {kind}")
        if flags > _KNOWN_FLAGS:
            raise ProtocolError(f"media record with unknown flags {flags:#04x}")
        if timescale == 0:
            raise ProtocolError("media record with a timescale of 0")
        if size > MOST_PAYLOAD_BYTES:
            raise ProtocolError(f"media record of {size} bytes, more than {MOST_PAYLOAD_BYTES}")
        if size > end - at:
            raise ProtocolError(f"media record cut off: {end - at} of {size} bytes")
        records.append(
            MediaRecord(
                _KINDS[kind],
                flags,
                generation,
                sub,
                sequence,
                UtcUs(utc),
                pts,
                pts - offset,
                timescale,
                message[at : at + size],
            )
        )
        at += size
    return records


def kind_of(config: CodecConfig) -> RecordKind:
    """The kind of record that units of this codec travel in."""
    return RecordKind(config.kind)


def config_payload(config: CodecConfig) -> bytes:
    """Write what stands in a record of kind 0; the timescale stands in its header."""
    described = json.dumps(
        {
            "codec": config.codec,
            "width": config.width_px,
            "height": config.height_px,
            "sampleRate": config.sample_rate_hz,
            "channels": config.channels,
        },
        separators=(",", ":"),
    ).encode()
    return struct.pack("<H", len(described)) + described + config.record


def config_record(config: CodecConfig, sub: int = 0, sequence: int = 0, generation: int = 0) -> MediaRecord:
    """The record of kind 0 that goes before the first unit of `config`."""
    return MediaRecord(
        RecordKind.CONFIG, 0, generation, sub, sequence, UtcUs(0), 0, 0, config.timescale, config_payload(config)
    )


def config_of(record: MediaRecord) -> CodecConfig:
    """Read a record of kind 0. Raises ProtocolError when it is not one, or describes no codec that we know."""
    payload = record.payload
    if record.kind is not RecordKind.CONFIG:
        raise ProtocolError(f"media record of kind {record.kind} holds no codec configuration")
    if not 2 <= len(payload) <= MOST_CONFIG_BYTES:
        raise ProtocolError(f"codec configuration of {len(payload)} bytes")
    end = 2 + int.from_bytes(payload[:2], "little")
    if end > len(payload):
        raise ProtocolError("codec configuration cut off")
    try:
        described = json.loads(payload[2:end])
        codec = Codec(described["codec"])
        numbers = [described.get(name, 0) for name in ("width", "height", "sampleRate", "channels")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ProtocolError("codec configuration describes no codec that is known here") from None
    if not all(type(n) is int and 0 <= n <= 0xFFFFFFFF for n in numbers):
        raise ProtocolError("codec configuration holds a size that is no number")
    width, height, rate, channels = numbers
    return CodecConfig(codec, record.timescale, payload[end:], width, height, rate, channels)
