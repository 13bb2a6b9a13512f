"""The service channel for a window: says when the site changed, in the GUI thread."""

from PySide6.QtCore import QObject, QTimer, Signal

from common.api.service_channel import Notice
from common.clients.service_channel import Connected, Lost, Missed, ServiceChannelClient, Told
from common.ui.session import Session

_GATHER_MS = 150  # one change of an administrator is often several of items


class SiteChannel(QObject):
    """Listens between `start` and `stop`."""

    changed = Signal()
    """Something of the site is not as it was read: read it again. Many changes at once are one signal."""
    connected = Signal(bool)
    """Whether changes are heard of at once; while they are not, look for them now and then."""
    _told = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._connected = False
        self._told.connect(self._hear)
        self._gather = QTimer(self)
        self._gather.setSingleShot(True)
        self._gather.setInterval(_GATHER_MS)
        self._gather.timeout.connect(self.changed)
        self._client = ServiceChannelClient(
            session.server_url, session.ca_pem, session.client.access_token, self._told.emit
        )

    def start(self) -> None:
        self._client.start()

    def stop(self) -> None:
        """Hang up; no signal comes after this."""
        self._client.stop()
        self._gather.stop()
        self.blockSignals(True)

    def _hear(self, told: Told) -> None:
        if isinstance(told, Missed | Notice):
            if not self._gather.isActive():
                self._gather.start()
        elif isinstance(told, Connected | Lost) and self._connected is not isinstance(told, Connected):
            self._connected = isinstance(told, Connected)
            self.connected.emit(self._connected)
