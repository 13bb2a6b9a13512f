"""UDP packets are put back in order, and never more than a few are held."""

from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from common.protocols.rtp.reorder import ReorderBuffer
from common.protocols.rtp.rtcp import Reception, read_sender_reports, write_receiver_report


def packet(number: int) -> bytes:
    return pack(">BBHII", 0x80, 96, number & 0xFFFF, 0, 1) + number.to_bytes(4, "big")


@given(st.integers(0, 65_535), st.lists(st.integers(0, 8), min_size=1, max_size=80))
def test_packets_a_little_out_of_order_come_out_in_order(first: int, delays: list[int]) -> None:
    sent = sorted(range(len(delays)), key=lambda i: (i + delays[i], i))
    sent.remove(0)
    buffer, got = ReorderBuffer(), []
    for number in [0, *sent]:
        got += buffer.push(packet(first + number), 0.0)
    assert got == [packet(first + number) for number in range(len(delays))]
    assert not buffer.waiting


def test_a_missing_packet_is_waited_for_only_so_long() -> None:
    buffer = ReorderBuffer(most_wait_s=0.1)
    assert buffer.push(packet(1), 0.0) == [packet(1)]
    assert buffer.push(packet(3), 0.0) == []
    assert buffer.expired(0.05) == []
    assert buffer.expired(0.1) == [packet(3)]
    assert buffer.push(packet(2), 0.11) == []  # too late


@given(st.lists(st.integers(0, 65_535), max_size=400))
def test_what_is_held_is_bounded(numbers: list[int]) -> None:
    buffer = ReorderBuffer(most_packets=16)
    for number in numbers:
        buffer.push(packet(number), 0.0)
        assert len(buffer._held) <= 17


def test_sender_report_gives_wall_time_and_reports_are_well_formed() -> None:
    report = pack(">BBHIIIIII", 0x80, 200, 6, 5, 2_208_988_800 + 100, 1 << 31, 777, 0, 0)
    found, goodbye = read_sender_reports(report)
    assert (found[0].utc_us, found[0].timestamp, goodbye) == (100_500_000, 777, False)
    written = write_receiver_report(1, Reception(2, 3, 4, 5, 6), "vedette")
    assert len(written) % 4 == 0
    assert read_sender_reports(written) == ([], False)
