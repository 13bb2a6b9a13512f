"""Management servers that announce themselves on this network, as a list that follows them coming and going."""

import logging
import threading

import shiboken6
from PySide6.QtCore import QObject, Signal

from common.foundation.errors import VmsError
from common.net.discovery import FoundServer, ServerBrowser
from common.ui.off_thread import run_off_thread

log = logging.getLogger(__name__)


class NearbyServers(QObject):
    """Emits `changed` with the addresses ("https://host:port", sorted) each time the list is another one."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._browser: ServerBrowser | None = None
        self._stopped = False

    def start(self) -> None:
        """Listen for servers. A network without multicast is logged; the address can be typed all the same."""
        run_off_thread(self, self._listen, lambda _: None, self._deaf)

    def stop(self) -> None:
        """Listen no more. Safe to call twice, and before the listening began."""
        with self._lock:
            self._stopped, browser, self._browser = True, self._browser, None
        if browser is not None:
            run_off_thread(self, browser.close, lambda _: None, self._deaf)

    def _listen(self) -> None:  # worker thread
        browser = ServerBrowser(self._seen)
        with self._lock:
            if not self._stopped:
                self._browser = browser
                return
        browser.close()

    def _seen(self, servers: tuple[FoundServer, ...]) -> None:  # the browser's thread
        urls = tuple(sorted({server.url for server in servers}))
        with self._lock:
            if not self._stopped and shiboken6.isValid(self):
                self.changed.emit(urls)

    def _deaf(self, error: VmsError) -> None:
        log.info("cannot look for servers nearby", extra={"cause": str(error)})
