"""One RTP stream (RFC 3550): headers, order, loss, sources; hands payloads to the format.

On the hot path: called for every packet of every camera, so the usual one (next in order, no extras) takes a short way.
"""

from functools import lru_cache
from struct import Struct

from common.protocols.rtp.pictures import PictureAssembler
from common.protocols.rtp.rtcp import Reception, SenderReport
from common.protocols.rtp.units import Depacketizer

_HEADER = Struct(">BBHII").unpack_from
_FRAMED = Struct(">BBHBBHII").unpack_from  # an interleaved frame's head (RFC 2326, 10.12), then as _HEADER
_FRAMED_BYTES = 16
_MOST_ALIKE = 64  # packets taken at once
_MOST_OUT_OF_ORDER = 100  # older than that, or newer by 3000: the sender started over (appendix A.1)
_MOST_AHEAD = 3000


@lru_cache(512)
def _alike(packets: int, middle_bytes: int, payload_bytes: int) -> Struct:
    """Interleaved frames of one size in a row. Of each: all before its sequence number, that, time and source and how
    its payload begins, and the rest of the payload."""
    return Struct(">" + f"6sH{8 + middle_bytes}s{payload_bytes}s" * packets)


class RtpReceiver:
    """Takes packets in the order they are to be used. `payload_types` empty accepts any."""

    def __init__(self, depacketizer: Depacketizer, payload_type: int, clock_hz: int) -> None:
        self._format = depacketizer
        self._pictures = depacketizer if isinstance(depacketizer, PictureAssembler) else None
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
        self._format.payload(data, start, end, timestamp, second > 127)

    def run(self, channel: int, data: memoryview, at: int, end: int) -> int:
        """Take the interleaved frames of `channel` from `at` on that are as usual: whole, next in order, of the same
        source, without extras. Returns where they end; what follows is for `packet`, or has not come yet."""
        payload, pictures = self._format.payload, self._pictures
        usual, ssrc = self._payload_type, self._ssrc
        while end - at > _FRAMED_BYTES:
            dollar, on, size, first, second, sequence, timestamp, source = _FRAMED(data, at)
            stop = at + 4 + size
            if (
                stop > end
                or sequence != self._next
                or sequence == 0xFFFF
                or source != ssrc
                or dollar != 0x24
                or on != channel
                or first != 0x80
                or second & 0x7F != usual
                or size <= 12
            ):
                break
            self._next = sequence + 1
            self._received += 1
            payload(data, at + _FRAMED_BYTES, stop, timestamp, second > 127)
            if pictures is not None and pictures.middle and end - stop >= size + 4:
                at = self._take_alike(pictures, data, at, stop, end)
            else:
                at = stop
        return at

    def _take_alike(self, pictures: PictureAssembler, data: memoryview, last: int, at: int, end: int) -> int:
        """Take all frames from `at` on that differ from the one at `last` only in their sequence number and are the
        middle of its NAL unit. Most packets of a large picture are such; together they cost little more than one."""
        middle, stride = pictures.middle, at - last
        middle_bytes = len(middle)
        head_bytes = _FRAMED_BYTES + middle_bytes
        if stride <= head_bytes:
            return at
        ends_with = bytes(data[at + head_bytes - 1 : end : stride])  # of each, what tells a middle from an end
        most = min(len(ends_with) - len(ends_with.lstrip(middle[-1:])), (end - at) // stride, _MOST_ALIKE)
        if most < 1 or self._next + most > 0xFFFF:
            return at
        fields = _alike(most, middle_bytes, stride - head_bytes).unpack_from(data, at)
        sequence = self._next
        if (
            fields[0::4].count(bytes(data[last : last + 6])) != most
            or fields[1::4] != tuple(range(sequence, sequence + most))
            or fields[2::4].count(bytes(data[last + 8 : last + 16]) + middle) != most
        ):
            return at
        pictures.extend(fields[3::4], most * (stride - head_bytes))
        self._next += most
        self._received += most
        return at + most * stride

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
