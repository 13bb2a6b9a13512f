"""One RTP stream (RFC 3550): headers, order, loss, sources; hands payloads to the format.

On the hot path: called for every packet of every camera, so the usual one (next in order, no extras) takes a short way.
"""

from struct import Struct

from common.protocols.rtp.pictures import PictureAssembler
from common.protocols.rtp.rtcp import Reception, SenderReport
from common.protocols.rtp.units import MOST_UNIT_BYTES, Depacketizer

_HEADER = Struct(">BBHII").unpack_from
_FRAMED = Struct(">BBHBBHQ").unpack_from  # an interleaved frame's head (RFC 2326, 10.12), then as _HEADER
_MOST_OUT_OF_ORDER = 100  # older than that, or newer by 3000: the sender started over (appendix A.1)
_MOST_AHEAD = 3000


class RtpReceiver:
    """Takes packets in the order they are to be used. `payload_types` empty accepts any."""

    def __init__(self, depacketizer: Depacketizer, payload_type: int, clock_hz: int) -> None:
        self._format = depacketizer
        self._pictures = depacketizer if isinstance(depacketizer, PictureAssembler) else None
        self._source = 0  # time and source of the last packet, as 64 bits
        self._payload_type = payload_type
        self._clock_hz = clock_hz
        self._ssrc: int | None = None
        self._next = -1  # sequence number expected
        self._cycles = 0
        self._first = 0
        self._received = 0
        self._reported = (0, 0)  # expected and received at the last report
        self._jitter = 0.0
        self._transit: float | None = None
        self._report: SenderReport | None = None
        self._report_at_s = 0.0
        self.lost_packets = 0
        self.ignored_packets = 0

    def packet(self, data: memoryview, start: int, end: int) -> None:
        """Take the packet at data[start:end]. What is no RTP of this stream is counted and ignored."""
        if end - start < 12:
            self.ignored_packets += 1
            return
        first, second, sequence, timestamp, ssrc = _HEADER(data, start)
        if second & 0x7F != self._payload_type or first & 0xC0 != 0x80:
            self.ignored_packets += 1
            return
        if ssrc != self._ssrc:
            self._start(ssrc, sequence)
        elif sequence != self._next and not self._out_of_order(sequence):
            return
        if sequence == 0xFFFF:
            self._cycles += 0x1_0000
        self._next = (sequence + 1) & 0xFFFF
        self._received += 1
        start += 12
        if first & 0x3F:  # padding, extension or contributing sources
            start += (first & 15) * 4
            if first & 0x10:
                if start + 4 > end:
                    self.ignored_packets += 1
                    return
                start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
            if first & 0x20 and end > start:
                end -= data[end - 1]
            if start >= end:
                if start > end:
                    self.ignored_packets += 1
                return
        self._source = timestamp << 32 | ssrc
        self._format.payload(data, start, end, timestamp, second > 127)

    def run(self, channel: int, data: memoryview, at: int, end: int) -> int:
        """Take the interleaved frames from `at` on that only continue the fragmented NAL unit of the packet before:
        next in order, nothing but its middle. Returns where they end. Most packets of a large picture are such, and
        taking them here costs a tenth of `packet`."""
        pictures = self._pictures
        if pictures is None or not (middle := pictures.middle):
            return at
        head_bytes = 16 + len(middle)
        picture, source = pictures.picture, self._source
        began = sequence = self._next
        while end - at > head_bytes and sequence != 0xFFFF:
            dollar, on, size, first, second, number, from_source = _FRAMED(data, at)
            stop = at + 4 + size
            if (
                stop > end
                or number != sequence
                or from_source != source
                or dollar != 0x24
                or on != channel
                or first != 0x80
                or second != self._payload_type
                or data[at + 16 : at + head_bytes] != middle
                or size < head_bytes - 4
                or len(picture) > MOST_UNIT_BYTES
            ):
                break
            picture += data[at + head_bytes : stop]
            sequence += 1
            at = stop
        self._next = sequence
        self._received += sequence - began
        return at

    def _start(self, ssrc: int, sequence: int) -> None:
        if self._ssrc is not None:
            self._format.restarted()
        self._ssrc = ssrc
        self._restart_counting(sequence)

    def _restart_counting(self, sequence: int) -> None:
        self._first = sequence
        self._cycles = self._received = 0
        self._reported = (0, 0)

    def _out_of_order(self, sequence: int) -> bool:
        """Judge an unexpected sequence number; False means that the packet is not used."""
        ahead = (sequence - self._next) & 0xFFFF
        if ahead < _MOST_AHEAD:
            self.lost_packets += ahead
            if sequence < self._next:
                self._cycles += 0x1_0000
        elif ahead >= 0x1_0000 - _MOST_OUT_OF_ORDER:
            self.ignored_packets += 1  # twice the same, or later than its neighbours waited for it
            return False
        else:
            self._restart_counting(sequence)
        self._format.lost()
        return True

    def sender_report(self, report: SenderReport, now_s: float) -> int | None:
        """Take the sender's report; returns its media time unwrapped, None when it is not usable."""
        if report.ssrc != self._ssrc:
            return None
        self._report, self._report_at_s = report, now_s
        return self._format.ticks_of(report.timestamp) if report.utc_us else None

    def note_arrival(self, timestamp: int, now_s: float) -> None:
        """Keep the estimate of jitter (section 6.4.1, appendix A.8); for UDP, where it means something."""
        transit = now_s * self._clock_hz - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < 10 * self._clock_hz:
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    @property
    def has_begun(self) -> bool:
        """Whether any packet has come."""
        return self._ssrc is not None

    def reception(self, now_s: float) -> Reception | None:
        """Return what to report to the sender, None before its first packet."""
        if self._ssrc is None:
            return None
        highest = self._cycles + ((self._next - 1) & 0xFFFF) - (0x1_0000 if self._next == 0 and self._cycles else 0)
        expected = max(highest - self._first + 1, 0)
        before_expected, before_received = self._reported
        self._reported = (expected, self._received)
        new, got = expected - before_expected, self._received - before_received
        fraction = min(max(new - got, 0) * 256 // new, 255) if new > 0 else 0
        report = self._report
        return Reception(
            self._ssrc,
            fraction,
            expected - self._received,
            highest,
            int(self._jitter),
            report.ntp_middle if report else 0,
            now_s - self._report_at_s if report else 0.0,
        )
