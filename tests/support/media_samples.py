"""Tiny encoded pictures and sounds, as access units with their configuration, made on the spot with PyAV."""

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import AccessUnit, Codec, CodecConfig

START_UTC = UtcUs(1_700_000_000_000_000)
VIDEO_TIMESCALE = 90_000


def picture(number: int, width_px: int, height_px: int) -> np.ndarray:
    """A picture that changes from frame to frame."""
    rows, columns = np.mgrid[0:height_px, 0:width_px]
    rgb = np.stack([rows + 3 * number, columns + 2 * number, rows + columns], axis=-1) % 256
    return rgb.astype(np.uint8)


@cache
def video_sample(
    codec: Codec = Codec.H264,
    frames: int = 50,
    fps: int = 25,
    gop: int = 25,
    width_px: int = 160,
    height_px: int = 96,
    b_frames: int = 0,
) -> tuple[CodecConfig, tuple[AccessUnit, ...]]:
    """Encode `frames` pictures; UTC starts at START_UTC and follows media time."""
    file = io.BytesIO()
    encoder = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.MJPEG: "mjpeg"}[codec]
    with av.open(file, "w", format="mov" if codec is Codec.MJPEG else "mp4") as out:
        stream = out.add_stream(encoder, rate=fps)
        stream.width, stream.height = width_px, height_px
        stream.pix_fmt = "yuvj420p" if codec is Codec.MJPEG else "yuv420p"
        stream.time_base = Fraction(1, fps)
        if codec is not Codec.MJPEG:
            stream.codec_context.gop_size = gop
            stream.codec_context.max_b_frames = b_frames
            params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:log-level=none"
            stream.options = {"preset": "ultrafast", "x264-params" if codec is Codec.H264 else "x265-params": params}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, width_px, height_px), format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as back:
        source = back.streams.video[0]
        config = CodecConfig(
            codec,
            VIDEO_TIMESCALE,
            b"" if codec is Codec.MJPEG else bytes(source.codec_context.extradata or b""),
            width_px=width_px,
            height_px=height_px,
        )
        packets = [packet for packet in back.demux(source) if packet.dts is not None]
        tick = source.time_base * VIDEO_TIMESCALE
        first_dts = int(packets[0].dts * tick)
        units = tuple(
            AccessUnit(
                bytes(packet),
                int(packet.pts * tick) - first_dts,
                int(packet.dts * tick) - first_dts,
                UtcUs(START_UTC + int(packet.pts * tick * US_PER_S / VIDEO_TIMESCALE)),
                codec is Codec.MJPEG or packet.is_keyframe,
                packet.is_disposable,
            )
            for packet in packets
        )
    return config, units


@cache
def audio_sample(codec: Codec = Codec.AAC, seconds: float = 2.0) -> tuple[CodecConfig, tuple[AccessUnit, ...]]:
    """Encode a tone; G.711 at 8 kHz, the others at 48 kHz, all mono."""
    encoder = {Codec.AAC: "aac", Codec.OPUS: "libopus", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}[codec]
    rate = 8_000 if codec in (Codec.PCMA, Codec.PCMU) else 48_000
    context = av.CodecContext.create(encoder, "w")
    context.sample_rate = rate
    context.layout = "mono"
    context.format = "fltp" if codec is Codec.AAC else "s16"
    context.time_base = Fraction(1, rate)
    if codec is Codec.AAC:
        context.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: AudioSpecificConfig out of band, no ADTS
    context.open()
    block = context.frame_size or rate // 50
    packets: list[bytes] = []
    for at in range(0, int(seconds * rate) - block + 1, block):
        tone = np.sin(np.arange(at, at + block) * 440 * 2 * np.pi / rate) * 0.5
        samples = tone.astype(np.float32) if codec is Codec.AAC else (tone * 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format=context.format.name, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        packets += [bytes(packet) for packet in context.encode(frame)]
    record = bytes(context.extradata or b"") if codec is Codec.AAC else b""
    config = CodecConfig(codec, rate, record, sample_rate_hz=rate, channels=1)
    units = tuple(
        AccessUnit(data, n * block, n * block, UtcUs(START_UTC + n * block * US_PER_S // rate), True)
        for n, data in enumerate(packets)
    )
    return config, units
