"""Management servers that announce themselves on this network, as a list that follows them coming and going."""

import logging
import threading

import shiboken6
from PySide6.QtCore import QObject, Signal
from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from common.foundation.errors import ServerUnreachable, VmsError
from common.ui.off_thread import run_off_thread

log = logging.getLogger(__name__)

SERVICE = "_vedette._tcp.local."
MOST_SERVERS = 50
_ANSWER_MS = 2_000


class NearbyServers(QObject):
    """Emits `changed` with the addresses ("https://host:port", sorted) each time the list is another one."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}
        self._zeroconf: Zeroconf | None = None
        self._stopped = False

    def start(self) -> None:
        """Listen for servers. A network without multicast is logged; the address can be typed all the same."""
        run_off_thread(self, self._listen, lambda _: None, self._deaf)

    def stop(self) -> None:
        """Listen no more. Safe to call twice, and before the listening began."""
        with self._lock:
            self._stopped, zeroconf, self._zeroconf = True, self._zeroconf, None
        if zeroconf is not None:
            run_off_thread(self, zeroconf.close, lambda _: None, self._deaf)

    def _listen(self) -> None:  # worker thread
        try:
            zeroconf = Zeroconf()
        except OSError as error:
            raise ServerUnreachable(f"no multicast on this computer: {error}", server="the local network") from error
        with self._lock:
            if not self._stopped:
                self._zeroconf = zeroconf
                ServiceBrowser(zeroconf, SERVICE, handlers=[self._seen])
                return
        zeroconf.close()

    def _seen(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Called in zeroconf's thread for each announcement."""
        url = ""
        if state_change is not ServiceStateChange.Removed:
            info = zeroconf.get_service_info(service_type, name, _ANSWER_MS)
            addresses = info.parsed_scoped_addresses() if info is not None else []
            if info is None or not info.port or not (addresses or info.server):
                return
            host = next((a for a in addresses if ":" not in a), None) or (info.server or addresses[0]).rstrip(".")
            url = f"https://{host}:{info.port}"
        with self._lock:
            if self._stopped or (url and len(self._urls) >= MOST_SERVERS):
                return
            if url:
                self._urls[name] = url
            else:
                self._urls.pop(name, None)
            urls = tuple(sorted(set(self._urls.values())))
            if shiboken6.isValid(self):
                self.changed.emit(urls)

    def _deaf(self, error: VmsError) -> None:
        log.info("cannot look for servers nearby", extra={"cause": str(error)})
