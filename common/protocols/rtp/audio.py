"""Sound over RTP: AAC (RFC 3640), and formats whose packets are one unit each: Opus (RFC 7587), G.711 (RFC 3551)."""

from common.foundation.errors import ProtocolError
from common.media.access_unit import Codec, CodecConfig
from common.media.bits import BitReader
from common.protocols.rtp.units import MediaUnit, UnitSink, Unwrapper

_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_MOST_UNITS = 64  # a packet
_MOST_AAC_BYTES = 8192


class PlainAudioDepacketizer:
    """See Depacketizer. Each packet is one unit: Opus and G.711."""

    def __init__(self, sink: UnitSink, config: CodecConfig) -> None:
        self._sink = sink
        self._time = Unwrapper()
        sink.config(config)

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload; the marker begins a spurt of talk and changes nothing."""
        if end > start:
            pts = self._time.ticks(timestamp)
            self._sink.unit(MediaUnit(bytes(data[start:end]), pts, pts, True, False, False))

    def lost(self) -> None:
        """See Depacketizer.lost: units do not refer to one another."""

    def restarted(self) -> None:
        """See Depacketizer.restarted."""
        self._time = Unwrapper()

    def ticks_of(self, timestamp: int) -> int:
        """See Depacketizer.ticks_of."""
        return self._time.peek(timestamp)


class AacDepacketizer(PlainAudioDepacketizer):
    """See Depacketizer. Access units behind a section of headers (RFC 3640, section 3.2), or fragments of one."""

    def __init__(self, sink: UnitSink, clock_hz: int, parameters: dict[str, str]) -> None:
        """`parameters` are those of the session description's fmtp; raises ProtocolError when they make no sense."""
        record = _configuration(parameters.get("config", ""))
        rate_hz, channels, self._frame_ticks = read_audio_config(record)
        self._size_bits = _small(parameters, "sizelength", 16)
        self._index_bits = _small(parameters, "indexlength", 8)
        self._delta_bits = _small(parameters, "indexdeltalength", 8)
        self._constant_size = _small(parameters, "constantsize", _MOST_AAC_BYTES)
        self._fragment = bytearray()
        self._fragment_timestamp = -1
        if not self._size_bits and not self._constant_size:
            self._size_bits, self._index_bits, self._delta_bits = 13, 3, 3  # AAC-hbr (section 3.3.6)
        config = CodecConfig(Codec.AAC, clock_hz or rate_hz, record, sample_rate_hz=rate_hz, channels=channels)
        super().__init__(sink, config)

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload."""
        try:
            sizes, at = self._sizes(data, start, end)
        except ProtocolError:
            return
        if len(sizes) == 1 and sizes[0] > end - at:
            self._take_fragment(bytes(data[at:end]), sizes[0], timestamp, marker)
            return
        self._fragment.clear()
        pts = self._time.ticks(timestamp)
        for size in sizes:
            if not 0 < size <= end - at:
                return
            self._sink.unit(MediaUnit(bytes(data[at : at + size]), pts, pts, True, False, False))
            at += size
            pts += self._frame_ticks

    def _sizes(self, data: memoryview, start: int, end: int) -> tuple[list[int], int]:
        """Return the sizes of the units in a packet and where the first begins."""
        if not self._size_bits:
            return [self._constant_size] * min((end - start) // self._constant_size, _MOST_UNITS), start
        if end - start < 3:
            raise ProtocolError("a packet of sound is too short", peer="The camera")
        headers_bits = data[start] << 8 | data[start + 1]
        headers_end = start + 2 + (headers_bits + 7) // 8
        if headers_end > end:
            raise ProtocolError("a packet of sound is too short", peer="The camera")
        bits = BitReader(bytes(data[start + 2 : headers_end]))
        sizes: list[int] = []
        used, other = 0, self._index_bits
        while used + self._size_bits + other <= headers_bits and len(sizes) < _MOST_UNITS:
            sizes.append(bits.u(self._size_bits))
            bits.skip(other)
            used += self._size_bits + other
            other = self._delta_bits
        return sizes, headers_end

    def _take_fragment(self, part: bytes, size: int, timestamp: int, marker: bool) -> None:
        if timestamp != self._fragment_timestamp:
            self._fragment.clear()
            self._fragment_timestamp = timestamp
        self._fragment += part
        if len(self._fragment) >= size or marker:
            if len(self._fragment) == size <= _MOST_AAC_BYTES:
                pts = self._time.ticks(timestamp)
                self._sink.unit(MediaUnit(bytes(self._fragment), pts, pts, True, False, False))
            self._fragment.clear()

    def lost(self) -> None:
        """See Depacketizer.lost."""
        self._fragment.clear()


def read_audio_config(record: bytes) -> tuple[int, int, int]:
    """Return sampling rate, channels and samples a frame of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).

    Raises ProtocolError when it is broken or of a kind other than AAC.
    """
    bits = BitReader(record)
    kind = bits.u(5)
    rate = _rate(bits)
    channels = bits.u(4)
    if kind in (5, 29):  # spectral band replication: the real rate follows
        rate = _rate(bits)
        kind = bits.u(5)
    if kind not in (1, 2, 3, 4) or channels >= len(_CHANNELS):
        raise ProtocolError(f"its sound is MPEG-4 audio of kind {kind}, which is not AAC", peer="The camera")
    frame = 960 if bits.left_bits and bits.flag() else 1024
    return rate, _CHANNELS[channels] or 2, frame


def _rate(bits: BitReader) -> int:
    index = bits.u(4)
    rate = bits.u(24) if index == 15 else (_RATES_HZ[index] if index < len(_RATES_HZ) else 0)
    if not 4000 <= rate <= 192_000:
        raise ProtocolError(f"its sound has an impossible sampling rate of {rate} Hz", peer="The camera")
    return rate


def _configuration(text: str) -> bytes:
    try:
        record = bytes.fromhex(text)
    except ValueError:
        record = b""
    if not 2 <= len(record) <= 64:
        raise ProtocolError("its session description lacks the configuration of its sound", peer="The camera")
    return record


def _small(parameters: dict[str, str], name: str, most: int) -> int:
    text = parameters.get(name, "0")
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if value > most:
        raise ProtocolError(f"its session description says {name}={text[:16]}", peer="The camera")
    return value
