"""H.264 parameter sets: picture size, reordering, and the configuration record made of them.

Sources: ISO/IEC 14496-10, 7.3.2.1 (SPS), annex E (VUI); ISO/IEC 14496-15, 5.3.3 (configuration record).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.foundation.errors import ProtocolError
from common.media.bits import BitReader
from common.media.nal import raw_payload

SLICE, SLICE_IDR, SEI, SPS, PPS, AUD = 1, 5, 6, 7, 8, 9

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MOST_SIDE_PX = 16_384


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What we need of an SPS. `reorder` is how many pictures may come before one that is shown earlier; None: not said.

    `frame_ticks`: duration of a picture at 90 kHz as the SPS promises it, 0 when it does not.
    """

    set_id: int
    profile: int
    width_px: int
    height_px: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int
    reorder: int | None
    frame_ticks: int


def parse_sps(nal: bytes) -> SequenceParameters:
    """Read an SPS NAL unit (with its header byte); raises ProtocolError when it is broken."""
    if len(nal) < 4 or nal[0] & 31 != SPS:
        raise ProtocolError("an H.264 sequence parameter set is too short", peer="The camera")
    bits = BitReader(raw_payload(nal[1:4096]))
    profile = bits.u(8)
    constraints = bits.u(8)
    bits.skip(8)  # level_idc
    set_id = bits.ue()
    chroma, luma_bits, chroma_bits = 1, 8, 8
    if profile in _HIGH_PROFILES:
        chroma = bits.ue()
        if chroma == 3:
            bits.skip(1)
        luma_bits, chroma_bits = 8 + bits.ue(), 8 + bits.ue()
        bits.skip(1)
        if bits.flag():
            for index in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue()  # log2_max_frame_num_minus4
    order_type = _order_type(bits)
    bits.ue()  # max_num_ref_frames
    bits.skip(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.flag()
    height = map_units * 16 * (1 if frames_only else 2)
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    if bits.flag():
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    if set_id > 31 or chroma > 3 or not (0 < width <= _MOST_SIDE_PX and 0 < height <= _MOST_SIDE_PX):
        raise ProtocolError(f"an H.264 sequence parameter set says {width}x{height} pixels", peer="The camera")
    if max(luma_bits, chroma_bits) > 14:
        raise ProtocolError("an H.264 sequence parameter set says more than 14 bits a sample", peer="The camera")
    reorder, frame_ticks = None, 0
    try:
        if bits.flag():
            reorder, frame_ticks = _vui(bits)
    except ProtocolError:
        pass  # some cameras cut the VUI short: what came before it is what matters
    # Baseline has no B slices; order type 2 and intra-only profiles (constraint_set3) forbid reordering.
    if profile == 66 or order_type == 2 or (profile in (44, 100, 110, 122, 244) and constraints & 0x10):
        reorder = 0
    return SequenceParameters(set_id, profile, width, height, chroma, luma_bits, chroma_bits, reorder, frame_ticks)


def pps_ids(nal: bytes) -> tuple[int, int]:
    """Return a PPS's own number and the number of its SPS; raises ProtocolError when it is broken."""
    bits = BitReader(raw_payload(nal[1:32]))
    own, sequence = bits.ue(), bits.ue()
    if own > 255 or sequence > 31:
        raise ProtocolError("an H.264 picture parameter set has an impossible number", peer="The camera")
    return own, sequence


def first_macroblock(slice_nal: bytes) -> int:
    """Return `first_mb_in_slice`: 0 where a picture begins."""
    return BitReader(raw_payload(slice_nal[1:12])).ue()


def configuration_record(sps: Sequence[bytes], pps: Sequence[bytes]) -> bytes:
    """Return the AVCDecoderConfigurationRecord of these parameter sets, with 4-byte lengths."""
    first = parse_sps(sps[0])
    record = bytearray((1, sps[0][1], sps[0][2], sps[0][3], 0xFF, 0xE0 | min(len(sps), 31)))
    for nal in sps[:31]:
        record += len(nal).to_bytes(2, "big") + nal
    record.append(min(len(pps), 255))
    for nal in pps[:255]:
        record += len(nal).to_bytes(2, "big") + nal
    if first.profile in (100, 110, 122, 144):
        record += bytes((0xFC | first.chroma_format, 0xF8 | first.luma_bits - 8, 0xF8 | first.chroma_bits - 8, 0))
    return bytes(record)


def _order_type(bits: BitReader) -> int:
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()
    elif order_type == 1:
        bits.skip(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    return order_type


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _vui(bits: BitReader) -> tuple[int | None, int]:
    """Return the reorder depth, if said, and the duration of a frame at 90 kHz, if said."""
    if bits.flag() and bits.u(8) == 255:  # sample aspect ratio
        bits.skip(32)
    if bits.flag():
        bits.skip(1)
    if bits.flag():  # video signal type
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():
        bits.ue()
        bits.ue()
    frame_ticks = 0
    if bits.flag():
        units, scale = bits.u(32), bits.u(32)
        bits.skip(1)
        if units and scale and 2 * units * 90_000 // scale < 900_000:
            frame_ticks = 2 * units * 90_000 // scale
    nal_hrd = bits.flag()
    if nal_hrd:
        _skip_hrd(bits)
    vcl_hrd = bits.flag()
    if vcl_hrd:
        _skip_hrd(bits)
    if nal_hrd or vcl_hrd:
        bits.skip(1)
    bits.skip(1)
    if not bits.flag():
        return None, frame_ticks
    bits.skip(1)
    for _ in range(4):
        bits.ue()
    return min(bits.ue(), 16), frame_ticks


def _skip_hrd(bits: BitReader) -> None:
    count = min(bits.ue(), 31) + 1
    bits.skip(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.skip(1)
    bits.skip(20)
