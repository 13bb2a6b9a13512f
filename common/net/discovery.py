"""Finding management servers on the local network: DNS service discovery (RFC 6763) over multicast DNS (RFC 6762)."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from common.foundation.errors import VmsError

SERVICE = "_vedette._tcp.local."
_ASK_TIMEOUT_MS = 2000
_MOST_SERVERS = 256


class DiscoveryUnavailable(VmsError):
    """This machine cannot send or receive multicast DNS."""

    message_key = "error.discovery_unavailable"


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A management server that announced itself. Nobody vouches for it: sign-in checks its certificate."""

    name: str
    host: str
    addresses: tuple[str, ...]
    port: int
    ca_sha256: str  # `AB:CD:...`

    @property
    def url(self) -> str:
        """Return the address to sign in to: an IP address, since names ending in `.local` do not resolve everywhere."""
        host = self.addresses[0] if self.addresses else self.host
        return f"https://[{host}]:{self.port}" if ":" in host else f"https://{host}:{self.port}"


@asynccontextmanager
async def announced(name: str, port: int, ca_sha256: str, addresses: Sequence[str]) -> AsyncIterator[None]:
    """Announce a management server while inside. Raises DiscoveryUnavailable."""
    info = ServiceInfo(
        SERVICE,
        f"{name.replace('.', ' ')[:50]}.{SERVICE}",
        port=port,
        properties={"name": name[:200], "https": str(port), "ca": ca_sha256},
        server=f"{socket.gethostname().split('.')[0]}.local.",
        parsed_addresses=list(addresses),
    )
    zeroconf = await asyncio.to_thread(_opened)  # with a loop and thread of its own: it leaves sockets open on uvloop
    try:
        registering = asyncio.create_task(asyncio.to_thread(_register, zeroconf, info), name="announce")
        try:
            await asyncio.shield(registering)
        finally:
            # Closing in the middle of it would wait ten seconds for a word that never comes.
            await asyncio.wait([registering])
        yield
    finally:
        await asyncio.to_thread(zeroconf.close)


def _register(zeroconf: Zeroconf, info: ServiceInfo) -> None:
    try:
        zeroconf.register_service(info, allow_name_change=True)
    except Exception as error:  # its own kinds, and whatever the network raises
        raise DiscoveryUnavailable(str(error) or type(error).__name__) from error


def _opened() -> Zeroconf:
    try:
        return Zeroconf(ip_version=IPVersion.V4Only)
    except OSError as error:
        raise DiscoveryUnavailable(str(error)) from error


class ServerBrowser:
    """Looks for management servers until closed; `changed` is called with all known ones from its own thread."""

    def __init__(self, changed: Callable[[tuple[FoundServer, ...]], None]) -> None:
        """Raises DiscoveryUnavailable."""
        self._changed = changed
        self._lock = threading.Lock()
        self._found: dict[str, FoundServer] = {}
        self._zeroconf = _opened()
        self._browser = ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._on_change])

    def close(self) -> None:
        self._browser.cancel()
        self._zeroconf.close()

    def __enter__(self) -> "ServerBrowser":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def servers(self) -> tuple[FoundServer, ...]:
        """Return the servers known now, by name."""
        with self._lock:
            return tuple(sorted(self._found.values(), key=lambda each: (each.name.lower(), each.url)))

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        # Called by name; runs in the browser's own thread, which may wait.
        server = None
        if state_change is not ServiceStateChange.Removed:
            server = _found(zeroconf, service_type, name)
        with self._lock:
            if server is None:
                self._found.pop(name, None)
            elif name in self._found or len(self._found) < _MOST_SERVERS:
                self._found[name] = server
        self._changed(self.servers())


def _found(zeroconf: Zeroconf, service_type: str, name: str) -> FoundServer | None:
    info = zeroconf.get_service_info(service_type, name, _ASK_TIMEOUT_MS)
    if info is None or not info.port:
        return None
    texts = {
        key.decode("utf-8", "replace"): (value or b"").decode("utf-8", "replace")
        for key, value in info.properties.items()
    }
    return FoundServer(
        name=texts.get("name") or name.removesuffix(f".{SERVICE}"),
        host=(info.server or "").rstrip("."),
        addresses=tuple(info.parsed_addresses(IPVersion.V4Only)),
        port=info.port,
        ca_sha256=texts.get("ca", ""),
    )
