"""One RTSP session of a camera: DESCRIBE, SETUP, PLAY, kept alive, taken down."""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass

from common.foundation.errors import DeviceError, DeviceRefused, ProtocolError
from common.protocols.rtp.formats import clock_rate_hz, depacketizer_for, is_carried
from common.protocols.rtp.receiver import RtpReceiver
from common.protocols.rtp.rtcp import read_sender_reports, write_receiver_report
from common.protocols.rtsp.client import RtspClient, Transport, parse_transport
from common.protocols.rtsp.messages import Message
from common.protocols.rtsp.refusals import NoParameterSets, NothingToRecord, TransportRefused
from common.protocols.sdp import MediaDescription, parse_sdp
from server.recording.drivers.paced_reader import PacedReader
from server.recording.drivers.rtsp_connection import RtspConnection, connect
from server.recording.drivers.rtsp_tracks import Outlet, TrackList
from server.recording.drivers.rtsp_udp import UdpPair

log = logging.getLogger(__name__)

_REPORT_S = 5.0
_DESCRIBED_S = 20.0  # how long a camera may send video that nothing describes; keyframes are up to 10 s apart
_GOODBYE_S = 1.0


@dataclass(slots=True)
class _Track:
    media: MediaDescription
    outlet: Outlet
    receiver: RtpReceiver
    url: str
    rtcp_channel: int = -1
    udp: UdpPair | None = None

    def send_rtcp(self, connection: RtspConnection, packet: bytes) -> None:
        if self.udp is not None:
            self.udp.send_rtcp(packet)
        elif self.rtcp_channel >= 0:
            connection.send_frame(self.rtcp_channel, packet)


