"""The evidence locks of the selected camera, for the timeline: asked of its recorder off the GUI thread."""

import logging

from PySide6.QtCore import QObject, QTimer, Signal

from common.api.evidence import ShownLock
from common.clients.evidence import RecorderLocks
from common.clients.media_asking import AskRecorder
from common.foundation.errors import VmsError
from common.ui.off_thread import Job, run_off_thread
from smartclient.site.doors import RecorderDoors
from smartclient.site.snapshot import SiteCamera

log = logging.getLogger(__name__)

_REFRESH_MS = 30_000
_MOST_SHOWN = 2000


class LockStore(QObject):
    """Locks of one camera; somebody who may not see locks sees none."""

    changed = Signal()

    def __init__(self, doors: RecorderDoors, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._doors = doors
        self._camera: SiteCamera | None = None
        self._asked: Job | None = None
        self.locks: tuple[ShownLock, ...] = ()
        self._again = QTimer(self)
        self._again.setInterval(_REFRESH_MS)
        self._again.timeout.connect(self._ask)

    def want(self, camera: SiteCamera | None) -> None:
        """Keep those of this camera."""
        if camera == self._camera and self._again.isActive():
            return
        if camera != self._camera:
            self._show(())
        self._camera = camera
        self._again.start()
        self._ask()

    def rest(self) -> None:
        """Nobody looks: do not ask any more."""
        self._again.stop()

    def _ask(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
        camera = self._camera
        if camera is None:
            return

        async def question(ask: AskRecorder) -> tuple[ShownLock, ...]:
            found: list[ShownLock] = []
            async for lock in RecorderLocks(ask).known(camera.id):
                found.append(lock)
                if len(found) >= _MOST_SHOWN:
                    break
            return tuple(found)

        self._asked = run_off_thread(
            self, lambda: self._doors.run(camera.recorder, question), self._show, self._unknown
        )

    def _show(self, locks: tuple[ShownLock, ...]) -> None:
        if locks != self.locks:
            self.locks = locks
            self.changed.emit()

    def _unknown(self, error: VmsError) -> None:
        """What is shown stays; tiles and timeline say that the recorder is away."""
        log.info("evidence locks not known", extra={"cause": str(error)})
