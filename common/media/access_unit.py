"""The one representation of a picture or sound: what is stored, relayed, exported and decoded."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

from common.foundation.clock import UtcUs

TrackName = NewType("TrackName", str)
"""`primary` or `secondary`: which recording track of a device."""
PRIMARY = TrackName("primary")
SECONDARY = TrackName("secondary")


class MediaKind(IntEnum):
    """What a track holds; the numbers are on the wire and in files."""

    VIDEO = 1
    AUDIO = 2
    METADATA = 3


class Codec(StrEnum):
    """Codecs we carry untouched. `record` of CodecConfig is given for each."""

    H264 = "h264"  # AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3)
    H265 = "h265"  # HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3)
    MJPEG = "mjpeg"  # empty; each access unit is a whole JFIF picture
    AAC = "aac"  # AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); units are raw, without ADTS
    OPUS = "opus"  # empty, or the body of a `dOps` box (Opus in ISOBMFF, 4.3.2); units are Opus packets (RFC 6716)
    PCMA = "pcma"  # empty; A-law, G.711
    PCMU = "pcmu"  # empty; mu-law, G.711
    ONVIF_XML = "onvif-xml"  # the namespace of the XML, UTF-8; units are whole documents (tt:MetadataStream)
    MOTION_GRID = (
        "motion-grid"  # u16 columns, u16 rows, big-endian; units are grids of bits (media database, FORMAT.md)
    )


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """What a decoder must know before the first access unit of a track.

    `timescale` is the ticks per second of `pts` and `dts` (90 000 for video, the sampling rate for audio).
    `width_px` and `height_px` are the displayed size of video, 0 for audio; `sample_rate_hz` and
    `channels` the reverse; metadata has neither.
    """

    codec: Codec
    timescale: int
    record: bytes = b""
    width_px: int = 0
    height_px: int = 0
    sample_rate_hz: int = 0
    channels: int = 0

    @property
    def kind(self) -> MediaKind:
        return _KINDS.get(self.codec, MediaKind.AUDIO)


_KINDS = {
    **dict.fromkeys((Codec.H264, Codec.H265, Codec.MJPEG), MediaKind.VIDEO),
    **dict.fromkeys((Codec.ONVIF_XML, Codec.MOTION_GRID), MediaKind.METADATA),
}


@dataclass(slots=True)
class AccessUnit:
    """One coded picture or audio block. Never changed once made; not frozen because making one is on the hot path.

    `data`: H.264 and H.265 as NAL units, each behind its length (u32 big-endian), without parameter sets in band where
    the configuration record holds them, and without access unit delimiters.
    `pts`, `dts`: ticks of the track's timescale, rising without wrap within a run; equal for audio, MJPEG and metadata.
    `utc_us`: the recorder's wall time of presentation, repaired (see server.recording.ingest.timeline); strictly
    rising in dts order within a run where pts == dts.
    `keyframe`: decodable alone; always true for audio, MJPEG and metadata.
    `disposable`: no other unit refers to it, so a late viewer may skip it.
    """

    data: bytes
    pts: int
    dts: int
    utc_us: UtcUs
    keyframe: bool
    disposable: bool = False
