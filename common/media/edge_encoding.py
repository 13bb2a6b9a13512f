"""Codes a few pictures anew so that they can stand beside what a camera coded: the edges of an exact cut.

H.264: x264 gets a parameter set number that the camera does not use, and the configuration record then holds both sets.
H.265: x265 has no such setting; each keyframe carries its parameter sets in band (`hev1`, ISO/IEC 14496-15, 8.4.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.codec.context import Flags as CodecFlags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from common.foundation.clock import UtcUs
from common.foundation.errors import ProtocolError
from common.media import h264, h265
from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.decoding import DecodeError, Picture, VideoDecoder
from common.media.nal import prefixed, split_annex_b

_H264_PROFILES = {66: "baseline", 77: "main"}
_MOST_SET_NUMBER = 31
_HEVC_ARRAYS_AT = 22  # HEVCDecoderConfigurationRecord: numOfArrays


@dataclass(frozen=True, slots=True)
class CodedEdge:
    """Pictures coded anew, the first of them a keyframe. `sets`: their parameter sets."""

    units: tuple[AccessUnit, ...]
    sets: tuple[bytes, ...]


def decoded(config: CodecConfig, units: Iterable[AccessUnit]) -> Iterator[Picture]:
    """All pictures of some GOPs, in order of presentation. Raises DecodeError."""
    decoder = VideoDecoder(config)
    for unit in units:
        yield from decoder.decode(unit)
    yield from decoder.drain()


def code_edge(
    config: CodecConfig, units: Sequence[AccessUnit], start: UtcUs, end: UtcUs, set_number: int
) -> CodedEdge | None:
    """Code what a GOP shows in `start <= t < end` anew; None when that is nothing.

    Decode times are as late as the camera's, so that the two join without a step. Raises DecodeError when the GOP
    cannot be decoded or its form cannot be encoded.
    """
    delay = units[0].pts - units[0].dts
    context: VideoCodecContext | None = None
    utc_by_pts: dict[int, UtcUs] = {}
    packets = []
    try:
        for picture in decoded(config, units):
            if not start <= picture.utc_us < end:
                continue
            frame = picture.frame
            frame.time_base = Fraction(1, config.timescale)
            if context is None:
                context = _encoder(config, picture, set_number)
                frame.pict_type = PictureType.I
            else:
                frame.pict_type = PictureType.NONE  # as the encoder likes it
            utc_by_pts[picture.pts] = picture.utc_us
            packets += context.encode(frame)
        if context is None:
            return None
        packets += context.encode(None)
    except (av.FFmpegError, ValueError) as refused:
        raise DecodeError(f"pictures like the camera's cannot be encoded: {refused}") from None
    avc = config.codec is Codec.H264
    sets = split_annex_b(bytes(context.extradata or b""))
    made = []
    for packet in packets:
        if packet.pts is None or packet.pts not in utc_by_pts:
            raise DecodeError("the encoder gave a picture that it was not given")
        nals = [nal for nal in split_annex_b(bytes(packet)) if _is_picture(nal, avc=avc)]
        made.append(
            AccessUnit(prefixed(nals), packet.pts, packet.pts - delay, utc_by_pts[packet.pts], packet.is_keyframe)
        )
    if len(made) != len(utc_by_pts) or not made[0].keyframe:
        raise DecodeError("the encoder left out pictures")
    return CodedEdge(tuple(made), tuple(nal for nal in sets if _is_set(nal, avc=avc)))


def _encoder(config: CodecConfig, like: Picture, set_number: int) -> VideoCodecContext:
    context = CodecContext.create("libx264" if config.codec is Codec.H264 else "libx265", "w")
    assert isinstance(context, VideoCodecContext)
    frame = like.frame
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base, context.framerate = Fraction(1, config.timescale), Fraction(25)
    context.color_range, context.colorspace = frame.color_range, frame.colorspace
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    context.thread_count = 1
    context.flags |= CodecFlags.global_header
    if config.codec is Codec.H264:
        context.options = {
            "preset": "veryfast",
            "crf": "14",
            "x264-params": f"keyint=infinite:bframes=0:scenecut=0:sps-id={set_number}:aud=0:log-level=none",
        }
        profile = _H264_PROFILES.get(config.record[1] if len(config.record) > 1 else 0)
        if profile:
            context.options["profile"] = profile
    else:
        params = "keyint=-1:bframes=0:scenecut=0:repeat-headers=0:pools=1:frame-threads=1:log-level=none"
        context.options = {"preset": "veryfast", "crf": "16", "x265-params": params}
    context.open()
    return context


def _is_picture(nal: bytes, *, avc: bool) -> bool:
    return nal[0] & 31 in (1, 5) if avc else h265.nal_type(nal) < 32


def _is_set(nal: bytes, *, avc: bool) -> bool:
    return nal[0] & 31 in (h264.SPS, h264.PPS) if avc else h265.nal_type(nal) in (32, 33, 34)


def free_set_numbers(config: CodecConfig) -> list[int]:
    """H.264 parameter set numbers that the configuration does not use, the highest first."""
    used = {h264.pps_ids(nal)[0] for nal in record_sets(config) if nal[0] & 31 == h264.PPS}
    used |= {h264.pps_ids(nal)[1] for nal in record_sets(config) if nal[0] & 31 == h264.PPS}
    return [number for number in range(_MOST_SET_NUMBER, -1, -1) if number not in used]


def record_sets(config: CodecConfig) -> list[bytes]:
    """The parameter sets in a configuration record. Raises ProtocolError when it is cut short."""
    record, sets = config.record, []
    try:
        if config.codec is Codec.H264:
            at = 5
            for mask in (0x1F, 0xFF):
                count, at = record[at] & mask, at + 1
                for _ in range(count):
                    size = int.from_bytes(record[at : at + 2], "big")
                    sets.append(record[at + 2 : at + 2 + size])
                    at += 2 + size
        else:
            at = _HEVC_ARRAYS_AT + 1
            for _ in range(record[_HEVC_ARRAYS_AT]):
                count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
                for _ in range(count):
                    size = int.from_bytes(record[at : at + 2], "big")
                    sets.append(record[at + 2 : at + 2 + size])
                    at += 2 + size
    except IndexError:
        raise ProtocolError("the codec configuration is cut short", peer="The camera") from None
    return sets


def with_sets(config: CodecConfig, edges: Sequence[CodedEdge]) -> CodecConfig:
    """The configuration of a track whose edges were coded anew."""
    if config.codec is Codec.H264:
        sets = record_sets(config)
        for edge in edges:
            sets += [nal for nal in edge.sets if nal not in sets]
        kinds = ([nal for nal in sets if nal[0] & 31 == kind] for kind in (h264.SPS, h264.PPS))
        record = bytearray(h264.configuration_record(*kinds))
        levels = [config.record[3], *(nal[3] for edge in edges for nal in edge.sets if nal[0] & 31 == h264.SPS)]
        record[1], record[3] = config.record[1], max(levels)
        return replace(config, record=bytes(record))
    return config


def hev1_record(config: CodecConfig) -> bytes:
    """The record with `array_completeness` 0: parameter sets may also come in band."""
    record = bytearray(config.record)
    at = _HEVC_ARRAYS_AT + 1
    for _ in range(record[_HEVC_ARRAYS_AT]):
        record[at] &= 0x7F
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            at += 2 + int.from_bytes(record[at : at + 2], "big")
    return bytes(record)


def in_band(units: Sequence[AccessUnit], sets: Sequence[bytes]) -> tuple[AccessUnit, ...]:
    """The same units, each keyframe behind its parameter sets."""
    front = prefixed(sets)
    return tuple(replace(unit, data=front + unit.data) if unit.keyframe else unit for unit in units)
