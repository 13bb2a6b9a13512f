"""Sample entries: how an MP4 file says which codec a track has (ISO/IEC 14496-12, 8.5.2), written and read."""

import struct

from common.media.access_unit import Codec, CodecConfig, MediaKind
from common.media.mp4.boxes import Box, Mp4Damaged, box, child, children, full_box, unpack
from common.media.mp4.protection import PROTECTED_ENTRIES, SINF_BYTES, original_format

_VIDEO = {Codec.H264: b"avc1", Codec.H265: b"hvc1", Codec.MJPEG: b"jpeg"}
_AUDIO = {Codec.AAC: b"mp4a", Codec.OPUS: b"Opus", Codec.PCMA: b"alaw", Codec.PCMU: b"ulaw"}
_METADATA = {Codec.ONVIF_XML: b"metx", Codec.MOTION_GRID: b"urim"}
_CODECS = {name: codec for codec, name in (_VIDEO | _AUDIO | _METADATA).items()}
MOTION_GRID_URI = b"urn:vedette:motion-grid:1"
_VIDEO_FIELDS_BYTES = 78  # ISO/IEC 14496-12, 12.1.3
_AUDIO_FIELDS_BYTES = 28  # ISO/IEC 14496-12, 12.2.3
_METADATA_FIELDS_BYTES = 8  # ISO/IEC 14496-12, 8.5.2.2


def sample_entry(config: CodecConfig) -> bytes:
    """Make the entry of `stsd`. G.711 keeps QuickTime's names: players know them, and the samples stay as sent."""
    if config.kind is MediaKind.VIDEO:
        fields = struct.pack(
            ">6xH16xHHIIIH32sHh",
            1,  # data reference: this file
            config.width_px & 0xFFFF,
            config.height_px & 0xFFFF,
            0x00480000,  # 72 dpi
            0x00480000,
            0,
            1,  # frames a sample
            b"",  # compressor name
            24,
            -1,
        )
        return box(_VIDEO[config.codec], fields, _video_record(config))
    if config.kind is MediaKind.METADATA:
        return _metadata_entry(config)
    sample_bits = 8 if config.codec in (Codec.PCMA, Codec.PCMU) else 16
    rate = config.sample_rate_hz << 16 if config.sample_rate_hz < 1 << 16 else 0  # 16.16; larger rates: see mdhd
    fields = struct.pack(">6xH8xHHHHI", 1, config.channels, sample_bits, 0, 0, rate)
    return box(_AUDIO[config.codec], fields, _audio_record(config))


def _metadata_entry(config: CodecConfig) -> bytes:
    """XMLMetaDataSampleEntry or URIMetaSampleEntry (ISO/IEC 14496-12, 12.3.3); not encoded further, no schema given."""
    fields = struct.pack(">6xH", 1)
    if config.codec is Codec.ONVIF_XML:
        return box(b"metx", fields, b"\0", config.record + b"\0", b"\0")
    uri = full_box(b"uri ", 0, 0, MOTION_GRID_URI + b"\0")
    return box(b"urim", fields, uri, full_box(b"uriI", 0, 0, config.record))


def _read_metadata_entry(data: bytes, body: int, end: int, codec: Codec, timescale: int) -> CodecConfig:
    if codec is Codec.ONVIF_XML:
        texts = data[body + _METADATA_FIELDS_BYTES : end].split(b"\0")
        if len(texts) < 3:  # content encoding, namespace, schema location
            raise Mp4Damaged("'metx' names no XML namespace")
        return CodecConfig(codec, timescale, texts[1])
    uri = child(data, body + _METADATA_FIELDS_BYTES, end, b"uri ")
    if data[uri.body + 4 : uri.end] != MOTION_GRID_URI + b"\0":
        raise Mp4Damaged("metadata of another kind than we write")
    about = child(data, body + _METADATA_FIELDS_BYTES, end, b"uriI")
    return CodecConfig(codec, timescale, data[about.body + 4 : about.end])


def _video_record(config: CodecConfig) -> bytes:
    match config.codec:
        case Codec.H264:
            return box(b"avcC", config.record)
        case Codec.H265:
            return box(b"hvcC", config.record)
    return b""


