"""The storage of one device, whichever that is at the time, as its pre-buffer on disk sees it."""

from common.foundation.ids import DeviceId
from server.recording.mediadb.events import Overflow
from server.recording.prebuffer.spool import Spool
from server.recording.storages.writers import StorageWriters


class DeviceStorage:
    """Implements server.recording.prebuffer.recorder.Storage."""

    def __init__(self, storages: StorageWriters, device: DeviceId) -> None:
        self._storages = storages
        self._device = device

    def spool(self) -> Spool:
        return self._storages.spool_of(self._device)

    def has_room(self) -> bool:
        return self._storages.keeps_up(self._device)

    def lost(self, event: Overflow) -> None:
        self._storages.lost(event)
