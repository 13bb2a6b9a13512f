"""An RTSP camera that speaks UDP only and sends exactly the RTP packets that a test gives it, in its order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

PACKET_EVERY_S = 0.001


class UdpCamera:
    """Answers one client (RFC 2326), then plays `packets`. `sdp` describes the one track, at control `video`.

    `session_s`: a client that asks nothing for so long is sent away. `requests`: the methods asked for.
    """

    def __init__(self, sdp: bytes, packets: Sequence[bytes], session_s: int) -> None:
        self._session_s = session_s
        self.requests: list[str] = []
        self._sdp = sdp
        self._packets = packets
        self._rtp, self._rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self._rtp, self._rtcp):
            one.bind(("127.0.0.1", 0))
        self._client_port = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing: asyncio.Task[None] | None = None
        try:
            while request := await asyncio.wait_for(reader.readline(), self._session_s):
                method, url, _ = request.decode().split()
                self.requests.append(method)
                headers = {}
                while line := (await reader.readline()).decode().strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                writer.write(self._answer(method, url, headers))
                if method == "PLAY":
                    playing = asyncio.create_task(self._play(), name="udp camera plays")
        except (ConnectionError, TimeoutError):
            return  # the client left, or fell asleep
        finally:
            if playing is not None:
                playing.cancel()
            writer.close()

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> bytes:
        head = f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\nSession: 7;timeout={self._session_s}\r\n"
        if method == "DESCRIBE":
            head += f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(self._sdp)}\r\n"
            return head.encode() + b"\r\n" + self._sdp
        if method == "SETUP":
            transport = headers["transport"]
            if "TCP" in transport:
                return f"RTSP/1.0 461 Unsupported Transport\r\nCSeq: {headers['cseq']}\r\n\r\n".encode()
            self._client_port = int(transport.split("client_port=")[1].split("-")[0])
            ports = f"{self._rtp.getsockname()[1]}-{self._rtcp.getsockname()[1]}"
            head += f"Transport: {transport};server_port={ports}\r\n"
        return head.encode() + b"\r\n"

    async def _play(self) -> None:
        for packet in self._packets:
            self._rtp.sendto(packet, ("127.0.0.1", self._client_port))
            await asyncio.sleep(PACKET_EVERY_S)

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


@asynccontextmanager
async def udp_camera(sdp: bytes, packets: Sequence[bytes], session_s: int = 60) -> AsyncIterator[UdpCamera]:
    camera = UdpCamera(sdp, packets, session_s)
    server = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    try:
        camera.url = f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/cam"
        yield camera
    finally:
        server.close()
        camera.close()
