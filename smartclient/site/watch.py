"""Keeps the site's snapshot and the access token fresh, off the GUI thread: the service channel says when to look."""

from PySide6.QtCore import QObject, QTimer, Signal

from common.foundation.errors import NotSignedIn, VmsError
from common.ui.off_thread import run_off_thread
from common.ui.session import Session
from common.ui.site_channel import SiteChannel
from smartclient.site.snapshot import Site, read_site

REFRESH_S = 5.0
"""While changes are not heard of."""
RENEW_S = 30.0
"""While they are: only to have a fresh token at hand."""


class SiteWatch(QObject):
    """Reads the site when it changed, or every few seconds while nobody says so. Emits only what changed."""

    changed = Signal(object)
    """A Site."""
    looked = Signal()
    """The site was read, whether or not it changed: look after what else is there, too."""
    token = Signal(str)
    failed = Signal(object)
    """A VmsError: the management server does not answer; what is on screen goes on."""
    recovered = Signal()
    signed_out = Signal()
    """The session has ended on the server."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.site = Site()
        self._session = session
        self._busy = False
        self._again = False
        self._ever = False
        self._failing = False
        self._timer = QTimer(self)
        self._timer.setInterval(round(REFRESH_S * 1000))
        self._timer.timeout.connect(self.refresh)
        self._channel = SiteChannel(session, self)
        self._channel.changed.connect(self.refresh)
        self._channel.connected.connect(self._hears)

    def start(self) -> None:
        """Read now, and whenever the site may have changed."""
        self._timer.start()
        self._channel.start()
        self.refresh()

    def stop(self) -> None:
        self._timer.stop()
        self._channel.stop()

    def _hears(self, connected: bool) -> None:
        self._timer.setInterval(round((RENEW_S if connected else REFRESH_S) * 1000))
        if not connected:
            self.refresh()

    def refresh(self) -> None:
        """Read the site and renew the token when it is time."""
        if not self._timer.isActive():
            return
        if self._busy:
            self._again = True
            return
        self._busy = True
        client = self._session.client
        # The token after the site: when reading found the old one expired, this is the new one.
        run_off_thread(self, lambda: (read_site(client), client.access_token()), self._done, self._failed)

    def _done(self, answer: tuple[Site, str]) -> None:
        self._busy = False
        site, token = answer
        self.token.emit(token)
        self.looked.emit()
        if self._failing:
            self._failing = False
            self.recovered.emit()
        if site != self.site or not self._ever:
            self._ever = True
            self.site = site
            self.changed.emit(site)
        if self._again:
            self._again = False
            self.refresh()

    def _failed(self, error: VmsError) -> None:
        self._busy = self._again = False
        if isinstance(error, NotSignedIn):
            self.stop()
            self.signed_out.emit()
            return
        self._failing = True
        self.failed.emit(error)
