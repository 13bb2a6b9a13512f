"""Puts NAL units together into pictures: what H.264 and H.265 over RTP have in common.

A picture ends at the RTP marker, or where the time changes when a camera forgets it. A camera that sets the marker on
every slice is recognised by a slice that continues the picture just sent; from then on only the time counts.
"""

from collections.abc import Sequence

from common.media.access_unit import CodecConfig
from common.protocols.rtp.decoding_order import DecodingOrder
from common.protocols.rtp.units import MOST_UNIT_BYTES, MediaUnit, UnitSink, Unwrapper

_MOST_SETS_BYTES = 65_536
_MOST_SET_BYTES = 8192
_LENGTH = b"\0\0\0\0"


class PictureAssembler:
    """Base of the two video formats. A format adds parts and says what the NAL units are.

    A picture is gathered as a list of parts and joined once: growing one buffer copies it again and again.
    """

    def __init__(self, sink: UnitSink) -> None:
        self._sink = sink
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._middle = b""
        self._timestamp: int | None = None
        self._sent_timestamp: int | None = None
        self._has_slice = False
        self._keyframe = False
        self._disposable = True
        self._unit_damaged = False
        self._chain_damaged = True  # until the first keyframe, as pictures refer to what we never saw
        self._nal_at = -1  # which part is the fragmented NAL unit's length; -1 when none is open
        self._nal_size_bytes = 0  # of the picture before that part
        self._trust_marker = True
        self._time = Unwrapper()
        self._order = DecodingOrder()
        self._sets: dict[tuple[int, int], bytes] = {}
        self._sets_changed = False
        self._config: CodecConfig | None = None

    @property
    def middle(self) -> bytes:
        """How the payload of a packet begins that only continues the open NAL unit; empty when none is open."""
        return self._middle if self._nal_at >= 0 else b""

    def extend(self, parts: Sequence[bytes], size_bytes: int) -> None:
        """Go on with the payloads of packets like `middle`, without that; `size_bytes` in all."""
        self._parts.extend(parts)
        self._size_bytes += size_bytes
        if self._size_bytes > MOST_UNIT_BYTES:
            self._overflow()

    def lost(self) -> None:
        """See Depacketizer.lost."""
        self._unit_damaged = True
        if self._nal_at >= 0:
            self._take_back_nal()

    def restarted(self) -> None:
        """See Depacketizer.restarted."""
        self._clear()
        self._timestamp = self._sent_timestamp = None
        self._chain_damaged = True
        self._time = Unwrapper()
        self._order.restart()

    def ticks_of(self, timestamp: int) -> int:
        """See Depacketizer.ticks_of."""
        return self._time.peek(timestamp)

    def _turn(self, timestamp: int) -> None:
        """Another time begins: send the picture before it if its marker did not come."""
        if self._has_slice:
            if self._trust_marker and self._nal_at >= 0:
                self.lost()
            self._send()
        self._timestamp = timestamp

    def _open_nal(self, begin: bytes) -> None:
        """A fragmented NAL unit begins with these bytes."""
        if self._nal_at >= 0:  # the end of the one before never came
            self.lost()
        self._nal_at = len(self._parts)
        self._nal_size_bytes = self._size_bytes
        self._parts += (_LENGTH, begin)
        self._size_bytes += 4 + len(begin)

    def _close_nal(self) -> None:
        self._parts[self._nal_at] = (self._size_bytes - self._nal_size_bytes - 4).to_bytes(4, "big")
        self._nal_at = -1

    def _take_back_nal(self) -> bytes:
        """Take the open NAL unit out of the picture, and return it."""
        nal = b"".join(self._parts[self._nal_at + 1 :])
        del self._parts[self._nal_at :]
        self._size_bytes = self._nal_size_bytes
        self._nal_at = -1
        return nal

    def _add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size_bytes += len(part)
        if self._size_bytes > MOST_UNIT_BYTES:
            self._overflow()

    def _overflow(self) -> None:
        """The unit is larger than any picture: drop it."""
        self._parts = []
        self._size_bytes = 0
        self._nal_at = -1
        self._unit_damaged = True

    def _store_set(self, kind: int, number: int, nal: bytes) -> bool:
        """Remember a parameter set; True when it is new or different."""
        if self._sets.get((kind, number)) == nal or len(nal) > _MOST_SET_BYTES:
            return False
        if sum(map(len, self._sets.values())) + len(nal) > _MOST_SETS_BYTES:
            self._sets = {key: value for key, value in self._sets.items() if key[0] < kind}
        self._sets[kind, number] = nal
        self._sets_changed = True
        return True

    def _sets_of(self, kind: int) -> list[bytes]:
        return [nal for key, nal in sorted(self._sets.items()) if key[0] == kind]

    def _make_config(self) -> CodecConfig | None:
        """Return the configuration of the parameter sets known, None while some are missing."""
        raise NotImplementedError

    def announce(self) -> None:
        """Tell the sink a changed configuration."""
        self._sets_changed = False
        config = self._make_config()
        if config is not None and config != self._config:
            self._config = config
            self._sink.config(config)

    def _send(self) -> None:
        """Hand on the picture."""
        if self._sets_changed:
            self.announce()
        timestamp = self._timestamp
        assert timestamp is not None
        if self._keyframe:
            self._chain_damaged = self._unit_damaged
        elif self._unit_damaged and not self._disposable:
            self._chain_damaged = True
        pts = self._time.ticks(timestamp)
        unit = MediaUnit(
            b"".join(self._parts),
            pts,
            self._order.dts(pts),
            self._keyframe,
            self._disposable,
            self._chain_damaged or self._unit_damaged,
        )
        self._sent_timestamp = timestamp
        self._clear()
        if self._config is not None:
            self._sink.unit(unit)

    def _clear(self) -> None:
        self._parts = []
        self._size_bytes = 0
        self._nal_at = -1
        self._has_slice = self._keyframe = self._unit_damaged = False
        self._disposable = True
