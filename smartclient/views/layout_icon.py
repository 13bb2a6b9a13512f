"""A small picture of a layout, for menus and the list of views."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap

from common.ui.theme import colour
from smartclient.views.layouts import SIDE, Layout

_WIDE_PX, _HIGH_PX = 20, 16
_SHARP = 4


def layout_icon(layout: Layout, tint: str = "muted") -> QIcon:
    """Draw the places; sharp up to fourfold scaling."""
    picture = QPixmap(_WIDE_PX * _SHARP, _HIGH_PX * _SHARP)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    try:
        painter.scale(_SHARP, _SHARP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(tint))
        across, down = (_WIDE_PX - 1) / SIDE, (_HIGH_PX - 1) / SIDE
        for place in layout:
            box = QRectF(place.x * across, place.y * down, place.width * across, place.height * down)
            painter.drawRect(box.adjusted(1, 1, 0, 0))
    finally:
        painter.end()
    return QIcon(picture)
