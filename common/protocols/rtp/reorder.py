"""Puts UDP packets back in order, waiting a bounded number of packets and time for those on the way."""

from struct import unpack_from


class ReorderBuffer:
    """Holds at most `most_packets`, none longer than `most_wait_s`; twice the same and too late ones are dropped."""

    def __init__(self, most_packets: int = 256, most_wait_s: float = 0.1) -> None:
        self._most_packets = most_packets
        self._most_wait_s = most_wait_s
        self._held: dict[int, tuple[float, bytes]] = {}
        self._next = -1
        self._ssrc = -1

    @property
    def waiting(self) -> bool:
        """Whether packets are held; then call `expired` when `most_wait_s` has passed."""
        return bool(self._held)

    def push(self, packet: bytes, now_s: float) -> list[bytes]:
        """Take a datagram and return those that are in order now, usually just this one."""
        if len(packet) < 12:
            return []
        (sequence,) = unpack_from(">H", packet, 2)
        (ssrc,) = unpack_from(">I", packet, 8)
        if ssrc != self._ssrc:
            flushed = self._all()
            self._ssrc, self._next = ssrc, (sequence + 1) & 0xFFFF
            return [*flushed, packet]
        ahead = (sequence - self._next) & 0xFFFF
        if ahead == 0:
            self._next = (sequence + 1) & 0xFFFF
            return [packet, *self._following()] if self._held else [packet]
        if ahead >= 0x8000:
            if ahead >= 0x1_0000 - 1000:
                return []  # too late, or twice
            flushed = self._all()
            self._next = (sequence + 1) & 0xFFFF
            return [*flushed, packet]
        self._held.setdefault(sequence, (now_s, packet))
        if len(self._held) > self._most_packets:
            return self._skip_gap()
        return self.expired(now_s)

    def expired(self, now_s: float) -> list[bytes]:
        """Return packets that have waited long enough for those missing before them."""
        ready: list[bytes] = []
        while self._held and now_s - min(at for at, _ in self._held.values()) >= self._most_wait_s:
            ready += self._skip_gap()
        return ready

    def _skip_gap(self) -> list[bytes]:
        self._next = min(self._held, key=lambda sequence: (sequence - self._next) & 0xFFFF)
        return self._following()

    def _following(self) -> list[bytes]:
        ready: list[bytes] = []
        while (held := self._held.pop(self._next, None)) is not None:
            ready.append(held[1])
            self._next = (self._next + 1) & 0xFFFF
        return ready

    def _all(self) -> list[bytes]:
        order = sorted(self._held, key=lambda sequence: (sequence - self._next) & 0xFFFF)
        ready = [self._held[sequence][1] for sequence in order]
        self._held.clear()
        return ready
