"""RTP payload of ONVIF metadata streams: XML documents, cut into packets, the marker on the last of each.

ONVIF Streaming Specification, 5.1.2.1.1 (`vnd.onvif.metadata`). The XML is stored as it comes and not looked into.
"""

from common.media.access_unit import Codec, CodecConfig
from common.protocols.rtp.units import MediaUnit, UnitSink, Unwrapper

NAMESPACE = b"http://www.onvif.org/ver10/schema"
_MOST_XML_BYTES = 1 << 20


class XmlDepacketizer:
    """Implements Depacketizer. A document that lost a packet, or is larger than 1 MiB, is dropped as a whole."""

    def __init__(self, sink: UnitSink, clock_hz: int) -> None:
        self._sink = sink
        self._time = Unwrapper()
        self._parts = bytearray()
        self._broken = False
        sink.config(CodecConfig(Codec.ONVIF_XML, clock_hz, NAMESPACE))

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload."""
        if len(self._parts) + end - start > _MOST_XML_BYTES:
            self._broken = True
            self._parts.clear()
        if not self._broken:
            self._parts += data[start:end]
        if not marker:
            return
        pts = self._time.ticks(timestamp)
        if self._parts and not self._broken:
            self._sink.unit(MediaUnit(bytes(self._parts), pts, pts, True, False, False))
        self._parts.clear()
        self._broken = False

    def lost(self) -> None:
        """See Depacketizer.lost."""
        self._parts.clear()
        self._broken = True

    def restarted(self) -> None:
        """See Depacketizer.restarted."""
        self._parts.clear()
        self._broken = False

    def ticks_of(self, timestamp: int) -> int:
        """See Depacketizer.ticks_of."""
        return self._time.peek(timestamp)
