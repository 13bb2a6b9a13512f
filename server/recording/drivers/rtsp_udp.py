"""The UDP side of an RTSP session: a pair of ports for each track, with packets put back in order."""

import asyncio
import socket
import time
from collections.abc import Callable
from struct import unpack_from

from common.foundation.errors import DeviceError
from common.protocols.rtp.receiver import RtpReceiver
from common.protocols.rtp.reorder import ReorderBuffer

_RECEIVE_BUFFER_BYTES = 2 << 20  # a keyframe comes in one burst
_TRIES = 50


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, source: str, taker: Callable[[bytes], None]) -> None:
        self._source = source
        self._taker = taker

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] == self._source:  # packets from elsewhere are not the camera's
            self._taker(data)

    def error_received(self, exc: Exception) -> None:
        """The camera's port is closed for our reports: pictures still come, or the watchdog sees that none do."""


class UdpPair:
    """RTP and RTCP ports of one track. Used as `pair = await UdpPair.open(...)`, then `close`."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._sockets = (rtp, rtcp)
        self._transports: list[asyncio.DatagramTransport] = []
        self._reorder = ReorderBuffer()
        self._receiver: RtpReceiver | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._server_port = (-1, -1)
        self._source = ""
        self.arrival_s = 0.0
        self.port = int(rtp.getsockname()[1])

    @classmethod
    def bind(cls, own_address: str) -> "UdpPair":
        """Bind an even port and the next one (RFC 3550, section 11); raises DeviceError when there are none."""
        family = socket.AF_INET6 if ":" in own_address else socket.AF_INET
        for _ in range(_TRIES):
            rtp, rtcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
            try:
                rtp.bind((own_address, 0))
                port = rtp.getsockname()[1]
                if port % 2 == 0:
                    rtcp.bind((own_address, port + 1))
                    rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
                    rtp.setblocking(False)
                    rtcp.setblocking(False)
                    return cls(rtp, rtcp)
            except OSError:
                pass
            rtp.close()
            rtcp.close()
        raise DeviceError("this machine has no free pair of UDP ports")

    async def start(
        self,
        source: str,
        server_port: tuple[int, int],
        receiver: RtpReceiver,
        take_rtcp: Callable[[bytes], None],
    ) -> None:
        """Receive from the camera at `source`, and open firewalls on the way by a packet in the other direction."""
        loop = asyncio.get_running_loop()
        self._receiver, self._source, self._server_port = receiver, source, server_port
        for own, taker in zip(self._sockets, (self._take_rtp, take_rtcp), strict=True):
            protocol = _Datagrams(source, taker)
            transport, _ = await loop.create_datagram_endpoint(lambda p=protocol: p, sock=own)  # type: ignore[misc]
            self._transports.append(transport)
        if server_port[0] > 0:
            self._transports[0].sendto(b"\x80\0\0\0" + bytes(8), (source, server_port[0]))

    def send_rtcp(self, packet: bytes) -> None:
        """Send a report to the camera."""
        if len(self._transports) == 2 and self._server_port[1] > 0:
            self._transports[1].sendto(packet, (self._source, self._server_port[1]))

    def _take_rtp(self, data: bytes) -> None:
        now_s = self.arrival_s = time.monotonic()
        if len(data) >= 12 and self._receiver is not None:
            self._receiver.note_arrival(unpack_from(">I", data, 4)[0], now_s)
        self._use(self._reorder.push(data, now_s))

    def _use(self, packets: list[bytes]) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        for packet in packets:
            receiver.packet(memoryview(packet), 0, len(packet))
        if self._reorder.waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0.05, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._use(self._reorder.expired(time.monotonic()))

    def close(self) -> None:
        """Close both ports."""
        self._receiver = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for transport in self._transports:
            transport.close()
        if not self._transports:
            for own in self._sockets:
                own.close()
