"""Has Python's cyclic garbage collected in the GUI thread only.

The collector runs in whichever thread happens to make the next object, and what it finds may be a dialog that was
closed a while ago: a Qt widget that is destroyed in another thread takes the program with it.
"""

import gc

from PySide6.QtCore import QObject, QTimer

_LOOK_MS = 500


class GuiGarbage(QObject):
    """Make it in the GUI thread; from then on nobody else collects, until it is closed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        gc.disable()
        gc.freeze()  # what was made by importing stays for ever, and need not be looked through each time
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect the generations that are due, as the collector would by itself."""
        counts = zip(gc.get_count(), self._thresholds, strict=True)
        due = [generation for generation, (count, most) in enumerate(counts) if count > most]
        if due:
            gc.collect(max(due))

    def close(self) -> None:
        """Let Python collect where it likes again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
