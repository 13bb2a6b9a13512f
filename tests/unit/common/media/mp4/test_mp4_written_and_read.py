"""Fragmented MP4 that we write: read back unchanged by us, and played by FFmpeg and PyAV."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import pytest

from common.foundation.clock import UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.mp4.boxes import Mp4Damaged
from common.media.mp4.reader import ReadAt, read_init, read_units, scan_fragments
from common.media.mp4.writer import SegmentInfo, fragment_header, init_segment
from tests.support.media_samples import START_UTC, audio_sample, video_sample

INFO = SegmentInfo("11111111-1111-4111-8111-111111111111", "primary", START_UTC, 0, START_UTC)


def as_file(config: CodecConfig, units: Sequence[AccessUnit], per_fragment: int = 25) -> bytes:
    parts = [init_segment(config, INFO)]
    for number, at in enumerate(range(0, len(units), per_fragment)):
        block = units[at : at + per_fragment]
        step = units[1].dts - units[0].dts
        next_dts = units[at + per_fragment].dts if at + per_fragment < len(units) else block[-1].dts + step
        parts += [fragment_header(number + 1, block, next_dts, 0, config), *(unit.data for unit in block)]
    return b"".join(parts)


def reader_of(data: bytes) -> ReadAt:
    return lambda offset, size: data[offset : offset + size]


def units_in(data: bytes) -> list[AccessUnit]:
    init = read_init(reader_of(data))
    scan = scan_fragments(reader_of(data), init.size_bytes, len(data))
    return [u for f in scan.fragments for u in read_units(data[f.offset : f.end_offset], init.config)]


SHOWN_OR_HEARD = [codec for codec in Codec if codec not in (Codec.ONVIF_XML, Codec.MOTION_GRID)]


def sample_of(codec: Codec) -> tuple[CodecConfig, tuple[AccessUnit, ...]]:
    if codec in (Codec.H264, Codec.H265):
        return video_sample(codec, b_frames=2)
    return video_sample(codec) if codec is Codec.MJPEG else audio_sample(codec)


@pytest.mark.parametrize("codec", SHOWN_OR_HEARD)
def test_read_back_unchanged(codec: Codec) -> None:
    config, units = sample_of(codec)
    data = as_file(config, units)
    init = read_init(reader_of(data))
    assert init.info == INFO
    if codec is not Codec.OPUS:  # an empty record is written as the default `dOps`
        assert init.config == config
    assert units_in(data) == list(units)


@pytest.mark.parametrize("codec", SHOWN_OR_HEARD)
def test_ffprobe_decodes_every_sample(codec: Codec, tmp_path: Path) -> None:
    config, units = sample_of(codec)
    path = tmp_path / "sample.mp4"
    path.write_bytes(as_file(config, units))
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", str(path)]
    probed = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert probed.stderr == b""
    (stream,) = json.loads(probed.stdout)["streams"]
    names = {Codec.H265: "hevc", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}
    assert stream["codec_name"] == names.get(codec, codec.value)
    assert stream["tags"]["creation_time"].startswith("2023-11-14T22:13:20")
    if config.width_px:
        assert int(stream["nb_read_frames"]) == len(units)
        assert (stream["width"], stream["height"]) == (config.width_px, config.height_px)
    else:
        assert int(stream["nb_read_frames"]) > 0
        assert int(stream["sample_rate"]) == config.sample_rate_hz


@pytest.mark.parametrize("codec", SHOWN_OR_HEARD)
def test_pyav_sees_the_same_packets(codec: Codec, tmp_path: Path) -> None:
    config, units = sample_of(codec)
    path = tmp_path / "sample.mp4"
    path.write_bytes(as_file(config, units, per_fragment=10))
    with av.open(str(path)) as file:
        packets = [p for p in file.demux(file.streams[0]) if p.dts is not None]
    if config.width_px:
        assert [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets] == [
            (u.data, u.pts, u.dts, u.keyframe) for u in units
        ]
    else:
        assert b"".join(map(bytes, packets)) == b"".join(u.data for u in units)


def test_wall_time_that_leaves_media_time_is_kept_to_the_microsecond() -> None:
    config, units = video_sample()
    slewed = [replace(u, utc_us=UtcUs(u.utc_us + 17 * n)) for n, u in enumerate(units)]
    assert units_in(as_file(config, slewed)) == slewed


def test_a_growing_file_shows_whole_fragments_only() -> None:
    config, units = video_sample()
    data = as_file(config, units, per_fragment=10)
    init = read_init(reader_of(data))
    ends = [f.end_offset for f in scan_fragments(reader_of(data), init.size_bytes, len(data)).fragments]
    offset, seen = init.size_bytes, 0
    for size in range(init.size_bytes, len(data) + 1, 97):
        scan = scan_fragments(reader_of(data[:size]), offset, size)
        assert scan.skipped_bytes == 0
        offset, seen = scan.next_offset, seen + len(scan.fragments)
        assert seen == sum(end <= size for end in ends)


def test_garbage_between_fragments_is_skipped_and_counted() -> None:
    config, units = video_sample()
    data = as_file(config, units)
    start = read_init(reader_of(data)).size_bytes
    torn = data[:start] + b"\0\0\0\x10junkjunkjunk" + data[start:]
    scan = scan_fragments(reader_of(torn), start, len(torn))
    assert (len(scan.fragments), scan.skipped_bytes) == (2, 16)


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"RIFFxxxxAVI ", b"\0\0\0\x14ftypiso6"])
def test_what_is_no_mp4_is_refused(data: bytes) -> None:
    with pytest.raises(Mp4Damaged):
        read_init(reader_of(data))
