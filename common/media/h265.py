"""H.265 parameter sets: picture size, reordering, and the configuration record made of them.

Sources: ISO/IEC 23008-2, 7.3.2 (parameter sets), 7.3.3 (profile, tier, level); ISO/IEC 14496-15, 8.3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.foundation.errors import ProtocolError
from common.media.bits import BitReader
from common.media.nal import raw_payload

VPS, SPS, PPS, AUD, FIRST_IRAP, LAST_IRAP = 32, 33, 34, 35, 16, 23
_MOST_SIDE_PX = 16_384


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What we need of an SPS. `profile_bytes` are the 12 bytes of general profile, tier, compatibility and level."""

    set_id: int
    width_px: int
    height_px: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int
    sub_layers: int
    nested: bool
    profile_bytes: bytes
    reorder: int


def nal_type(nal: bytes) -> int:
    return (nal[0] >> 1) & 63


def is_disposable(kind: int) -> bool:
    """Sub-layer non-reference pictures: even types below 16 (table 7-1). True only of the highest sub-layer."""
    return kind < 16 and not kind & 1


def parse_sps(nal: bytes) -> SequenceParameters:
    """Read an SPS NAL unit (with its two header bytes); raises ProtocolError when it is broken."""
    if len(nal) < 16 or nal_type(nal) != SPS:
        raise ProtocolError("an H.265 sequence parameter set is too short", peer="The camera")
    payload = raw_payload(nal[2:4096])
    bits = BitReader(payload)
    bits.skip(4)
    sub_layers = bits.u(3) + 1
    nested = bits.flag()
    profile_bytes = payload[1:13]
    bits.skip(96)
    _skip_sub_layer_profiles(bits, sub_layers)
    set_id = bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.skip(1)
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        unit_x, unit_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
    bits.ue()  # log2_max_pic_order_cnt_lsb_minus4
    reorder = 0
    for _ in range(sub_layers if bits.flag() else 1):
        bits.ue()
        reorder = max(reorder, bits.ue())
        bits.ue()
    if set_id > 15 or chroma > 3 or not (0 < width <= _MOST_SIDE_PX and 0 < height <= _MOST_SIDE_PX):
        raise ProtocolError(f"an H.265 sequence parameter set says {width}x{height} pixels", peer="The camera")
    if max(luma_bits, chroma_bits) > 15:
        raise ProtocolError("an H.265 sequence parameter set says more than 15 bits a sample", peer="The camera")
    return SequenceParameters(
        set_id, width, height, chroma, luma_bits, chroma_bits, sub_layers, nested, profile_bytes, min(reorder, 16)
    )


def set_number(nal: bytes) -> int:
    """Return the number of a VPS or PPS; raises ProtocolError when it is broken."""
    bits = BitReader(raw_payload(nal[2:16]))
    number = bits.u(4) if nal_type(nal) == VPS else bits.ue()
    if number > 63:
        raise ProtocolError("an H.265 parameter set has an impossible number", peer="The camera")
    return number


def configuration_record(vps: Sequence[bytes], sps: Sequence[bytes], pps: Sequence[bytes]) -> bytes:
    """Return the HEVCDecoderConfigurationRecord of these parameter sets, with 4-byte lengths."""
    first = parse_sps(sps[0])
    record = bytearray((1,)) + first.profile_bytes
    record += b"\xf0\x00\xfc"  # no spatial segmentation promised, parallelism unknown
    record += bytes((0xFC | first.chroma_format, 0xF8 | (first.luma_bits - 8), 0xF8 | (first.chroma_bits - 8)))
    record += b"\x00\x00"  # average frame rate not said
    record.append(first.sub_layers << 3 | first.nested << 2 | 3)
    record.append(3)
    for kind, nals in ((VPS, vps), (SPS, sps), (PPS, pps)):
        record.append(0x80 | kind)  # all sets of this kind are here
        record += len(nals).to_bytes(2, "big")
        for nal in nals:
            record += len(nal).to_bytes(2, "big") + nal
    return bytes(record)


def _skip_sub_layer_profiles(bits: BitReader, sub_layers: int) -> None:
    if sub_layers == 1:
        return
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers - 1)]
    bits.skip(2 * (9 - sub_layers))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)
