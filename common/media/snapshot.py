"""One picture of a keyframe, as a JPEG."""

from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from common.media.access_unit import AccessUnit, Codec, CodecConfig
from common.media.decoding import DecodeError

_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MJPEG: "mjpeg"}


def jpeg_of(config: CodecConfig, keyframe: AccessUnit, most_width_px: int) -> bytes:
    """Decode a keyframe and return it as a JPEG at most `most_width_px` wide; raises DecodeError when it is broken."""
    try:
        decoder = CodecContext.create(_DECODERS[config.codec], "r")
        assert isinstance(decoder, VideoCodecContext)
        if config.record:
            decoder.extradata = config.record
        frames = decoder.decode(Packet(keyframe.data)) or decoder.decode(None)
        if not frames:
            raise DecodeError("the keyframe holds no picture")
        width = min(frames[0].width, most_width_px) & ~1
        height = max(2, round(frames[0].height * width / frames[0].width) & ~1)
        frame = frames[0].reformat(width=width, height=height, format="yuvj420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        encoder = CodecContext.create("mjpeg", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
        encoder.time_base = Fraction(1, 25)
        return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    except (av.FFmpegError, ValueError, KeyError) as broken:
        raise DecodeError(f"the keyframe cannot be decoded: {broken}") from None
