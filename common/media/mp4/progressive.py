"""Progressive MP4 (ISO/IEC 14496-12, 8.3-8.7): one `moov` with a table of every sample, which every player likes.

No I/O here. The tables are kept as numpy columns and packed at the end: a day of video has two million samples.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from common.foundation.clock import US_PER_S
from common.media.access_unit import CodecConfig, MediaKind
from common.media.mp4.blocks import Numbers, SampleBlock
from common.media.mp4.boxes import MP4_EPOCH_S, box, full_box
from common.media.mp4.sample_entries import sample_entry

MOVIE_TIMESCALE = 90_000
FTYP = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41")
MDAT_HEADER_BYTES = 16
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TOLERANCE_US = 2_000  # how far media time may be from wall time before it is set right


@dataclass(slots=True)
class TrackTable:
    """The samples of one track as they are placed. Media time 0 is the film's beginning.

    `trim_start_us`, `trim_end_us`: what of the film is shown, by an edit list; what lies before 0 never is.
    """

    config: CodecConfig
    entry: bytes = b""  # a sample entry in place of the one that `config` gives
    chunk_offsets: list[int] = field(default_factory=list)
    chunk_samples: list[int] = field(default_factory=list)
    durations: list[Numbers] = field(default_factory=list)
    sizes: list[Numbers] = field(default_factory=list)
    composition: list[Numbers] = field(default_factory=list)
    sync: list[NDArray[np.bool_]] = field(default_factory=list)
    start_ticks: int = 0  # where in the film the first sample is shown
    end_dts: int = 0  # in the file, whose first sample has 0
    source_end_dts: int = 0
    trim_start_us: int = 0
    trim_end_us: int | None = None

    def add(self, block: SampleBlock, shown_us: int, file_offset: int) -> None:
        """Append a block whose first sample is shown `shown_us` into the film and lies at `file_offset`.

        Samples keep their own durations as long as they agree with wall time to 2 ms; where they do not (a gap, a
        clock that was set right), the last sample before is made longer or shorter.
        """
        scale = self.config.timescale
        shown = round(shown_us * scale / US_PER_S)
        first_offset = int(block.offsets[0])
        if not self.durations:
            self.start_ticks = shown - first_offset  # decode time 0 of the file
        else:
            wanted = shown - first_offset - self.start_ticks
            unbroken = block.dts == self.source_end_dts
            if not unbroken or abs(wanted - self.end_dts) * US_PER_S > _TOLERANCE_US * scale:
                last = self.durations[-1]
                longer = max(wanted - self.end_dts, 1 - int(last[-1]))
                last[-1] += longer
                self.end_dts += longer
        self.chunk_offsets.append(file_offset)
        self.chunk_samples.append(len(block.sizes))
        self.durations.append(block.durations.copy())
        self.sizes.append(block.sizes)
        self.composition.append(block.offsets)
        self.sync.append(block.sync)
        self.end_dts += int(block.durations.sum())
        self.source_end_dts = block.end_dts

    @property
    def samples(self) -> int:
        return sum(self.chunk_samples)


def most_moov_bytes(samples: int, chunks: int) -> int:
    """Room that the `moov` of so many samples surely fits in when durations change rarely: for reserving ahead."""
    return 4096 + samples * 14 + chunks * 28


def moov(tracks: list[TrackTable], created_us: int) -> bytes:
    """Pack the tables. Tracks without samples are left out."""
    used = [track for track in tracks if track.durations]
    created = max(0, created_us // US_PER_S + MP4_EPOCH_S)
    traks, longest = [], 0
    for number, track in enumerate(used, 1):
        data, duration = _trak(number, track, created)
        traks.append(data)
        longest = max(longest, duration)
    times = struct.pack(">QQ", created, created)
    mvhd = full_box(
        b"mvhd",
        1,
        0,
        times,
        struct.pack(">IQIH10x", MOVIE_TIMESCALE, longest, 0x10000, 0x100),
        _MATRIX,
        struct.pack(">24xI", len(used) + 1),
    )
    return box(b"moov", mvhd, *traks)


def _trak(number: int, track: TrackTable, created: int) -> tuple[bytes, int]:
    config = track.config
    video = config.kind is MediaKind.VIDEO
    edits, duration = _edits(track)
    times = struct.pack(">QQ", created, created)
    layer = struct.pack(">I4xQ8xHHHxx", number, duration, 0, 0, 0 if video else 0x100)
    size = struct.pack(">II", config.width_px << 16, config.height_px << 16)
    tkhd = full_box(b"tkhd", 1, 3, times, layer, _MATRIX, size)
    mdhd = full_box(b"mdhd", 1, 0, times, struct.pack(">IQHxx", config.timescale, track.end_dts, 0x55C4))
    handler = full_box(b"hdlr", 0, 0, struct.pack(">4x4s12x", b"vide" if video else b"soun"), b"Vedette\0")
    media_header = full_box(b"vmhd", 0, 1, bytes(8)) if video else full_box(b"smhd", 0, 0, bytes(4))
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    minf = box(b"minf", media_header, here, _stbl(track))
    return box(b"trak", tkhd, edits, box(b"mdia", mdhd, handler, minf)), duration


def _edits(track: TrackTable) -> tuple[bytes, int]:
    """The edit list (8.6.6): when the track begins, and what of it is shown. Returns its duration in the film too."""
    scale = track.config.timescale
    first_shown = int(track.composition[0][0])  # media time of the first picture
    begins = track.start_ticks + first_shown
    media_start, media_end = first_shown, track.end_dts + first_shown
    film_zero = round(track.trim_start_us * scale / US_PER_S)
    media_start += max(0, film_zero - begins)
    if track.trim_end_us is not None:
        wanted = round(track.trim_end_us * scale / US_PER_S) - track.start_ticks
        media_end = max(media_start + 1, min(media_end, wanted))
    empty = _in_film(max(0, begins - film_zero), scale)
    shown = max(1, _in_film(media_end - media_start, scale))
    entries = [struct.pack(">QqI", empty, -1, 0x10000)] if empty else []
    entries.append(struct.pack(">QqI", shown, media_start, 0x10000))
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">I", len(entries)), *entries)), empty + shown


def _in_film(ticks: int, timescale: int) -> int:
    return (ticks * MOVIE_TIMESCALE * 2 + timescale) // (timescale * 2)


def _stbl(track: TrackTable) -> bytes:
    durations, sizes = np.concatenate(track.durations), np.concatenate(track.sizes)
    composition, sync = np.concatenate(track.composition), np.concatenate(track.sync)
    entry = track.entry or sample_entry(track.config)
    parts = [full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry), _runs(b"stts", 0, durations)]
    if composition.any():
        parts.append(_runs(b"ctts", 1 if (composition < 0).any() else 0, composition))
    if not sync.all():
        numbers = np.flatnonzero(sync) + 1
        parts.append(full_box(b"stss", 0, 0, struct.pack(">I", len(numbers)), numbers.astype(">u4").tobytes()))
    parts.append(_chunk_map(track.chunk_samples))
    parts.append(full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(sizes)), sizes.astype(">u4").tobytes()))
    offsets = np.array(track.chunk_offsets, ">u8")
    parts.append(full_box(b"co64", 0, 0, struct.pack(">I", len(offsets)), offsets.tobytes()))
    return box(b"stbl", *parts)


def _runs(kind: bytes, version: int, values: Numbers) -> bytes:
    """A run-length table of `values`: count, value."""
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    counts = np.diff(np.concatenate((begins, [len(values)])))
    pairs = np.stack((counts, values[begins] & 0xFFFFFFFF), axis=1)
    return full_box(kind, version, 0, struct.pack(">I", len(pairs)), pairs.astype(">u4").tobytes())


def _chunk_map(samples: list[int]) -> bytes:
    """`stsc`: from which chunk on there are how many samples in each."""
    counts = np.array(samples, np.int64)
    begins = np.flatnonzero(np.concatenate(([True], counts[1:] != counts[:-1])))
    rows = np.stack((begins + 1, counts[begins], np.ones_like(begins)), axis=1)
    return full_box(b"stsc", 0, 0, struct.pack(">I", len(rows)), rows.astype(">u4").tobytes())
