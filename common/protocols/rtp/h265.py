"""H.265 over RTP (RFC 7798): single NAL units, aggregation packets and fragmentation units, without DON fields."""

import base64
import binascii

from common.foundation.errors import ProtocolError
from common.media import h265
from common.media.access_unit import Codec, CodecConfig
from common.protocols.rtp.pictures import PictureAssembler
from common.protocols.rtp.units import UnitSink

_AGGREGATION, _FRAGMENT = 48, 49
_SETS = (h265.VPS, h265.SPS, h265.PPS)


class H265Depacketizer(PictureAssembler):
    """See Depacketizer. `sprops` are sprop-vps, sprop-sps and sprop-pps of the session description (section 7.1)."""

    def __init__(self, sink: UnitSink, sprops: tuple[str, ...] = ()) -> None:
        super().__init__(sink)
        self._kind = 0  # of the fragmented NAL unit
        for text in ",".join(sprops).split(",")[:64]:
            try:
                nal = base64.b64decode(text.strip() + "==", validate=False)
            except (binascii.Error, ValueError):
                continue
            if len(nal) > 2:
                self._take_set(nal)
        if self._sets_changed:
            self.announce()

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload."""
        if end - start < 3:
            return
        if timestamp != self._timestamp:
            self._turn(timestamp)
        kind = data[start] >> 1 & 63
        if kind == _FRAGMENT:
            part = data[start + 2]
            if part & 0x80:
                self._begin_fragments(data, start, end)
            elif self._nal_at >= 0:
                self._add(bytes(data[start + 3 : end]))
            else:
                self._unit_damaged = True
            if part & 0x40 and self._nal_at >= 0:
                self._end_fragments()
        elif kind < _AGGREGATION:
            self._nal(data, start, end)
        elif kind == _AGGREGATION:
            at = start + 2
            while at + 2 < end:
                stop = at + 2 + (data[at] << 8 | data[at + 1])
                if stop > end:
                    self._unit_damaged = True
                    break
                if stop > at + 2:
                    self._nal(data, at + 2, stop)
                at = stop
        else:
            self._unit_damaged = True
        if marker and self._has_slice and self._trust_marker:
            if self._nal_at >= 0:
                self.lost()
            self._send()

    def _begin_fragments(self, data: memoryview, start: int, end: int) -> None:
        kind = data[start + 2] & 63
        self._middle = bytes((data[start], data[start + 1], kind))
        self._kind = kind
        self._open_nal(bytes((data[start] & 0x81 | kind << 1, data[start + 1])) + data[start + 3 : end])
        if kind < h265.VPS and end - start > 3:
            self._slice(kind, data, start + 3)

    def _end_fragments(self) -> None:
        if self._kind in (*_SETS, h265.AUD):
            self._take_set(self._take_back_nal())
        else:
            self._close_nal()

    def _nal(self, data: memoryview, start: int, end: int) -> None:
        if self._nal_at >= 0:
            self.lost()
        if end - start < 3:
            return
        kind = data[start] >> 1 & 63
        if kind in _SETS:
            self._take_set(bytes(data[start:end]))
            return
        if kind in (h265.AUD, 38):  # 38 is filler data
            return
        if kind < h265.VPS:
            self._slice(kind, data, start + 2)
        self._add((end - start).to_bytes(4, "big") + data[start:end])

    def _slice(self, kind: int, data: memoryview, at: int) -> None:
        if not self._has_slice:
            self._has_slice = True
            # first_slice_segment_in_pic_flag is the first bit: without it a picture goes on.
            if self._timestamp == self._sent_timestamp and not data[at] & 0x80:
                self._trust_marker = False
        if h265.FIRST_IRAP <= kind <= h265.LAST_IRAP:
            self._keyframe = True
        if not h265.is_disposable(kind):
            self._disposable = False

    def _take_set(self, nal: bytes) -> None:
        kind = h265.nal_type(nal)
        try:
            if kind == h265.SPS:
                parameters = h265.parse_sps(nal)
                if self._store_set(kind, parameters.set_id, nal):
                    self._order.expect(parameters.reorder, 0)
            elif kind in _SETS:
                self._store_set(kind, h265.set_number(nal), nal)
        except ProtocolError:
            self._unit_damaged = True  # a broken set: the ones before it stay in force

    def _make_config(self) -> CodecConfig | None:
        vps, sps, pps = (self._sets_of(kind) for kind in _SETS)
        if not vps or not sps or not pps:
            return None
        first = h265.parse_sps(sps[0])
        record = h265.configuration_record(vps, sps, pps)
        return CodecConfig(Codec.H265, 90_000, record, width_px=first.width_px, height_px=first.height_px)
