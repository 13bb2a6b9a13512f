"""The size a window opens with: what it likes, as far as the screen has room for it."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_FRAME = QSize(16, 48)  # a window manager's title bar and borders, not known before the window is shown


def first_size(window: QWidget, width: int, height: int) -> None:
    """Size a window that is not shown yet, so that it fits its screen with its frame. Device independent pixels."""
    room = window.screen().availableGeometry().size() - _FRAME
    window.resize(QSize(width, height).boundedTo(room))
