"""Keeps the site's snapshot and the access token fresh, off the GUI thread."""

from PySide6.QtCore import QObject, QTimer, Signal

from common.foundation.errors import NotSignedIn, VmsError
from common.ui.off_thread import run_off_thread
from common.ui.session import Session
from smartclient.site.snapshot import Site, read_site

REFRESH_S = 5.0


class SiteWatch(QObject):
    """Reads the site every few seconds. Emits only what changed."""

    changed = Signal(object)
    """A Site."""
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
        self._ever = False
        self._failing = False
        self._timer = QTimer(self)
        self._timer.setInterval(round(REFRESH_S * 1000))
        self._timer.timeout.connect(self.refresh)

    def start(self) -> None:
        """Read now, and again every few seconds."""
        self._timer.start()
        self.refresh()

    def stop(self) -> None:
        self._timer.stop()

    def refresh(self) -> None:
        """Read the site and renew the token when it is time."""
        if self._busy or not self._timer.isActive():
            return
        self._busy = True
        client = self._session.client
        run_off_thread(self, lambda: (client.access_token(), read_site(client)), self._done, self._failed)

    def _done(self, answer: tuple[str, Site]) -> None:
        self._busy = False
        token, site = answer
        self.token.emit(token)
        if self._failing:
            self._failing = False
            self.recovered.emit()
        if site != self.site or not self._ever:
            self._ever = True
            self.site = site
            self.changed.emit(site)

    def _failed(self, error: VmsError) -> None:
        self._busy = False
        if isinstance(error, NotSignedIn):
            self._timer.stop()
            self.signed_out.emit()
            return
        self._failing = True
        self.failed.emit(error)
