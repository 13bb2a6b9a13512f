"""The clock in the corner: the server's time, in the operator's zone, with the zone where it is another one."""

from collections.abc import Callable
from datetime import datetime, tzinfo

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QWidget

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.ui.theme import tabular
from common.ui.words import words

_TOLERATED_US = 2 * US_PER_S


def clock_text(at: UtcUs, zone: tzinfo | None = None, here: tzinfo | None = None) -> str:
    """Write the time of day of `at` in `zone` (None: this computer's), 24 hours; the zone too when it is not `here`."""
    moment = datetime.fromtimestamp(at / US_PER_S, zone).astimezone(zone)
    shown = moment.strftime("%H:%M:%S")
    if zone is not None and moment.utcoffset() != moment.astimezone(here).utcoffset():
        shown += moment.strftime(" %Z")
    return shown


class ServerTime(QLabel):
    """Shows `now_us()` (default: this computer's clock) plus what the server's clock is ahead."""

    def __init__(
        self, now_us: Callable[[], UtcUs] | None = None, zone: tzinfo | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._now_us = now_us or SystemClock().now_us
        self._zone = zone
        self._ahead_us = 0
        self.setFont(tabular(self.font()))
        self.setAccessibleName(words("ui.server_time"))
        self._tick = QTimer(self)
        self._tick.setInterval(250)
        self._tick.timeout.connect(self._show)
        self._tick.start()
        self._show()

    def server_said(self, at: UtcUs) -> None:
        """Take a time that the server has just sent; differences below two seconds are the network's."""
        ahead_us = at - self._now_us()
        self._ahead_us = ahead_us if abs(ahead_us) > _TOLERATED_US else 0
        self._show()

    def _show(self) -> None:
        shown = clock_text(UtcUs(self._now_us() + self._ahead_us), self._zone)
        if shown != self.text():
            self.setText(shown)
        if self._ahead_us:
            self.setToolTip(words("ui.server_time_differs", seconds=round(self._ahead_us / US_PER_S)))
        else:
            self.setToolTip(words("ui.server_time"))
