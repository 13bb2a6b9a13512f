"""Turns access units into pictures and sound that can be shown: libav's decoders, scaler and resampler.

The av types stay behind this file: the rest of the product handles a `Picture` as a whole.
"""

from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import CodecContext
from av.codec.context import Flags as CodecFlags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.media.access_unit import AccessUnit, Codec, CodecConfig

PCM_RATE_HZ = 48_000
PCM_CHANNELS = 2
PCM_FRAME_BYTES = 2 * PCM_CHANNELS

MOST_SIDE_PX = 16_384
_MOST_IN_DECODER = 128  # units whose picture has not come out yet; libav holds at most 16 + its threads

_FAST = int(Interpolation.FAST_BILINEAR)  # by number, and one thread: a tile is scaled in less time than threads wake
_BGRA: Any = VideoFormat("bgra")  # libav looks names up in a long list; PyAV's stubs know names only
_YUV: Any = VideoFormat("yuv420p")
_VIDEO_NAMES = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MJPEG: "mjpeg"}
_AUDIO_NAMES = {Codec.AAC: "aac", Codec.OPUS: "opus", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}


class DecodeError(VmsError):
    """A track cannot be decoded: its configuration is broken, or libav refuses an access unit."""

    message_key = "media.cannot_decode"
    retryable = True


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture. `pts` in ticks of its track, `utc_us` the recorder's wall time of presentation."""

    frame: VideoFrame = field(repr=False)
    pts: int
    utc_us: UtcUs

    @property
    def width_px(self) -> int:
        return int(self.frame.width)

    @property
    def height_px(self) -> int:
        return int(self.frame.height)


class VideoDecoder:
    """Decodes one video track on one thread. Not safe to call from two threads at once."""

    def __init__(self, config: CodecConfig) -> None:
        """Raises DecodeError when libav has no use for `config`."""
        if config.codec not in _VIDEO_NAMES:
            raise DecodeError(f"{config.codec} is no video codec")
        self.config = config
        try:
            context = CodecContext.create(_VIDEO_NAMES[config.codec], "r")
            assert isinstance(context, VideoCodecContext)
            if config.record:
                context.extradata = config.record
            context.thread_count = 1  # frame threads would hold back as many pictures as there are threads
            context.flags |= CodecFlags.low_delay
            context.open()
        except (av.FFmpegError, ValueError) as broken:
            raise DecodeError(f"{config.codec} decoder refused the configuration: {broken}") from None
        self._context = context
        self._utc_by_pts: dict[int, UtcUs] = {}

    def decode(self, unit: AccessUnit) -> list[Picture]:
        """Return the pictures that `unit` completes, in order of presentation: none, one, or more after a reordering.

        Raises DecodeError when libav refuses the unit; go on with the next keyframe after `reset`.
        """
        packet = Packet(unit.data)
        packet.pts, packet.dts = unit.pts, unit.dts
        packet.is_keyframe = unit.keyframe
        self._utc_by_pts[unit.pts] = unit.utc_us
        while len(self._utc_by_pts) > _MOST_IN_DECODER:
            del self._utc_by_pts[next(iter(self._utc_by_pts))]
        return self._decode(packet)

    def drain(self) -> list[Picture]:
        """Return what is still inside; the decoder then waits for a keyframe."""
        try:
            return self._decode(None)
        finally:
            self.reset()

    def reset(self) -> None:
        """Forget all references: the next unit must be a keyframe."""
        self._context.flush_buffers()
        self._utc_by_pts.clear()

    def _decode(self, packet: "Packet[Any] | None") -> list[Picture]:
        try:
            frames = self._context.decode(packet)
        except av.EOFError:
            return []
        except (av.FFmpegError, ValueError) as broken:
            raise DecodeError(f"{self.config.codec} unit cannot be decoded: {broken}") from None
        pictures: list[Picture] = []
        for frame in frames:
            utc_us = None if frame.pts is None else self._utc_by_pts.pop(frame.pts, None)
            if utc_us is not None and frame.pts is not None and max(frame.width, frame.height) <= MOST_SIDE_PX:
                pictures.append(Picture(frame, frame.pts, utc_us))
        return pictures


