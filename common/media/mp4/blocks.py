"""A run of samples that lie beside each other in a file: read from a fragment's header, many at a time by numpy."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import AccessUnit, CodecConfig, MediaKind
from common.media.mp4.boxes import NTP_EPOCH_S, Mp4Damaged, child, children, header_at, unpack
from common.media.mp4.writer import NON_SYNC_FLAGS

_NON_SYNC = NON_SYNC_FLAGS & 0x00010000
_VIDEO_TRUN, _SOUND_TRUN = 0xF01, 0x301
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """Samples in decoding order, one behind the other. Times in ticks of the track.

    `start`: UTC at which the first sample is shown. `dts`: its decode time on the recording's own time line; a block
    whose `dts` is not where the one before it ended follows a gap. `data_offset`: of the first sample, from the start
    of the fragment or of the bytes that were cut.
    """

    start: UtcUs
    dts: int
    durations: Numbers
    sizes: Numbers
    offsets: Numbers  # pts - dts
    sync: NDArray[np.bool_]
    data_offset: int

    @property
    def end_dts(self) -> int:
        return self.dts + int(self.durations.sum())

    @property
    def size_bytes(self) -> int:
        return int(self.sizes.sum())


def block_of_fragment(header: bytes, size_bytes: int, origin_ticks: int) -> SampleBlock | None:
    """Read a fragment's header: `header` starts with its `prft`. None when `header` is too short to hold all of it.

    Raises Mp4Damaged when these are not the bytes of a plain fragment of `size_bytes`, encrypted ones included.
    """
    at, start, moof = 0, None, None
    while True:
        found = header_at(header, at, len(header))
        if found is None:
            return None
        kind, header_bytes, size = found
        body, behind = at + header_bytes, at + size
        if kind == b"mdat":
            break
        if behind > len(header):
            if behind > size_bytes:
                raise Mp4Damaged(f"box {kind!r} reaches past its fragment")
            return None
        if kind == b"prft":
            (ntp,) = unpack(">Q", header, body + 8, behind)
            us = ((ntp & 0xFFFFFFFF) * US_PER_S + (1 << 31)) >> 32
            start = UtcUs(((ntp >> 32) - NTP_EPOCH_S) * US_PER_S + us)
        elif kind == b"moof":
            moof = body, behind
        elif kind != b"uuid":
            raise Mp4Damaged(f"box {kind!r} in a fragment")
        at = behind
    if start is None or moof is None or behind != size_bytes:
        raise Mp4Damaged("a fragment without wall time or samples, or of another size than the index says")
    block = _samples(header, moof, start, origin_ticks, size_bytes - body)
    return replace(block, data_offset=body)


def _samples(header: bytes, moof: tuple[int, int], start: UtcUs, origin_ticks: int, data_bytes: int) -> SampleBlock:
    traf = child(header, *moof, b"traf")
    dts = 0
    table: NDArray[np.uint32] | None = None
    for part in children(header, traf.body, traf.end):
        if part.kind == b"tfdt":
            (dts,) = unpack(">Q", header, part.body + 4, part.end)
        elif part.kind == b"trun":
            flags, count = unpack(">II", header, part.body, part.end)
            columns = {_VIDEO_TRUN: 4, _SOUND_TRUN: 2}.get(flags & 0xFFFFFF, 0)
            if not columns or not count or part.body + 12 + 4 * columns * count != part.end:
                raise Mp4Damaged("'trun' has another shape than we write")
            table = np.frombuffer(header, ">u4", count * columns, part.body + 12).reshape(count, columns)
        elif part.kind != b"tfhd":
            raise Mp4Damaged(f"box {part.kind!r} in a fragment: it is encrypted, or not ours")
    if table is None:
        raise Mp4Damaged("a fragment without samples")
    values = table.astype(np.int64)
    sizes = values[:, 1]
    if int(sizes.sum()) != data_bytes:
        raise Mp4Damaged("the samples do not fill their fragment")
    if values.shape[1] == 2:
        return SampleBlock(
            start, dts + origin_ticks, values[:, 0], sizes, np.zeros_like(sizes), np.ones(len(sizes), bool), 0
        )
    offsets = table[:, 3].astype(np.uint32).view(np.int32).astype(np.int64)
    sync = (values[:, 2] & _NON_SYNC) == 0
    return SampleBlock(start, dts + origin_ticks, values[:, 0], sizes, offsets, sync, 0)


def block_of_units(units: tuple[AccessUnit, ...] | list[AccessUnit], end_dts: int, config: CodecConfig) -> SampleBlock:
    """The block of whole access units, whose data follow each other in this order. `end_dts`: where the next starts."""
    dts = np.array([unit.dts for unit in units] + [max(end_dts, units[-1].dts + 1)], np.int64)
    sound = config.kind is MediaKind.AUDIO
    return SampleBlock(
        units[0].utc_us,
        units[0].dts,
        np.diff(dts),
        np.array([len(unit.data) for unit in units], np.int64),
        np.array([unit.pts - unit.dts for unit in units], np.int64),
        np.array([sound or unit.keyframe for unit in units], bool),
        0,
    )
