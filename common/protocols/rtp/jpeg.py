"""Motion JPEG over RTP (RFC 2435): rebuilds a whole JFIF picture from fragments without headers."""

from common.media.access_unit import Codec, CodecConfig
from common.protocols.rtp.jpeg_header import quantisation_tables, rebuild_header
from common.protocols.rtp.units import MOST_UNIT_BYTES, MediaUnit, UnitSink, Unwrapper


class JpegDepacketizer:
    """See Depacketizer. The picture size is known with the first picture."""

    def __init__(self, sink: UnitSink) -> None:
        self._sink = sink
        self._time = Unwrapper()
        self._scan = bytearray()
        self._head = b""
        self._timestamp: int | None = None
        self._broken = True  # until a fragment with offset 0
        self._config: CodecConfig | None = None
        self._size = (0, 0)
        self._tables: dict[int, bytes] = {}

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload."""
        if end - start < 8:
            return
        offset = int.from_bytes(data[start + 1 : start + 4], "big")
        if offset == 0 or timestamp != self._timestamp:
            self._scan.clear()
            self._timestamp = timestamp
            self._broken = offset != 0
        at = start + 8
        kind, quality = data[start + 4], data[start + 5]
        restart_interval = 0
        if kind & 64:  # types 64-127 have restart markers (section 3.1.7)
            if end - at < 4:
                self._broken = True
                return
            restart_interval = int.from_bytes(data[at : at + 2], "big")
            at += 4
        if offset == 0:
            at = self._begin(data, (start, at, end), kind, quality, restart_interval)
        if self._broken or len(self._scan) != offset or len(self._scan) > MOST_UNIT_BYTES:
            self._broken = True
        else:
            self._scan += data[at:end]
        if marker:
            self._send(timestamp)

    def _begin(
        self, data: memoryview, bounds: tuple[int, int, int], kind: int, quality: int, restart_interval: int
    ) -> int:
        """Read the first fragment's headers and return where its scan begins."""
        start, at, end = bounds
        tables = b""
        if quality >= 128:
            if end - at < 4:
                self._broken = True
                return end
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at + 1] & 3:  # 16-bit tables belong to 12-bit pictures, which no decoder of ours shows
                self._broken = True
            at += 4
            if length > end - at:
                self._broken = True
                return end
            if length:
                tables = bytes(data[at : at + length])
                if quality < 255:
                    self._tables[quality] = tables  # may be left out of later pictures (section 3.1.8)
                at += length
            else:
                tables = self._tables.get(quality, b"")
        elif 0 < quality < 100:
            tables = quantisation_tables(quality)
        width, height = data[start + 6] * 8, data[start + 7] * 8
        if kind & 63 > 1 or len(tables) not in (64, 128) or not width or not height:
            self._broken = True
            return at
        self._size = (width, height)
        self._head = rebuild_header(kind & 63, width, height, tables, restart_interval)
        return at

    def _send(self, timestamp: int) -> None:
        scan, broken = self._scan, self._broken
        self._scan, self._broken = bytearray(), True
        if broken or not scan:
            return  # half a JPEG shows nothing useful
        config = CodecConfig(Codec.MJPEG, 90_000, width_px=self._size[0], height_px=self._size[1])
        if config != self._config:
            self._config = config
            self._sink.config(config)
        if not scan.endswith(b"\xff\xd9"):
            scan += b"\xff\xd9"
        pts = self._time.ticks(timestamp)
        self._sink.unit(MediaUnit(self._head + scan, pts, pts, True, False, False))

    def lost(self) -> None:
        """See Depacketizer.lost."""
        self._broken = True

    def restarted(self) -> None:
        """See Depacketizer.restarted."""
        self._broken = True
        self._timestamp = None
        self._time = Unwrapper()

    def ticks_of(self, timestamp: int) -> int:
        """See Depacketizer.ticks_of."""
        return self._time.peek(timestamp)
