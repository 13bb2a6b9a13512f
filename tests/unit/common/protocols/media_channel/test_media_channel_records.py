"""The media channel's binary records."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.clock import UtcUs
from common.foundation.errors import ProtocolError
from common.media.access_unit import Codec, CodecConfig
from common.protocols.media_channel.records import (
    HEADER_BYTES,
    MOST_PAYLOAD_BYTES,
    MediaRecord,
    RecordFlags,
    RecordKind,
    config_of,
    config_record,
    pack,
    pack_all,
    unpack_all,
)

I32 = st.integers(-(2**31), 2**31 - 1)


@st.composite
def records(draw: st.DrawFn) -> MediaRecord:
    pts = draw(st.integers(-(2**62), 2**62))
    return MediaRecord(
        draw(st.sampled_from(RecordKind)),
        draw(st.integers(0, 127)),
        draw(st.integers(0, 2**16 - 1)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 2**32 - 1)),
        UtcUs(draw(st.integers(-(2**62), 2**62))),
        pts,
        pts - draw(I32),
        draw(st.integers(1, 2**32 - 1)),
        draw(st.binary(max_size=60)),
    )


@given(st.lists(records(), min_size=1, max_size=6))
def test_records_survive_the_wire(sent: list[MediaRecord]) -> None:
    assert unpack_all(pack_all(sent)) == sent
    assert unpack_all(b"".join(map(pack, sent))) == sent


@given(
    st.builds(
        CodecConfig,
        st.sampled_from(Codec),
        st.integers(1, 2**32 - 1),
        st.binary(max_size=60),
        *[st.integers(0, 2**32 - 1)] * 4,
    )
)
def test_configurations_survive_the_wire(config: CodecConfig) -> None:
    (record,) = unpack_all(pack(config_record(config, sub=3, sequence=9, generation=2)))
    assert config_of(record) == config
    assert (record.sub, record.sequence, record.generation) == (3, 9, 2)


def test_the_header_is_as_the_format_says() -> None:
    record = MediaRecord(
        RecordKind.VIDEO, RecordFlags.KEYFRAME | RecordFlags.TARGET, 7, 8, 9, UtcUs(10), 900, 300, 90_000, b"unit"
    )
    wire = pack(record)
    assert HEADER_BYTES == 40
    assert struct.unpack("<BBHIIIqqiI", wire[:40]) == (1, 33, 7, 8, 9, 4, 10, 900, 600, 90_000)
    assert wire[40:] == b"unit"


def test_a_sequence_number_wraps() -> None:
    record = MediaRecord(RecordKind.VIDEO, 0, 0, 0, 2**32 + 5, UtcUs(0), 0, 0, 1, b"")
    assert unpack_all(pack(record))[0].sequence == 5


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (b"", "empty"),
        (b"\1" * 39, "header cut off"),
        (struct.pack("<BBHIIIqqiI", 4, 0, 0, 0, 0, 0, 0, 0, 0, 1), "unknown kind 4"),
        (struct.pack("<BBHIIIqqiI", 1, 128, 0, 0, 0, 0, 0, 0, 0, 1), "unknown flags"),
        (struct.pack("<BBHIIIqqiI", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), "timescale of 0"),
        (struct.pack("<BBHIIIqqiI", 1, 0, 0, 0, 0, 5, 0, 0, 0, 1) + b"1234", "cut off: 4 of 5"),
        (struct.pack("<BBHIIIqqiI", 1, 0, 0, 0, 0, MOST_PAYLOAD_BYTES + 1, 0, 0, 0, 1), "more than"),
    ],
)
def test_wrong_records_are_named(wire: bytes, said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        unpack_all(wire)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x05",
        b"\x05\x00abc",
        b"\x02\x00{}",
        b"\x02\x00[]",
        b'\x10\x00{"codec":"vp10"}',
        b'\x1a\x00{"codec":"h264","width":-1}',
    ],
)
def test_wrong_configurations_are_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        config_of(MediaRecord(RecordKind.CONFIG, 0, 0, 0, 0, UtcUs(0), 0, 0, 1, payload))