class RtspSession:
    """Feeds the outlets of one stream until the camera is lost or we are cancelled."""

    def __init__(
        self, camera: str, url: str, login: tuple[str, str], transport: str, paced: PacedReader | None = None
    ) -> None:
        self._camera = camera
        self._paced = paced
        self._client = RtspClient(url, *login)
        self._transport = transport
        self._tracks: list[_Track] = []
        self._aggregate = ""
        self._own_ssrc = secrets.randbits(32)
        self._alive_with_options = False

    async def run(self, tracks: TrackList, outlets: dict[str, Outlet]) -> None:
        """`outlets` by kind of media (`video`, `audio`): where to deliver. Never returns without raising."""
        connection = await connect(self._client.url, self._paced)
        try:
            await self._open(connection, outlets)
            tracks.playing(self._chosen())
            await self._play(connection)
        finally:
            for outlet in outlets.values():
                outlet.stop()
            await self._take_down(connection)

    def _chosen(self) -> list[Outlet]:
        return [track.outlet for track in self._tracks]

    async def _open(self, connection: RtspConnection, outlets: dict[str, Outlet]) -> None:
        client = self._client
        try:
            await connection.exchange(client, "OPTIONS")
        except DeviceRefused:
            raise
        except DeviceError:
            if not connection.is_open:
                raise
        answer = await connection.exchange(client, "DESCRIBE", headers={"Accept": "application/sdp"})
        self._choose(answer, outlets)
        wanted = "udp" if self._transport == "udp" else "tcp"
        try:
            await self._set_up(connection, wanted)
        except TransportRefused:
            if self._transport != "auto" or wanted == "udp":
                raise
            log.info("camera refuses TCP, using UDP", extra={"camera": self._camera})
            await self._set_up(connection, "udp")

    def _choose(self, answer: Message, outlets: dict[str, Outlet]) -> None:
        """Pick the first video and the first sound that we carry."""
        client = self._client
        try:
            session = parse_sdp(answer.body)
            base = client.base_url(answer)
            self._aggregate = client.control_url(base, session.control)
            for kind, outlet in outlets.items():
                media = next((one for one in session.media if one.kind == kind and is_carried(one)), None)
                if media is None:
                    continue
                receiver = RtpReceiver(depacketizer_for(media, outlet), media.payload_type, clock_rate_hz(media))
                self._tracks.append(_Track(media, outlet, receiver, client.control_url(base, media.control)))
        except ProtocolError as broken:
            raise NothingToRecord(str(broken)) from None
        if not self._tracks or ("video" in outlets and self._tracks[0].media.kind != "video"):
            offered = ", ".join(f"{one.kind} {one.encoding or one.payload_type}" for one in session.media)
            raise NothingToRecord(f"it offers no video in a format that Vedette records, only {offered}")

    async def _set_up(self, connection: RtspConnection, transport: str) -> None:
        for number, track in enumerate(list(self._tracks)):
            try:
                await self._set_up_track(connection, transport, number, track)
            except TransportRefused:
                raise
            except DeviceError as refused:
                if number == 0 or not connection.is_open:
                    raise
                self._tracks.remove(track)
                fields = {"camera": self._camera, "kind": track.media.kind, "cause": str(refused)}
                log.warning("camera refuses one of its tracks", extra=fields)

    async def _set_up_track(self, connection: RtspConnection, transport: str, number: int, track: _Track) -> None:
        if transport == "udp":
            track.udp = UdpPair.bind(connection.peer()[1])
            line = f"RTP/AVP;unicast;client_port={track.udp.port}-{track.udp.port + 1}"
        else:
            line = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        try:
            answer = await connection.exchange(self._client, "SETUP", track.url, {"Transport": line})
        except DeviceError:
            if track.udp is not None:
                track.udp.close()
                track.udp = None
            raise
        agreed = parse_transport(answer.header("transport"))
        if track.udp is not None:
            await self._start_udp(connection, track, track.udp, agreed)
            return
        rtp, rtcp = agreed.interleaved if agreed.interleaved[0] >= 0 else (2 * number, 2 * number + 1)
        track.rtcp_channel = rtcp

        def take_rtcp(buffer: memoryview, start: int, end: int) -> None:
            self._take_rtcp(track, bytes(buffer[start:end]))

        track.outlet.read_arrival_from(connection)
        connection.take(rtcp, take_rtcp)
        connection.take(rtp, track.receiver.packet, track.receiver.run)

    async def _start_udp(self, connection: RtspConnection, track: _Track, udp: UdpPair, agreed: Transport) -> None:
        track.outlet.read_arrival_from(udp)

        def take_rtcp(packet: bytes) -> None:
            self._take_rtcp(track, packet)

        await udp.start(connection.peer()[0], agreed.server_port, track.receiver, take_rtcp)

    def _take_rtcp(self, track: _Track, packet: bytes) -> None:
        for report in read_sender_reports(packet)[0]:
            ticks = track.receiver.sender_report(report, time.monotonic())
            if ticks is not None:
                track.outlet.sender_report(report.utc_us, ticks)

    async def _play(self, connection: RtspConnection) -> None:
        await connection.exchange(self._client, "PLAY", self._aggregate, {"Range": "npt=0.000-"})
        connection.read_paced()
        began_s = alive_s = time.monotonic()
        report_s = min(_REPORT_S, self._client.timeout_s / 3)
        while True:
            await asyncio.wait([connection.closed], timeout=report_s)
            if connection.closed.done():
                connection.closed.result()  # raises what ended it
                raise DeviceError("it closed the connection")
            now_s = time.monotonic()
            for track in self._tracks:
                reception = track.receiver.reception(now_s)
                if reception is not None:
                    track.send_rtcp(connection, write_receiver_report(self._own_ssrc, reception, "vedette"))
            if now_s - began_s >= _DESCRIBED_S:
                self._check_described()
            if now_s - alive_s >= self._client.timeout_s / 2 - report_s:
                alive_s = now_s
                await self._keep_alive(connection)

    def _check_described(self) -> None:
        for track in self._tracks:
            if track.outlet.offered is None and track.receiver.has_begun:
                raise NoParameterSets(f"no parameter sets with its {track.media.encoding}", camera=self._camera)

    async def _keep_alive(self, connection: RtspConnection) -> None:
        """Tell the camera that we are still there. A camera that does not like how is asked another way next time."""
        method = "OPTIONS" if self._alive_with_options else self._client.keep_alive_method
        try:
            await connection.exchange(self._client, method, self._aggregate)
        except DeviceError:
            if not connection.is_open:
                raise
            self._alive_with_options = True

    async def _take_down(self, connection: RtspConnection) -> None:
        try:
            if self._client.session and connection.is_open:
                async with asyncio.timeout(_GOODBYE_S):
                    await connection.exchange(self._client, "TEARDOWN", self._aggregate)
        except (DeviceError, TimeoutError):
            log.debug("camera did not say goodbye", extra={"camera": self._camera})
        finally:
            for track in self._tracks:
                if track.udp is not None:
                    track.udp.close()
            await connection.close()
