"""The recorder's port: TLS, WebSocket upgrade to the media channel, a status page, and limits on who may connect."""

import asyncio
import json
import logging
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from common.protocols.media_channel.messages import PATH, SUBPROTOCOL
from common.protocols.media_channel.messages import VERSION as CHANNEL_VERSION
from server.recording.api.door import Door
from server.recording.api.downloads import Downloads, wanted
from server.recording.api.services import RecorderServices
from server.recording.api.session import ViewerSession
from server.recording.api.viewer_socket import MediaSocket

log = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
MOST_CLIENT_MESSAGE_BYTES = 64 * 1024
_UNSENT_BYTES = 512 * 1024  # in the socket's buffer, before a viewer's subscriptions wait
_PING_S = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections may be open: in all, and from one address."""

    connections: int = 500
    connections_per_address: int = 64


class MediaServer:
    """The open port and the viewers connected to it."""

    def __init__(self, services: RecorderServices, limits: Limits) -> None:
        self._services = services
        self._limits = limits
        self._name = services.name
        self._sessions: set[ViewerSession] = set()
        self._downloads = Downloads(services.exports, services.tokens)
        self._doors: set[Door] = set()
        self._open: Counter[str] = Counter()
        self.refused_connections = 0
        self.port = 0

    def rename(self, name: str) -> None:
        """The recorder is called this now."""
        self._name = name

    def sign_out(self, revoked: Iterable[str]) -> None:
        """Close every session that is signed in with one of these tokens (`jti`)."""
        gone = frozenset(revoked)
        for session in self._sessions:
            if session.token_id in gone:
                session.sign_out()

    def permissions_changed(self) -> None:
        """Have every session end what its user may not watch any more."""
        for session in self._sessions:
            session.permissions_changed()

    # called by the sockets

    def admit(self, address: str) -> bool:
        """Count a new connection; False when there are too many."""
        if self._open.total() >= self._limits.connections or (
            self._open[address] >= self._limits.connections_per_address
        ):
            self.refused_connections += 1
            return False
        self._open[address] += 1
        return True

    def left(self, address: str) -> None:
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP; None lets the WebSocket upgrade go on."""
        path = request.path.partition("?")[0]
        if path == PATH:
            return None
        if path == "/":
            status = {
                "name": self._name,
                "id": self._services.recorder,
                "version": _product_version(),
                "media": CHANNEL_VERSION,
            }
            return _plain(HTTPStatus.OK, "application/json", json.dumps(status))
        return _plain(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "There is nothing here.\n")

    async def download(self, door: Door) -> None:
        """Answer a request for an export."""
        self._doors.add(door)
        try:
            await self._downloads.answer(door)
        finally:
            self._doors.discard(door)

    def end_downloads(self) -> None:
        """Cut those that run: the recorder stops."""
        for door in list(self._doors):
            door.transport.abort()

    async def serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, MediaSocket)  # made by `create_connection` below
        session = ViewerSession(connection, self._services)
        self._sessions.add(session)
        try:
            await session.run(_bearer(connection.request))
        finally:
            self._sessions.discard(session)


class _ViewerSocket(MediaSocket):
    """A WebSocket that a counted connection became."""

    media_server: MediaServer
    admitted_as = ""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.admitted_as:
            self.media_server.left(self.admitted_as)
            self.admitted_as = ""
        super().connection_lost(exc)


class _ServerDoor(Door):
    """A connection that is counted from its first byte to its last, and cut at once where there are too many."""

    media_server: MediaServer
    _address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else "?"
        if self.media_server.admit(address):
            self._address = address
            _at_once(transport)
        else:
            self.transport.abort()

    def became(self, socket: _ViewerSocket) -> _ViewerSocket:
        """The WebSocket counts from now on."""
        socket.admitted_as, self._address = self._address, ""
        return socket

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address:
            self.media_server.left(self._address)
            self._address = ""
        super().connection_lost(exc)


def _at_once(transport: asyncio.BaseTransport) -> None:
    """Let each picture leave at once instead of waiting for more bytes (Nagle)."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _product_version() -> str:
    try:
        return version("vedette")
    except PackageNotFoundError:
        return ""


def _plain(status: HTTPStatus, content_type: str, body: str) -> Response:
    data = body.encode()
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(data)),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return Response(status.value, status.phrase, headers, data)


def _bearer(request: Request | None) -> str | None:
    """The token of `Authorization: Bearer` (RFC 6750, 2.1), if there is one."""
    if request is None:
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """What strangers send to an open port is no error of ours: one line without a trace, for who looks for it."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        failure = kwargs.pop("exc_info", None)
        extra = {"reason": repr(failure)} if isinstance(failure, BaseException) else {}
        self.logger.debug(msg, *args, extra=extra)


@asynccontextmanager
async def media_server(
    services: RecorderServices, listener: socket.socket, tls: ssl.SSLContext | None, limits: Limits
) -> AsyncIterator[MediaServer]:
    """Listen on a bound socket until left; then viewers are told that the server goes away. `tls` None is for tests."""
    serving = MediaServer(services, limits)

    class Socket(_ViewerSocket):
        media_server = serving

    class Entrance(_ServerDoor):
        media_server = serving

    downloads = asyncio.TaskGroup()

    def entrance(*args: Any, **more: Any) -> Entrance:
        """What each new connection begins with; it becomes a WebSocket unless it asks for an export."""
        door = Entrance(
            lambda: door.became(Socket(*args, **more)),
            wanted,
            lambda door: downloads.create_task(serving.download(door), name="download"),
        )
        return door

    tls_deadlines: dict[str, Any] = (
        {} if tls is None else {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": 2.0}
    )
    opened: Server = await serve(
        serving.serve,
        sock=listener,
        ssl=tls,
        process_request=serving.answer,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        create_connection=cast(type[ServerConnection], entrance),  # made and used as an asyncio.Protocol
        compression=None,
        server_header=None,
        open_timeout=HANDSHAKE_S,
        ping_interval=_PING_S,
        ping_timeout=2 * _PING_S,
        close_timeout=2.0,
        max_size=MOST_CLIENT_MESSAGE_BYTES,
        max_queue=16,
        write_limit=(_UNSENT_BYTES, _UNSENT_BYTES // 4),
        logger=_QuietLogger(log),
        **tls_deadlines,
    )
    serving.port = listener.getsockname()[1]
    try:
        async with downloads:
            try:
                yield serving
            finally:
                opened.close()
                serving.end_downloads()
    finally:
        await opened.wait_closed()
