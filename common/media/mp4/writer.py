"""Writes fragmented MP4 (ISO/IEC 14496-12, 8.8): an initial part, then fragments that can be appended for ever.

No I/O here: bytes out. One file holds one track.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.mp4.boxes import MP4_EPOCH_S, NTP_EPOCH_S, SAMPLE_UTC_UUID, SEGMENT_INFO_UUID, box, full_box
from common.media.mp4.protection import Protection, key_box, placed, protected_entry
from common.media.mp4.sample_entries import sample_entry

TRACK_ID = 1
SYNC_FLAGS = 0x02000000  # depends on no other sample (ISO/IEC 14496-12, 8.8.3.1)
NON_SYNC_FLAGS = 0x01010000
DISPOSABLE_FLAG = 0x00800000  # no other sample depends on it
CAPTURE_TIME = 24  # `prft` flags: the time at which the sample was captured
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_HANDLERS = {MediaKind.VIDEO: b"vide", MediaKind.AUDIO: b"soun", MediaKind.METADATA: b"meta"}
_MEDIA_HEADERS = {
    MediaKind.VIDEO: full_box(b"vmhd", 0, 1, bytes(8)),
    MediaKind.AUDIO: full_box(b"smhd", 0, 0, bytes(4)),
    MediaKind.METADATA: full_box(b"nmhd", 0, 0),
}


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """What a file says about itself, so that it can be put back in its place without any index.

    `run_utc_us`: start of the run it belongs to. `origin_ticks`: what to add to a decode time in the file to get the
    run's. `start_utc_us`: presentation of its first sample.
    """

    device: str
    track: str
    run_utc_us: int
    origin_ticks: int
    start_utc_us: int


def init_segment(config: CodecConfig, info: SegmentInfo | None = None, protection: Protection | None = None) -> bytes:
    """Make `ftyp`, our segment information, and `moov` of a file with one track of `config`, perhaps encrypted."""
    ftyp = box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6isommp41")
    about = b"" if info is None else box(b"uuid", SEGMENT_INFO_UUID, json.dumps(asdict(info)).encode())
    created = 0 if info is None else max(0, info.start_utc_us // US_PER_S + MP4_EPOCH_S)
    return ftyp + about + _moov(config, created, protection)


def _moov(config: CodecConfig, created: int, protection: Protection | None) -> bytes:
    handler = full_box(b"hdlr", 0, 0, struct.pack(">4x4s12x", _HANDLERS[config.kind]), b"Vedette\0")
    times = struct.pack(">QQ", created, created)
    mvhd = full_box(
        b"mvhd", 1, 0, times, struct.pack(">IQIH10x", 1000, 0, 0x10000, 0x100), _MATRIX, struct.pack(">24xI", 2)
    )
    size = struct.pack(">II", config.width_px << 16, config.height_px << 16)
    layer = struct.pack(">I4xQ8xHHHxx", TRACK_ID, 0, 0, 0, 0x100 if config.kind is MediaKind.AUDIO else 0)
    tkhd = full_box(b"tkhd", 1, 3, times, layer, _MATRIX, size)
    mdhd = full_box(b"mdhd", 1, 0, times, struct.pack(">IQHxx", config.timescale, 0, 0x55C4))  # language "und"
    media_header = _MEDIA_HEADERS[config.kind]
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    entry = sample_entry(config)
    keys = b""
    if protection is not None:
        entry, keys = protected_entry(entry, config, protection), key_box(protection)
    stsd = full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry)
    no_samples = b"".join(full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc"))
    no_samples += full_box(b"stsz", 0, 0, bytes(8)) + full_box(b"stco", 0, 0, bytes(4))
    minf = box(b"minf", media_header, here, box(b"stbl", stsd, no_samples))
    trak = box(b"trak", tkhd, box(b"mdia", mdhd, handler, minf))
    mvex = box(b"mvex", full_box(b"trex", 0, 0, struct.pack(">IIIII", TRACK_ID, 1, 0, 0, 0)))
    return box(b"moov", mvhd, trak, mvex, keys)


def ticks_to_us(ticks: int, timescale: int) -> int:
    """Convert to microseconds, rounded to the nearest; the same rounding for writer and reader."""
    return (ticks * US_PER_S * 2 + timescale) // (timescale * 2)


def fragment_header(
    sequence: int,
    units: Sequence[AccessUnit],
    next_dts: int,
    origin_ticks: int,
    config: CodecConfig,
    *,
    encryption: bytes = b"",
) -> bytes:
    """Make `prft`, where needed our sample times, `moof`, and the header of `mdat`; the units' data follows as it is.

    `next_dts`: where the next unit will start, which gives the last one its duration. `encryption`: the boxes that
    `SampleCipher.encrypt` made with the units' data.
    """
    first = units[0]
    base_dts = first.dts - origin_ticks
    about_time = _reference_time(first.utc_us, base_dts) + _sample_times(units, config.timescale)
    per_sample: list[int] = []
    size_bytes = 0
    if config.kind is MediaKind.VIDEO:
        trun_flags, tfhd = 0xF01, full_box(b"tfhd", 0, 0x020000, struct.pack(">I", TRACK_ID))
    else:
        trun_flags, tfhd = 0x301, full_box(b"tfhd", 0, 0x020020, struct.pack(">II", TRACK_ID, SYNC_FLAGS))
    with_flags = trun_flags == 0xF01
    dts_after = [unit.dts for unit in units[1:]]
    dts_after.append(next_dts)
    for unit, after in zip(units, dts_after, strict=True):
        sample_bytes = len(unit.data)
        size_bytes += sample_bytes
        per_sample.append(after - unit.dts)
        per_sample.append(sample_bytes)
        if with_flags:
            flags = SYNC_FLAGS if unit.keyframe else NON_SYNC_FLAGS
            per_sample.append(flags | DISPOSABLE_FLAG if unit.disposable else flags)
            per_sample.append((unit.pts - unit.dts) & 0xFFFFFFFF)
    table = struct.pack(f">{len(per_sample)}I", *per_sample)
    tfdt = full_box(b"tfdt", 1, 0, struct.pack(">Q", base_dts))
    moof_bytes = 8 + 16 + 8 + len(tfhd) + len(tfdt) + 20 + len(table)
    encryption = placed(encryption, moof_bytes) if encryption else b""
    moof_bytes += len(encryption)
    trun = full_box(b"trun", 1, trun_flags, struct.pack(">Ii", len(units), moof_bytes + 8), table)
    moof = box(
        b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", sequence)), box(b"traf", tfhd, tfdt, trun, encryption)
    )
    return about_time + moof + struct.pack(">I4s", 8 + size_bytes, b"mdat")


def _reference_time(utc_us: UtcUs, media_time: int) -> bytes:
    """`prft` (ISO/IEC 14496-12, 8.16.5): the wall time of the first sample, NTP with 32 bits of fraction."""
    seconds, us = divmod(utc_us, US_PER_S)
    ntp = (seconds + NTP_EPOCH_S) << 32 | ((us << 32) + US_PER_S // 2) // US_PER_S
    return full_box(b"prft", 1, CAPTURE_TIME, struct.pack(">IQQ", TRACK_ID, ntp & 0xFFFFFFFFFFFFFFFF, media_time))


def _sample_times(units: Sequence[AccessUnit], timescale: int) -> bytes:
    """Our `uuid` box of differences, or nothing when media time tells each sample's UTC to the microsecond."""
    pts, utc_us = units[0].pts, units[0].utc_us
    differences = [unit.utc_us - utc_us - ticks_to_us(unit.pts - pts, timescale) for unit in units]
    if not any(differences):
        return b""
    limited = [max(-(1 << 31), min((1 << 31) - 1, difference)) for difference in differences]
    return box(b"uuid", SAMPLE_UTC_UUID, struct.pack(f">{len(limited)}i", *limited))
