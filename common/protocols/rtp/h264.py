"""H.264 over RTP (RFC 6184): single NAL units, STAP-A and FU-A, that is packetization modes 0 and 1."""

import base64
import binascii

from common.foundation.errors import ProtocolError
from common.media import h264
from common.media.access_unit import Codec, CodecConfig
from common.protocols.rtp.pictures import PictureAssembler
from common.protocols.rtp.units import UnitSink

_STAP_A, _FU_A = 24, 28


class H264Depacketizer(PictureAssembler):
    """See Depacketizer. `sprop` is the `sprop-parameter-sets` of the session description (section 8.1)."""

    def __init__(self, sink: UnitSink, sprop: str = "") -> None:
        super().__init__(sink)
        self._kind = 0  # of the fragmented NAL unit
        for text in sprop.split(",")[:64]:
            try:
                nal = base64.b64decode(text.strip() + "==", validate=False)
            except (binascii.Error, ValueError):
                continue
            if nal:
                self._take_set(nal)
        if self._sets_changed:
            self.announce()

    def payload(self, data: memoryview, start: int, end: int, timestamp: int, marker: bool) -> None:
        """See Depacketizer.payload."""
        if end - start < 2:
            return
        if timestamp != self._timestamp:
            self._turn(timestamp)
        kind = data[start] & 31
        if kind == _FU_A:
            part = data[start + 1]
            if part & 0x80:
                self._begin_fragments(data, start, end)
            elif self._nal_at >= 0:
                self._add(bytes(data[start + 2 : end]))
            else:
                self._unit_damaged = True
            if part & 0x40 and self._nal_at >= 0:
                self._end_fragments()
        elif 0 < kind < _STAP_A:
            self._nal(data, start, end)
        elif kind == _STAP_A:
            at = start + 1
            while at + 2 < end:
                stop = at + 2 + (data[at] << 8 | data[at + 1])
                if stop > end:
                    self._unit_damaged = True
                    break
                if stop > at + 2:
                    self._nal(data, at + 2, stop)
                at = stop
        else:
            self._unit_damaged = True  # STAP-B, MTAP and FU-B belong to the interleaved mode, which no camera offers
        if marker and self._has_slice and self._trust_marker:
            if self._nal_at >= 0:
                self.lost()
            self._send()

    def _begin_fragments(self, data: memoryview, start: int, end: int) -> None:
        kind = data[start + 1] & 31
        self._middle = bytes((data[start], kind))
        self._kind = kind
        self._open_nal(bytes((data[start] & 0xE0 | kind,)) + data[start + 2 : end])
        if 0 < kind <= h264.SLICE_IDR and end - start > 2:
            self._slice(kind, data[start], data, start + 2)

    def _end_fragments(self) -> None:
        if self._kind in (h264.SPS, h264.PPS, h264.AUD):
            self._take_set(self._take_back_nal())
        else:
            self._close_nal()

    def _nal(self, data: memoryview, start: int, end: int) -> None:
        if self._nal_at >= 0:
            self.lost()
        kind = data[start] & 31
        if kind in (h264.SPS, h264.PPS):
            self._take_set(bytes(data[start:end]))
            return
        if kind in (h264.AUD, 12) or end - start < 2:  # 12 is filler data
            return
        if kind <= h264.SLICE_IDR:
            self._slice(kind, data[start], data, start + 1)
        self._add((end - start).to_bytes(4, "big") + data[start:end])

    def _slice(self, kind: int, header: int, data: memoryview, at: int) -> None:
        if not self._has_slice:
            self._has_slice = True
            # first_mb_in_slice 0 is coded as a single 1 bit: a slice without it continues a picture.
            if self._timestamp == self._sent_timestamp and not data[at] & 0x80:
                self._trust_marker = False
        if kind == h264.SLICE_IDR:
            self._keyframe = True
        if header & 0x60:
            self._disposable = False

    def _take_set(self, nal: bytes) -> None:
        try:
            if nal[0] & 31 == h264.SPS:
                parameters = h264.parse_sps(nal)
                if self._store_set(h264.SPS, parameters.set_id, nal):
                    self._order.expect(parameters.reorder, parameters.frame_ticks)
            elif nal[0] & 31 == h264.PPS:
                self._store_set(h264.PPS, h264.pps_ids(nal)[0], nal)
        except ProtocolError:
            self._unit_damaged = True  # a broken set: the ones before it stay in force

    def _make_config(self) -> CodecConfig | None:
        sps, pps = self._sets_of(h264.SPS), self._sets_of(h264.PPS)
        if not sps or not pps:
            return None
        first = h264.parse_sps(sps[0])
        record = h264.configuration_record(sps, pps)
        return CodecConfig(Codec.H264, 90_000, record, width_px=first.width_px, height_px=first.height_px)
