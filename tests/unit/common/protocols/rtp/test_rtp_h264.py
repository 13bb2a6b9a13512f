"""H.264 and H.265 over RTP: the same pictures come out however they were cut into packets."""

import base64
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.media import h264
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.nal import split_prefixed
from common.protocols.rtp.h264 import H264Depacketizer
from common.protocols.rtp.h265 import H265Depacketizer
from common.protocols.rtp.receiver import RtpReceiver
from common.protocols.rtp.units import MediaUnit
from common.protocols.rtsp.messages import BUFFER_BYTES, StreamCutter
from tests.support.media_samples import video_sample
from tests.support.rtp_packets import packets, sets_of


class Collected:
    def __init__(self) -> None:
        self.configs: list[CodecConfig] = []
        self.units: list[MediaUnit] = []

    def config(self, config: CodecConfig) -> None:
        self.configs.append(config)

    def unit(self, unit: MediaUnit) -> None:
        self.units.append(unit)


def receive(codec: Codec, wire: list[bytes]) -> Collected:
    sink = Collected()
    form = H264Depacketizer(sink) if codec is Codec.H264 else H265Depacketizer(sink)
    receiver = RtpReceiver(form, 96, 90_000)
    for packet in wire:
        receiver.packet(memoryview(packet), 0, len(packet))
    return sink


def receive_interleaved(codec: Codec, wire: list[bytes], step: int) -> tuple[Collected, RtpReceiver]:
    """The same over RTSP's interleaved frames, `step` bytes a read, with the receiver's short way."""
    sink = Collected()
    form = H264Depacketizer(sink) if codec is Codec.H264 else H265Depacketizer(sink)
    receiver = RtpReceiver(form, 96, 90_000)
    cutter = StreamCutter(lambda _channel, data, start, end: receiver.packet(data, start, end), lambda _message: None)
    cutter.channels = frozenset({2})
    cutter.runs[2] = partial(receiver.run, 2)
    stream = b"".join(b"$\x02" + len(packet).to_bytes(2, "big") + packet for packet in wire)
    buffer, have = memoryview(bytearray(BUFFER_BYTES)), 0
    for at in range(0, len(stream), step):
        data = stream[at : at + step]
        buffer[have : have + len(data)] = data
        have += len(data)
        used = cutter.cut(buffer, have)
        buffer[: have - used] = bytes(buffer[used:have])
        have -= used
    assert have == 0
    return sink, receiver


def expected(units: tuple[AccessUnit, ...]) -> list[bytes]:
    dropped = {h264.AUD}
    return [
        b"".join(len(nal).to_bytes(4, "big") + nal for nal in split_prefixed(unit.data) if nal[0] & 31 not in dropped)
        for unit in units
    ]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@given(most=st.integers(min_value=20, max_value=3000))
@settings(max_examples=15, deadline=None)
def test_pictures_do_not_depend_on_how_they_are_cut(codec: Codec, most: int) -> None:
    config, units = video_sample(codec, frames=12, gop=5)
    sink = receive(codec, packets(codec, units, most, sets_of(config)))
    assert [unit.pts - sink.units[0].pts for unit in sink.units] == [unit.pts - units[0].pts for unit in units]
    assert [unit.keyframe for unit in sink.units] == [unit.keyframe for unit in units]
    assert not any(unit.damaged for unit in sink.units)
    if codec is Codec.H264:
        assert [unit.data for unit in sink.units] == expected(units)
    assert [(c.width_px, c.height_px) for c in sink.configs] == [(160, 96)]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@given(
    most=st.integers(min_value=20, max_value=300),
    step=st.integers(min_value=1, max_value=20_000),
    lost=st.sets(st.integers(min_value=0, max_value=400), max_size=4),
    twice=st.sets(st.integers(min_value=0, max_value=400), max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_the_short_way_gives_what_the_long_way_gives(
    codec: Codec, most: int, step: int, lost: set[int], twice: set[int]
) -> None:
    config, units = video_sample(codec, frames=12, gop=5)
    sent = packets(codec, units, most, sets_of(config))
    wire = [packet for at, packet in enumerate(sent) if at not in lost for _ in range(1 + (at in twice))]
    sink = Collected()
    receiver = RtpReceiver(H264Depacketizer(sink) if codec is Codec.H264 else H265Depacketizer(sink), 96, 90_000)
    for packet in wire:
        receiver.packet(memoryview(packet), 0, len(packet))
    short, by_runs = receive_interleaved(codec, wire, step)
    assert (short.units, short.configs) == (sink.units, sink.configs)
    assert by_runs.reception(0.0) == receiver.reception(0.0)
    assert (by_runs.lost_packets, by_runs.ignored_packets) == (receiver.lost_packets, receiver.ignored_packets)


def test_a_lost_packet_damages_pictures_until_the_next_keyframe() -> None:
    config, units = video_sample(Codec.H264, frames=15, gop=5)
    wire = packets(Codec.H264, units, 60, sets_of(config))
    second = next(i for i, packet in enumerate(wire) if int.from_bytes(packet[4:8], "big") == units[1].pts & 0xFFFFFFFF)
    del wire[second]
    damaged = [unit.damaged for unit in receive(Codec.H264, wire).units]
    assert damaged[0] is False
    assert any(damaged[1:5])
    assert damaged[5:] == [False] * (len(damaged) - 5)


def test_joining_in_mid_gop_is_damaged_until_the_keyframe() -> None:
    config, units = video_sample(Codec.H264, frames=10, gop=5)
    sets = ",".join(base64.b64encode(nal).decode() for nal in sets_of(config))
    sink = Collected()
    receiver = RtpReceiver(H264Depacketizer(sink, sets), 96, 90_000)
    for packet in packets(Codec.H264, units[2:], 500, []):
        receiver.packet(memoryview(packet), 0, len(packet))
    assert [unit.damaged for unit in sink.units] == [True] * 3 + [False] * 5


def test_b_pictures_get_rising_decode_times_not_after_their_presentation() -> None:
    config, units = video_sample(Codec.H264, frames=24, gop=12, b_frames=2)
    sink = receive(Codec.H264, packets(Codec.H264, units, 500, sets_of(config)))
    assert len({unit.pts for unit in sink.units}) == len(units)
    times = [unit.dts for unit in sink.units]
    assert times == sorted(set(times))
    assert all(unit.dts <= unit.pts for unit in sink.units)
    assert any(unit.disposable for unit in sink.units)


def test_extension_padding_and_sources_are_stepped_over() -> None:
    config, units = video_sample(Codec.H264, frames=3, gop=5)
    plain = packets(Codec.H264, units, 500, sets_of(config))
    dressed = [
        bytes((0x80 | 0x30 | 2,)) + p[1:12] + bytes(8) + b"\xab\xac\0\1" + bytes(4) + p[12:] + b"\0\0\3" for p in plain
    ]
    assert receive(Codec.H264, dressed).units == receive(Codec.H264, plain).units