def _audio_record(config: CodecConfig) -> bytes:
    match config.codec:
        case Codec.AAC:
            return full_box(b"esds", 0, 0, _es_descriptor(config.record))
        case Codec.OPUS:
            return box(b"dOps", config.record or opus_record(config.channels))
    return b""


def opus_record(channels: int) -> bytes:
    """The body of `dOps` (Opus in ISOBMFF, 4.3.2) for a stream that told us nothing but its channels (RFC 7587)."""
    return struct.pack(">BBHIhB", 0, channels, 0, 48_000, 0, 0)


def _descriptor(tag: int, body: bytes) -> bytes:
    """A descriptor of ISO/IEC 14496-1, 8.3.3, its size in the four-byte form that every reader knows."""
    size = len(body)
    return bytes((tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F)) + body


def _es_descriptor(audio_specific_config: bytes) -> bytes:
    """ES_Descriptor (ISO/IEC 14496-1, 7.2.6.5) of an AAC stream; bit rates unknown."""
    decoder = _descriptor(0x04, struct.pack(">BBxHII", 0x40, 0x15, 0, 0, 0) + _descriptor(0x05, audio_specific_config))
    return _descriptor(0x03, struct.pack(">HB", 1, 0) + decoder + _descriptor(0x06, b"\x02"))


def read_sample_entry(data: bytes, start: int, end: int, timescale: int) -> CodecConfig:
    """Read the first entry of the `stsd` body `data[start:end]`; raise Mp4Damaged on what we never write."""
    entry = next(children(data, start + 8, end), None)
    if entry is not None and entry.kind in PROTECTED_ENTRIES:
        kind, _ = original_format(data, entry.body, entry.end)
        entry = Box(kind, entry.start, entry.body, entry.end - SINF_BYTES)
    codec = None if entry is None else _CODECS.get(entry.kind)
    if entry is None or codec is None:
        raise Mp4Damaged(f"unknown sample entry {entry.kind if entry else b''!r}")
    if codec in _VIDEO:
        width, height = unpack(">HH", data, entry.body + 24, entry.end)
        boxes = entry.body + _VIDEO_FIELDS_BYTES
        record = b""
        if codec is not Codec.MJPEG:
            found = child(data, boxes, entry.end, b"avcC" if codec is Codec.H264 else b"hvcC")
            record = data[found.body : found.end]
        return CodecConfig(codec, timescale, record, width_px=width, height_px=height)
    if codec in _METADATA:
        return _read_metadata_entry(data, entry.body, entry.end, codec, timescale)
    (channels,) = unpack(">H", data, entry.body + 16, entry.end)
    (rate,) = unpack(">I", data, entry.body + 24, entry.end)
    boxes = entry.body + _AUDIO_FIELDS_BYTES
    record = b""
    if codec is Codec.AAC:
        found = child(data, boxes, entry.end, b"esds")
        record = _audio_specific_config(data[found.body + 4 : found.end])
    elif codec is Codec.OPUS:
        found = child(data, boxes, entry.end, b"dOps")
        record = data[found.body : found.end]
    return CodecConfig(codec, timescale, record, sample_rate_hz=rate >> 16 or timescale, channels=channels)


def _audio_specific_config(descriptors: bytes) -> bytes:
    """Find DecoderSpecificInfo (tag 5) in an ES_Descriptor."""
    at = 0
    while at < len(descriptors):
        tag, at = descriptors[at], at + 1
        size = 0
        while at < len(descriptors):
            byte, at = descriptors[at], at + 1
            size = size << 7 | byte & 0x7F
            if byte < 0x80:
                break
        if tag == 0x05:
            return descriptors[at : at + size]
        at += {0x03: 3, 0x04: 13}.get(tag, size)  # those two hold further descriptors behind fixed fields
    raise Mp4Damaged("esds holds no AudioSpecificConfig")


def key_id_of(data: bytes, start: int, end: int) -> bytes | None:
    """Return which key the samples of the `stsd` body `data[start:end]` are encrypted with; None: with none."""
    entry = next(children(data, start + 8, end), None)
    if entry is None or entry.kind not in PROTECTED_ENTRIES:
        return None
    return original_format(data, entry.body, entry.end)[1]
