"""Torn tails and flipped bits: the reader never fails other than by Mp4Damaged, and never loses what is sound."""

import contextlib
import os
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.foundation.ids import DeviceId
from common.media.access_unit import PRIMARY, AccessUnit, Codec, CodecConfig
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import Fragment, InitSegment, read_init, read_units, scan_fragments
from common.media.mp4.writer import SegmentInfo, fragment_header, init_segment
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.fragments import FragmentTable, pack_table, unpack_table
from server.recording.mediadb.repair import scan_file

START = 1_700_000_000_000_000
CONFIG = CodecConfig(Codec.H264, 90_000, b"\x01\x42\x00\x1e\xff\xe1\x00\x00\x01\x00\x00", 64, 48)
KEY = TrackKey(DeviceId("d"), PRIMARY)


@cache
def sound() -> tuple[bytes, InitSegment, tuple[Fragment, ...]]:
    parts = [init_segment(CONFIG, SegmentInfo("d", "primary", START, 0, START))]
    for number in range(8):
        units = [
            AccessUnit(bytes([n]) * (50 + n), n * 3600, n * 3600, UtcUs(START + n * 40_000), n % 5 == 0)
            for n in range(number * 5, number * 5 + 5)
        ]
        parts += [fragment_header(number + 1, units, (number + 1) * 18_000, 0, CONFIG), *(u.data for u in units)]
    data = b"".join(parts)
    init = read_init(lambda at, size: data[at : at + size])
    scan = scan_fragments(lambda at, size: data[at : at + size], init.size_bytes, len(data))
    return data, init, tuple(scan.fragments)


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_a_torn_tail_costs_the_torn_fragment_only(cut: int) -> None:
    data, init, fragments = sound()
    size = init.size_bytes + cut % (len(data) - init.size_bytes)
    torn = data[:size]
    for finished in (False, True):
        scan = scan_fragments(lambda at, n: torn[at : at + n], init.size_bytes, size, finished=finished)
        assert scan.fragments == [f for f in fragments if f.end_offset <= size]


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 7)), min_size=1, max_size=4))
@example([(16, 3), (5004, 0)])
@settings(max_examples=400, deadline=None)
def test_flipped_bits_cost_the_fragments_they_are_in(flips: list[tuple[int, int]]) -> None:
    data, init, fragments = sound()
    flipped = bytearray(data)
    hit: set[int] = set()
    for place, bit in flips:
        at = init.size_bytes + place % (len(data) - init.size_bytes)
        flipped[at] ^= 1 << bit
        hit.add(next(n for n, f in enumerate(fragments) if f.offset <= at < f.end_offset))
    damaged = bytes(flipped)
    scan = scan_fragments(lambda at, n: damaged[at : at + n], init.size_bytes, len(data), finished=True)
    found = {fragment.offset: fragment for fragment in scan.fragments}
    for number, fragment in enumerate(fragments):
        if number not in hit:
            assert found[fragment.offset] == fragment
    table = FragmentTable(CONFIG.timescale)
    for fragment in scan.fragments:
        table.append(fragment)
        try:
            read_units(damaged[fragment.offset : fragment.end_offset], init.config)
        except Mp4Damaged:
            continue
    assert table.starts == sorted(set(table.starts))
    assert all(start < end for start, end in zip(table.starts, table.ends, strict=True))
    if table.starts:
        again = unpack_table(pack_table(table))
        assert (again.starts, again.sizes, again.offsets) == (table.starts, table.sizes, table.offsets)


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_politely(junk: bytes) -> None:
    def read(at: int, size: int) -> bytes:
        return junk[at : at + size]

    with contextlib.suppress(Mp4Damaged):
        read_init(read)
    scan_fragments(read, 0, len(junk), finished=True)
    with contextlib.suppress(Mp4Damaged):
        read_units(junk, CONFIG)
    with contextlib.suppress(Mp4Damaged):
        unpack_table(junk)


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 7)), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_header_with_flipped_bits_is_read_or_refused(flips: list[tuple[int, int]]) -> None:
    data, init, _ = sound()
    flipped = bytearray(data)
    for place, bit in flips:
        flipped[place % init.size_bytes] ^= 1 << bit
    path = Path(tempfile.gettempdir()) / f"vedette-fuzz-{os.getpid()}.mp4"
    path.write_bytes(flipped)
    try:
        scan_file(path, KEY)
    except Mp4Damaged:
        pass
    finally:
        path.unlink()
