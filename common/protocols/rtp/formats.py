"""Which payload formats we take, chosen from the session description."""

from common.foundation.errors import ProtocolError
from common.media.access_unit import Codec, CodecConfig
from common.protocols.rtp.audio import AacDepacketizer, PlainAudioDepacketizer
from common.protocols.rtp.h264 import H264Depacketizer
from common.protocols.rtp.h265 import H265Depacketizer
from common.protocols.rtp.jpeg import JpegDepacketizer
from common.protocols.rtp.metadata import XmlDepacketizer
from common.protocols.rtp.units import Depacketizer, UnitSink
from common.protocols.sdp import MediaDescription

_VIDEO = frozenset({"H264", "H265", "HEVC", "JPEG"})
_METADATA = "VND.ONVIF.METADATA"  # ONVIF Streaming Specification, 5.1.2.1.1
_AUDIO = frozenset({"MPEG4-GENERIC", "OPUS", "PCMA", "PCMU"})


def is_carried(media: MediaDescription) -> bool:
    """Whether we can take this stream."""
    if media.direction == "inactive":
        return False
    if media.kind == "video":
        return media.encoding in _VIDEO
    if media.kind == "application":
        return media.encoding == _METADATA
    if media.kind == "audio":
        generic = media.encoding == "MPEG4-GENERIC"
        return media.encoding in _AUDIO and (
            not generic or media.parameters.get("mode", "AAC-hbr").upper()[:3] == "AAC"
        )
    return False


def clock_rate_hz(media: MediaDescription) -> int:
    """Return the RTP clock of a stream that we carry."""
    if media.kind in ("video", "application"):
        return 90_000
    if media.encoding == "OPUS":
        return 48_000
    return media.clock_hz or 8000


def depacketizer_for(media: MediaDescription, sink: UnitSink) -> Depacketizer:
    """Return what takes this stream's payloads; raises ProtocolError when its parameters are not usable."""
    parameters = media.parameters
    match media.encoding:
        case "H264":
            if parameters.get("packetization-mode") == "2":
                raise ProtocolError("it sends H.264 in interleaved mode, which is not supported", peer="The camera")
            return H264Depacketizer(sink, parameters.get("sprop-parameter-sets", ""))
        case "H265" | "HEVC":
            if parameters.get("sprop-max-don-diff", "0") != "0":
                raise ProtocolError("it sends H.265 out of decoding order, which is not supported", peer="The camera")
            return H265Depacketizer(sink, tuple(parameters.get(f"sprop-{kind}", "") for kind in ("vps", "sps", "pps")))
        case "JPEG":
            return JpegDepacketizer(sink)
        case "MPEG4-GENERIC":
            return AacDepacketizer(sink, media.clock_hz, parameters)
        case "OPUS":
            channels = 2 if parameters.get("sprop-stereo") == "1" else 1
            config = CodecConfig(Codec.OPUS, 48_000, sample_rate_hz=48_000, channels=channels)
            return PlainAudioDepacketizer(sink, config)
        case "VND.ONVIF.METADATA":
            return XmlDepacketizer(sink, media.clock_hz or 90_000)
        case "PCMA" | "PCMU":
            codec = Codec.PCMA if media.encoding == "PCMA" else Codec.PCMU
            rate = media.clock_hz or 8000
            return PlainAudioDepacketizer(
                sink, CodecConfig(codec, rate, sample_rate_hz=rate, channels=media.channels or 1)
            )
    raise ProtocolError(f"it sends {media.encoding or 'an unnamed format'}, which is not supported", peer="The camera")
