"""Opens any URL or file that libav can demux and yields its access units in our own shape.

Blocking: run it in a thread of its own. `interrupt` is asked again and again while libav waits for the network.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from common.foundation.errors import DeviceError, DeviceRefused, DeviceUnreachable, ProtocolError
from common.media import h264, h265
from common.media.access_unit import Codec, CodecConfig
from common.media.nal import prefixed, split_annex_b, split_prefixed

_CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "mjpeg": Codec.MJPEG,
    "aac": Codec.AAC,
    "opus": Codec.OPUS,
    "pcm_alaw": Codec.PCMA,
    "pcm_mulaw": Codec.PCMU,
}
VIDEO_TIMESCALE = 90_000
MOST_UNIT_BYTES = 16 << 20


@dataclass(slots=True)
class InputUnit:
    """A demuxed access unit of track `index`; ticks of that track's timescale. `at_s`: its time from the start."""

    index: int
    data: bytes
    pts: int
    dts: int
    keyframe: bool
    disposable: bool
    at_s: float


class LibavInput:
    """One opened input. `configs` are its tracks: the first video and the first sound that we carry."""

    def __init__(self, url: str, timeout_s: float, options: dict[str, str] | None = None) -> None:
        """Raises DeviceRefused when there is nothing we carry or it says no, DeviceError when it is unreachable."""
        try:
            self._container = av.open(url, timeout=(timeout_s, timeout_s), options=options or {})
        except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError) as refused:
            raise DeviceRefused(f"wrong user name or password ({refused.strerror})") from None
        except (av.error.HTTPNotFoundError, av.error.FileNotFoundError) as missing:
            raise DeviceRefused(f"there is nothing at this address ({missing.strerror})") from None
        except (av.error.InvalidDataError, av.error.ProtocolNotFoundError, av.error.DemuxerNotFoundError) as odd:
            raise DeviceRefused(f"the address leads to nothing that holds video ({odd.strerror})") from None
        except (av.FFmpegError, OSError, ValueError) as lost:
            raise DeviceUnreachable(f"it cannot be opened: {getattr(lost, 'strerror', None) or lost}") from None
        try:
            self._shapers = self._choose()
        except BaseException:
            self._container.close()
            raise

    @property
    def configs(self) -> tuple[CodecConfig, ...]:
        """The tracks' configurations; complete after `units` has yielded the first unit of each."""
        return tuple(shaper.config for shaper in self._shapers)

    @property
    def frame_rate(self) -> float:
        """Pictures per second as the input says, 0 when it does not."""
        return next((shaper.frame_rate for shaper in self._shapers if shaper.frame_rate), 0.0)

    def _choose(self) -> list["_Shaper"]:
        shapers: list[_Shaper] = []
        kinds: set[str] = set()
        for stream in self._container.streams:
            name = getattr(stream.codec_context, "name", "") if stream.codec_context is not None else ""
            if stream.type in kinds or name not in _CODECS:
                continue
            kinds.add(stream.type)
            shapers.append(_Shaper(stream, _CODECS[name]))
        if not shapers:
            names = ", ".join(s.codec_context.name for s in self._container.streams if s.codec_context is not None)
            raise DeviceRefused(f"it sends no picture or sound in a format that Vedette records ({names or 'nothing'})")
        return shapers

    def units(self, stopped: Callable[[], bool]) -> Iterator[InputUnit]:
        """Yield units in decoding order until the end or `stopped` says so; raises DeviceError when it breaks."""
        by_stream = {shaper.stream.index: (index, shaper) for index, shaper in enumerate(self._shapers)}
        try:
            for packet in self._container.demux([shaper.stream for shaper in self._shapers]):
                if stopped():
                    return
                index, shaper = by_stream[packet.stream.index]
                for data, pts, dts, keyframe, disposable in shaper.shape(packet):
                    at_s = dts / shaper.config.timescale
                    yield InputUnit(index, data, pts, dts, keyframe, disposable, at_s)
        except av.FFmpegError as lost:
            if not stopped():
                raise DeviceError(f"it stopped sending: {lost.strerror}") from None

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Shaper:
    """Brings one stream's packets and configuration into our shape."""

    def __init__(self, stream: Stream, codec: Codec) -> None:
        self.stream = stream
        self.codec = codec
        self._length_bytes = 4
        self._annex_b = False
        self._filter: BitStreamFilterContext | None = None
        self._last_dts: int | None = None
        self.frame_rate = 0.0
        extra = bytes(stream.codec_context.extradata or b"")
        if isinstance(stream, VideoStream):
            self.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
            size = (stream.codec_context.width, stream.codec_context.height)
            self.config = CodecConfig(codec, VIDEO_TIMESCALE, b"", width_px=size[0], height_px=size[1])
            if codec is not Codec.MJPEG:
                self._read_video_sets(extra)
        else:
            assert isinstance(stream, AudioStream)
            rate = stream.codec_context.sample_rate
            if codec is Codec.AAC and not extra:  # ADTS: the filter strips its headers and finds the configuration
                self._filter = BitStreamFilterContext("aac_adtstoasc", stream)
                extra = bytes(self._adts_config())
            record = extra if codec is Codec.AAC else (extra.removeprefix(b"OpusHead") if codec is Codec.OPUS else b"")
            scale = 48_000 if codec is Codec.OPUS else rate
            self.config = CodecConfig(
                codec,
                scale,
                record if codec is Codec.AAC else b"",
                sample_rate_hz=rate,
                channels=stream.codec_context.channels,
            )

    def shape(self, packet: "Packet[Stream]") -> Iterator[tuple[bytes, int, int, bool, bool]]:
        """Yield (data, pts, dts, keyframe, disposable) of a packet."""
        if packet.size == 0 or packet.size > MOST_UNIT_BYTES:
            return
        packets = self._filter.filter(packet) if self._filter is not None else [packet]
        for part in packets:
            data = bytes(part)
            keyframe, disposable = True, False
            if self.codec in (Codec.H264, Codec.H265):
                data, keyframe, disposable = self._picture(data)
            if not data:
                continue
            dts = self._ticks(part.dts if part.dts is not None else part.pts, part.time_base)
            if dts is None:
                dts = (self._last_dts or 0) + int(self.config.timescale / (self.frame_rate or 25.0))
            pts = self._ticks(part.pts, part.time_base)
            if self._last_dts is not None and dts <= self._last_dts < dts + self.config.timescale // 1000:
                dts = self._last_dts + 1  # rounding to our timescale
            self._last_dts = dts
            yield data, dts if pts is None or self.config.codec is Codec.MJPEG else pts, dts, keyframe, disposable

    def _ticks(self, value: int | None, base: Fraction | None) -> int | None:
        return None if value is None or base is None else round(value * base * self.config.timescale)

    def _picture(self, data: bytes) -> tuple[bytes, bool, bool]:
        nals = split_annex_b(data) if self._annex_b else list(split_prefixed(data, self._length_bytes))
        kept: list[bytes] = []
        sets: list[bytes] = []
        keyframe, disposable = False, True
        for nal in nals:
            if len(nal) < 2:
                continue
            if self.codec is Codec.H264:
                kind = nal[0] & 31
                is_set, is_aud, is_slice = kind in (h264.SPS, h264.PPS), kind == h264.AUD, kind <= 5
                keyframe |= kind == h264.SLICE_IDR
                unreferenced = not nal[0] & 0x60
            else:
                kind = h265.nal_type(nal)
                is_set, is_aud, is_slice = kind in (h265.VPS, h265.SPS, h265.PPS), kind == h265.AUD, kind < 32
                keyframe |= h265.FIRST_IRAP <= kind <= h265.LAST_IRAP
                unreferenced = h265.is_disposable(kind)
            if is_set:
                sets.append(nal)
            elif not is_aud:
                kept.append(nal)
            if is_slice:
                disposable &= unreferenced
        if sets:
            self._use_sets(sets)
        return prefixed(kept), keyframe, disposable and bool(kept)

    def _read_video_sets(self, extra: bytes) -> None:
        """Take over a configuration record, or make one of the parameter sets in front of a byte stream."""
        if extra[:1] == b"\x01" and len(extra) > 22:
            self._length_bytes = (extra[4] if self.codec is Codec.H264 else extra[21]) % 4 + 1
            record = bytearray(extra)
            record[4 if self.codec is Codec.H264 else 21] |= 3  # our units have 4-byte lengths
            self._set_record(bytes(record))
            return
        if extra[:1] == b"\x01" and self.codec is Codec.H264 and len(extra) > 6:
            self._length_bytes = extra[4] % 4 + 1
            self._set_record(extra[:4] + bytes((extra[4] | 3,)) + extra[5:])
            return
        self._annex_b = True
        self._use_sets(split_annex_b(extra))

    def _use_sets(self, nals: list[bytes]) -> None:
        try:
            if self.codec is Codec.H264:
                sps = [nal for nal in nals if nal[0] & 31 == h264.SPS]
                pps = [nal for nal in nals if nal[0] & 31 == h264.PPS]
                if sps and pps:
                    self._set_record(h264.configuration_record(sps, pps), h264.parse_sps(sps[0]))
            else:
                sets = {kind: [n for n in nals if h265.nal_type(n) == kind] for kind in (h265.VPS, h265.SPS, h265.PPS)}
                if all(sets.values()):
                    record = h265.configuration_record(sets[h265.VPS], sets[h265.SPS], sets[h265.PPS])
                    self._set_record(record, h265.parse_sps(sets[h265.SPS][0]))
        except ProtocolError:
            return  # a broken set: the one before it stays in force

    def _set_record(
        self, record: bytes, size: "h264.SequenceParameters | h265.SequenceParameters | None" = None
    ) -> None:
        width = size.width_px if size else self.config.width_px
        height = size.height_px if size else self.config.height_px
        self.config = CodecConfig(self.codec, VIDEO_TIMESCALE, record, width_px=width, height_px=height)

    def _adts_config(self) -> bytes:
        """Return the AudioSpecificConfig for the stream's rate and channels (AAC-LC)."""
        rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
        context = self.stream.codec_context
        assert isinstance(self.stream, AudioStream)
        rate = self.stream.codec_context.sample_rate
        if rate not in rates:
            raise DeviceRefused(f"it sends AAC at {rate} Hz, which is no standard rate ({context.name})")
        bits = 2 << 11 | rates.index(rate) << 7 | self.stream.codec_context.channels << 3
        return bits.to_bytes(2, "big")


def wait_until(due_s: float, stopped: Callable[[], bool]) -> None:
    """Sleep until the monotonic clock says `due_s`, waking to look at `stopped` every quarter second."""
    while not stopped():
        left_s = due_s - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, 0.25))
