"""Encodes what a simulated camera sees and hears: live H.264 pictures and an endless loop of AAC sound.

Pictures are encoded as they are needed because their clock shows the real time. The sound repeats every 4 s and is
encoded once.
"""

from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from common.foundation.clock import UtcUs
from common.foundation.errors import DeviceError
from common.media import h264
from common.media.access_unit import Codec, CodecConfig
from common.media.nal import prefixed, split_annex_b
from common.media.test_scene import Scene

VIDEO_TIMESCALE = 90_000
SOUND_RATE_HZ = 48_000
SOUND_FRAME_SAMPLES = 1024
_LOOP_FRAMES = 188  # 4.01 s


class LiveClip:
    """Draws and encodes pictures of a scene one after the other. For one thread at a time."""

    def __init__(self, name: str, width_px: int = 960, height_px: int = 540, fps: int = 25, gop: int = 25) -> None:
        self._scene = Scene(name, width_px, height_px)
        self._fps = fps
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width_px, height_px, "yuv420p"
        context.time_base = Fraction(1, VIDEO_TIMESCALE)
        context.framerate = Fraction(fps)
        context.gop_size = gop
        context.thread_count = 1
        context.flags |= Flags.global_header
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": "24",
            "maxrate": "2000k",
            "bufsize": "2000k",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:log-level=none",
        }
        try:
            context.open()
        except av.FFmpegError as broken:
            raise DeviceError(f"the simulated camera cannot encode {width_px}x{height_px}: {broken}") from None
        self._context = context
        sets = split_annex_b(bytes(context.extradata or b""))
        record = h264.configuration_record(
            [nal for nal in sets if nal[0] & 31 == h264.SPS], [nal for nal in sets if nal[0] & 31 == h264.PPS]
        )
        self.config = CodecConfig(Codec.H264, VIDEO_TIMESCALE, record, width_px=width_px, height_px=height_px)

    def picture(self, at: UtcUs, pts: int, force_keyframe: bool = False) -> tuple[bytes, bool]:
        """Return the coded picture of `at` and whether it is a keyframe."""
        luma, blue, red = self._scene.frame(at)
        flat = np.concatenate((luma.ravel(), blue.ravel(), red.ravel())).reshape(-1, luma.shape[1])
        frame = av.VideoFrame.from_ndarray(flat, format="yuv420p")
        frame.pts = pts
        frame.time_base = Fraction(1, VIDEO_TIMESCALE)
        if force_keyframe:
            frame.pict_type = av.video.frame.PictureType.I
        packets = self._context.encode(frame)
        nals = [nal for packet in packets for nal in split_annex_b(bytes(packet)) if nal[0] & 31 <= h264.SLICE_IDR]
        return prefixed(nals), any(nal[0] & 31 == h264.SLICE_IDR for nal in nals)


@cache
def sound_loop(key: int) -> tuple[CodecConfig, tuple[bytes, ...]]:
    """Return soft chimes as AAC frames that may be repeated without a seam. `key` 0-3 picks the melody."""
    samples = _LOOP_FRAMES * SOUND_FRAME_SAMPLES
    time_s = np.arange(samples) / SOUND_RATE_HZ
    wave = np.zeros(samples)
    base_hz = (262, 294, 330, 392)[key % 4]
    for beat, ratio in enumerate((1.0, 1.25, 1.5, 1.25)):
        since = (time_s - beat) % (samples / SOUND_RATE_HZ)
        for overtone, loudness in ((1, 0.10), (2, 0.03), (3, 0.012)):
            wave += loudness * np.exp(-since * 3.5) * np.sin(2 * np.pi * base_hz * ratio * overtone * since)
    pcm = np.tile(wave, 3).astype(np.float32)[None, :]  # the encoder's start and end fall into the outer two
    context = av.CodecContext.create("aac", "w")
    context.sample_rate = SOUND_RATE_HZ
    context.layout = "mono"
    context.format = "fltp"
    context.bit_rate = 48_000
    context.time_base = Fraction(1, SOUND_RATE_HZ)
    packets: list[bytes] = []
    for number in range(3 * _LOOP_FRAMES):
        part = np.ascontiguousarray(pcm[:, number * SOUND_FRAME_SAMPLES : (number + 1) * SOUND_FRAME_SAMPLES])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE_HZ, number * SOUND_FRAME_SAMPLES
        frame.time_base = Fraction(1, SOUND_RATE_HZ)
        packets += [bytes(packet) for packet in context.encode(frame)]
    record = bytes(context.extradata or b"")
    config = CodecConfig(Codec.AAC, SOUND_RATE_HZ, record, sample_rate_hz=SOUND_RATE_HZ, channels=1)
    return config, tuple(packets[_LOOP_FRAMES : 2 * _LOOP_FRAMES])
