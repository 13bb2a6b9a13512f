"""What the colours and patterns of the timeline mean, as a small window beside it."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from common.ui.theme import colour
from common.ui.words import words
from smartclient.playback.looks import LOOKS, Look

_SWATCH_PX = (32, 16)
_NIGHT = Look("base", Qt.BrushStyle.SolidPattern, 0.0, 1.0, "timeline.look_night")


class _Swatch(QWidget):
    """A piece of the timeline."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.setFixedSize(*_SWATCH_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), QBrush(colour("panel" if self._look is _NIGHT else "base")))
            area = QRectF(0, self.height() * self._look.top, self.width(), self.height() * self._look.height)
            painter.fillRect(area, self._look.brush())
            painter.setPen(colour("line"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        finally:
            painter.end()


class Legend(QFrame):
    """Opens above a button, and goes away at a click beside it or Esc."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("timeline_legend")
        self.setAccessibleName(words("timeline.legend"))
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 12, 12, 12)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        for row, look in enumerate((*LOOKS.values(), _NIGHT)):
            grid.addWidget(_Swatch(look), row, 0)
            grid.addWidget(QLabel(words(look.word)), row, 1)

    def show_above(self, button: QWidget) -> None:
        """Open it."""
        self.adjustSize()
        corner = button.mapToGlobal(button.rect().topRight())
        self.move(max(0, corner.x() - self.width()), max(0, corner.y() - self.height() - 4))
        self.show()
