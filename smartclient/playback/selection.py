"""The selected time: marked at the playhead or by hand, and repeated while it plays when the operator wants that."""

from PySide6.QtCore import QObject, Signal

from smartclient.playback.master import MasterClock
from smartclient.playback.spans import Span

_FIRST_US = 60_000_000  # a selection of which only one end is marked


class Selection(QObject):
    """`span` is what is selected, or None."""

    changed = Signal()

    def __init__(self, master: MasterClock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._master = master
        self._looping = False
        self.span: Span | None = None

    def select(self, span: Span | None) -> None:
        """Select this, or nothing."""
        if span != self.span:
            self.span = span
            self.changed.emit()

    def clear(self) -> None:
        """Select nothing."""
        self.select(None)

    def mark_in(self) -> None:
        """Let it start at the playhead; a minute long, when it would end before."""
        at = self._master.playhead_us
        self.select((at, self.span[1] if self.span is not None and self.span[1] > at else at + _FIRST_US))

    def mark_out(self) -> None:
        """Let it end at the playhead; a minute long, when it would start after."""
        at = self._master.playhead_us
        self.select((self.span[0] if self.span is not None and self.span[0] < at else max(0, at - _FIRST_US), at))

    def set_looping(self, looping: bool) -> None:
        """Whether playback repeats it; it goes there at once."""
        self._looping = looping
        if looping and self.span is not None and not self.span[0] <= self._master.playhead_us < self.span[1]:
            self._master.seek(self.span[0])

    def loop(self, at: int) -> bool:
        """Begin again when playback has left the selection; return whether it did so."""
        master = self._master
        if not self._looping or self.span is None or not master.playing:
            return False
        start, end = self.span
        if master.speed > 0 and not start <= at < end:
            master.seek(start)
        elif master.speed < 0 and not start < at <= end:
            master.seek(end)
        else:
            return False
        return True
