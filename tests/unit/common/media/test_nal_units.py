"""NAL units and parameter sets against what real encoders write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.media import h264, h265
from common.media.access_unit import Codec
from common.media.nal import prefixed, raw_payload, split_annex_b, split_prefixed
from common.media.picture_stamp import read_stamp, write_stamp
from tests.support.media_samples import video_sample

NALS = st.lists(st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\0", b"\1")), max_size=10)


@given(NALS)
def test_byte_streams_and_length_prefixes_hold_the_same_units(nals: list[bytes]) -> None:
    assert split_annex_b(b"".join(b"\0\0\0\1" + nal for nal in nals)) == nals
    assert list(split_prefixed(prefixed(nals))) == nals


def test_emulation_prevention_is_taken_out() -> None:
    assert raw_payload(b"\1\0\0\3\1\0\0\3\0\0\3") == b"\1\0\0\1\0\0\0\0"


@pytest.mark.parametrize(("width", "height"), [(160, 96), (162, 90), (1920, 1080)])
def test_picture_size_is_read_with_cropping(width: int, height: int) -> None:
    config, _ = video_sample(Codec.H264, frames=1, width_px=width, height_px=height)
    size = int.from_bytes(config.record[6:8], "big")
    parsed = h264.parse_sps(config.record[8 : 8 + size])
    assert (parsed.width_px, parsed.height_px) == (width, height)
    config, _ = video_sample(Codec.H265, frames=1, width_px=width, height_px=height)
    at = config.record.index(bytes((h265.SPS << 1, 1)), 23)
    sps = config.record[at : at + int.from_bytes(config.record[at - 2 : at], "big")]
    read = h265.parse_sps(sps)
    assert (read.width_px, read.height_px) == (width, height)


@given(st.integers(0, 2**47 - 1), st.sampled_from([(540, 960), (180, 320), (90, 160)]))
def test_a_stamp_in_the_picture_is_read_back(ms: int, shape: tuple[int, int]) -> None:
    luma = np.full(shape, 90, dtype=np.uint8)
    assert read_stamp(luma) is None
    write_stamp(luma, UtcUs(ms * 1000 + 7))
    assert read_stamp(luma) == ms * 1000