class PictureScaler:
    """Scales pictures, keeping libav's scaler between calls: building one costs twice what scaling a tile costs."""

    def __init__(self) -> None:
        self._to_bgra = VideoReformatter()
        self._to_small = VideoReformatter()

    def bgra_into(self, picture: Picture, width_px: int, height_px: int, out: memoryview) -> None:
        """Write `picture` as BGRA, rows without padding, into `out`: exactly width_px * height_px * 4 bytes."""
        frame = self._to_bgra.reformat(
            picture.frame, width=width_px, height=height_px, format=_BGRA, interpolation=_FAST, threads=1
        )
        row_bytes = width_px * 4
        plane = frame.planes[0]
        if plane.line_size == row_bytes:
            out[:] = memoryview(plane)[: row_bytes * height_px]
            return
        rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * height_px].reshape(
            height_px, plane.line_size
        )
        np.frombuffer(out, np.uint8).reshape(height_px, row_bytes)[:] = rows[:, :row_bytes]

    def shrunk(self, picture: Picture, width_px: int, height_px: int) -> Picture:
        """Return `picture` no larger than asked (YUV 4:2:0), itself when it is small enough already."""
        if picture.width_px <= width_px and picture.height_px <= height_px:
            return picture
        width_px, height_px = max(2, width_px & ~1), max(2, height_px & ~1)
        frame = self._to_small.reformat(
            picture.frame, width=width_px, height=height_px, format=_YUV, interpolation=_FAST, threads=1
        )
        return Picture(frame, picture.pts, picture.utc_us)


def fit_px(picture_px: tuple[int, int], box_px: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size inside `box_px` that keeps the shape of `picture_px`; at least 2 x 2."""
    width, height = picture_px
    box_width, box_height = box_px
    if width * box_height >= box_width * height:
        return max(2, box_width), max(2, round(box_width * height / max(1, width)))
    return max(2, round(box_height * width / max(1, height))), max(2, box_height)


@dataclass(frozen=True, slots=True)
class PcmBlock:
    """Sound from `utc_us` on: signed 16 bit, little-endian, two channels interleaved, 48 kHz."""

    samples: bytes
    utc_us: UtcUs

    @property
    def frames(self) -> int:
        return len(self.samples) // PCM_FRAME_BYTES


class AudioDecoder:
    """Decodes one audio track to what every sound device takes."""

    def __init__(self, config: CodecConfig) -> None:
        """Raises DecodeError when libav has no use for `config`."""
        if config.codec not in _AUDIO_NAMES:
            raise DecodeError(f"{config.codec} is no audio codec")
        self.config = config
        try:
            context = CodecContext.create(_AUDIO_NAMES[config.codec], "r")
            assert isinstance(context, AudioCodecContext)
            if config.codec is Codec.AAC:
                context.extradata = config.record
            else:
                context.sample_rate = config.sample_rate_hz or (48_000 if config.codec is Codec.OPUS else 8_000)
                context.layout = "stereo" if config.channels == 2 else "mono"
            context.open()
        except (av.FFmpegError, ValueError) as broken:
            raise DecodeError(f"{config.codec} decoder refused the configuration: {broken}") from None
        self._context = context
        self._resampler = AudioResampler(format="s16", layout="stereo", rate=PCM_RATE_HZ)

    def decode(self, unit: AccessUnit) -> PcmBlock:
        """Return the sound of `unit`, which may be empty at the start. Raises DecodeError."""
        packet = Packet(unit.data)
        packet.pts = packet.dts = unit.pts
        try:
            frames = self._context.decode(packet)
            parts = [self._pcm(frame) for frame in frames]
        except (av.FFmpegError, ValueError) as broken:
            raise DecodeError(f"{self.config.codec} unit cannot be decoded: {broken}") from None
        return PcmBlock(b"".join(parts), unit.utc_us)

    def _pcm(self, frame: AudioFrame) -> bytes:
        frame.pts = None  # the resampler fills jumps of pts with silence; pacing is the caller's work
        resampled = self._resampler.resample(frame)
        return b"".join(bytes(out.planes[0])[: out.samples * PCM_FRAME_BYTES] for out in resampled)
