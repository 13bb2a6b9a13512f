"""Which pictures of a GOP can be left out, and in which order, so that the rest still decodes.

Sources: ISO/IEC 14496-10, 7.4.1 (nal_ref_idc) and G.7.3.1.1 (temporal_id of a prefix NAL unit, SVC);
ISO/IEC 23008-2, 7.4.2.2 (sub-layer non-reference pictures, TemporalId).
"""

from typing import NamedTuple

from common.media.access_unit import AccessUnit, Codec


class Tier(NamedTuple):
    """Pictures are left out from the highest tier down. Nothing in a lower tier refers to a picture of a higher one;
    pictures of a `disposable` tier don't refer to each other either, so any of them may be left out alone."""

    layer: int
    disposable: bool


BASE = Tier(0, False)


def tier_of(unit: AccessUnit, codec: Codec) -> Tier:
    """The tier of one picture. Where its NAL units cannot be read, what the recorder noted of it counts."""
    if unit.keyframe:
        return BASE
    found = _h264(unit.data) if codec is Codec.H264 else _h265(unit.data) if codec is Codec.H265 else None
    return Tier(0, unit.disposable) if found is None else found


def _h264(data: bytes) -> Tier | None:
    at, layer = 0, 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        header = data[at + 4]
        kind = header & 31
        if kind == 14 and size >= 4 and at + 8 <= len(data) and data[at + 5] & 0x80:  # svc_extension_flag
            layer = data[at + 7] >> 5
        elif kind in (1, 2, 5):  # a slice, its first data partition, an IDR slice
            return Tier(layer, not header & 0x60)
        at += 4 + size
    return None


def _h265(data: bytes) -> Tier | None:
    at = 0
    while at + 6 <= len(data):
        kind = data[at + 4] >> 1 & 63
        if kind < 32:  # a slice
            return Tier(max(0, (data[at + 5] & 7) - 1), kind < 16 and not kind & 1)
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return None
