"""The HTTPS socket, and the web server on it."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.foundation.errors import SettingsError
from common.net.tls import server_context
from server.management.registration.certificates import SiteCertificates
from server.management.settings import ManagementSettings

FALLBACK_PORT = 8443
_MOST_CONNECTIONS = 6000  # requests and listeners of the service channel; beyond that 503
_MOST_MESSAGE_BYTES = 64 * 1024
_STOP_WITHIN_S = 3
_LAST_BYTES_S = 0.1  # for the last answers to leave


class PortInUse(SettingsError):
    """The HTTPS port cannot be listened on."""

    message_key = "error.port_in_use"


def bound_socket(settings: ManagementSettings) -> socket.socket:
    """Listen where the settings say; raise PortInUse.

    443 is only a default: where it may not be used (no privilege) or is taken, and nobody asked for it, 8443 serves.
    """
    ports = [settings.https_port]
    if "https_port" not in settings.model_fields_set:
        ports.append(FALLBACK_PORT)
    address = ipaddress.ip_address(str(settings.bind_address))
    failures: list[str] = []
    for port in ports:
        listening = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if address.version == 6:
                listening.setsockopt(
                    socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == ipaddress.IPv6Address("::") else 1
                )
            listening.bind((str(address), port))
            listening.listen(1024)
        except OSError as error:
            listening.close()
            failures.append(f"{address} port {port}: {error.strerror}")
        else:
            listening.setblocking(False)
            return listening
    raise PortInUse("; ".join(failures), address=str(address), port=ports[-1])


def shown_host(settings: ManagementSettings, hosts: tuple[str, ...]) -> str:
    """Return the name under which to tell people about this server: one that works from here."""
    address = ipaddress.ip_address(str(settings.bind_address))
    if not address.is_unspecified:
        return f"[{address}]" if address.version == 6 else str(address)
    with contextlib.suppress(OSError, UnicodeError):
        resolved = {str(row[4][0]) for row in socket.getaddrinfo(hosts[0], None, socket.AF_INET)}
        if resolved <= set(hosts):
            return hosts[0]
    return "127.0.0.1"


def known_host(settings: ManagementSettings, hosts: tuple[str, ...]) -> str:
    """Return the name under which to tell other machines about this server."""
    address = ipaddress.ip_address(str(settings.bind_address))
    if address.is_unspecified:
        return hosts[0]
    return f"[{address}]" if address.version == 6 else str(address)


class _Connections:
    """Every open connection, so that none is left when the server stops.

    TLS closes with an exchange: a client that keeps an idle connection and does not read would hold the server up for
    half a minute.
    """

    def __init__(self) -> None:
        self._open: set[asyncio.Transport] = set()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's HTTP protocol, noting its connections here."""
        connections = self._open

        class NotedProtocol(H11Protocol):
            def handle_websocket_upgrade(self, event: h11.Request) -> None:
                connections.discard(self.transport)  # uvicorn closes WebSockets itself when it stops
                super().handle_websocket_upgrade(event)

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
                connections.add(transport)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.discard(self.transport)
                super().connection_lost(exc)

        return NotedProtocol

    def drop_all(self) -> None:
        for transport in list(self._open):
            transport.abort()


class HttpsServer(uvicorn.Server):
    """Uvicorn with our own TLS context, leaving signals to `server.runtime`."""

    def __init__(self, app: ASGIApp, certificates: SiteCertificates) -> None:
        self._connections = _Connections()
        config = uvicorn.Config(
            app,
            http=self._connections.protocol(),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="websockets-sansio",
            ws_max_size=_MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # each would keep a window of some 10 kB; messages are small
            lifespan="off",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
        super().__init__(config)
        config.load()
        config.ssl = server_context(certificates.cert_path, certificates.key_path)
        self._certificates = certificates

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end, for a few seconds at most, then drop what is still open."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + _STOP_WITHIN_S
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(super().shutdown(sockets), name="stop listening")
            while not stopping.done():
                await asyncio.sleep(_LAST_BYTES_S)
                if not self.server_state.tasks or loop.time() > give_up_s:
                    self._connections.drop_all()

    def reload_certificate(self) -> None:
        """Have new connections see the renewed certificate."""
        assert self.config.ssl is not None
        self.config.ssl.load_cert_chain(self._certificates.cert_path, self._certificates.key_path)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
