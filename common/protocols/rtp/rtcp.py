"""RTCP (RFC 3550, section 6): reads sender reports and goodbyes, writes receiver reports."""

from dataclasses import dataclass
from struct import pack, unpack_from

from common.foundation.clock import UtcUs

_NTP_TO_UNIX_S = 2_208_988_800
_MOST_PACKETS = 64


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`utc_us` is the sender's wall time of media time `timestamp` (0 when it has no clock).

    `ntp_middle`: the middle 32 bits of the NTP time, which a receiver report repeats.
    """

    ssrc: int
    utc_us: UtcUs
    timestamp: int
    ntp_middle: int


@dataclass(frozen=True, slots=True)
class Reception:
    """What we tell a sender about its stream (section 6.4.1). `delay_s`: since its last report came."""

    ssrc: int
    fraction_lost_256: int
    lost: int
    highest_sequence: int
    jitter: int
    last_report: int = 0
    delay_s: float = 0.0


def read_sender_reports(data: bytes) -> tuple[list[SenderReport], bool]:
    """Return the sender reports of a compound packet, and whether it says goodbye. What is broken is left out."""
    reports: list[SenderReport] = []
    goodbye = False
    at = 0
    for _ in range(_MOST_PACKETS):
        if at + 8 > len(data) or data[at] >> 6 != 2:
            break
        kind = data[at + 1]
        if kind == 200 and at + 28 <= len(data):
            ssrc, seconds, fraction, timestamp = unpack_from(">IIII", data, at + 4)
            utc_us = (seconds - _NTP_TO_UNIX_S) * 1_000_000 + (fraction * 1_000_000 >> 32) if seconds else 0
            middle = (seconds & 0xFFFF) << 16 | fraction >> 16
            reports.append(SenderReport(ssrc, UtcUs(max(utc_us, 0)), timestamp, middle))
        elif kind == 203:
            goodbye = True
        at += 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    return reports, goodbye


def write_receiver_report(own_ssrc: int, reception: Reception, name: str) -> bytes:
    """Return a compound packet: receiver report and canonical name (section 6.4.2, 6.5.1)."""
    report = pack(
        ">BBHIIIIIII",
        0x81,
        201,
        7,
        own_ssrc,
        reception.ssrc,
        (reception.fraction_lost_256 & 0xFF) << 24 | min(max(reception.lost, 0), 0x7FFFFF),
        reception.highest_sequence & 0xFFFF_FFFF,
        min(reception.jitter, 0xFFFF_FFFF),
        reception.last_report,
        min(int(reception.delay_s * 65_536), 0xFFFF_FFFF),
    )
    text = name.encode()[:200]
    chunk = pack(">I", own_ssrc) + bytes((1, len(text))) + text + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    return report + pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
