"""How a tile looks: picture, title bar, words, empty place. Sizes are device independent pixels."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from common.ui.icons import State, icon, paint_state_dot
from common.ui.theme import colour, size_px, tabular, token
from common.ui.words import words
from smartclient.live.wording import TileWords

_SCALED_OFF_PX = 1.5


@dataclass(frozen=True, slots=True)
class TileBar:
    """What the title bar says; `note` is a time or an age, in the colour token `tint`."""

    name: str
    dot: State
    note: str
    tint: str
    listened: bool
    badge: str = ""
    badge_tint: str = "muted"


def paint_picture(painter: QPainter, box: QRect, image: QImage, ratio: float) -> None:
    """Draw a picture in the middle of `box`; `ratio` is the screen's pixels to a device independent one.

    The decoder scales pictures to the tile, so they are drawn as they are; only until it has followed another size of
    the tile they are scaled here.
    """
    painter.drawImage(_place(box, image, ratio), image)


def picture_place(box: QRect, image: QImage, ratio: float = 1.0) -> QRect:
    """Return where `paint_picture` draws."""
    return _place(box, image, ratio).toRect()


def _place(box: QRect, image: QImage, ratio: float) -> QRectF:
    size = QRectF(QPointF(), image.size() / ratio).size()
    if abs(size.width() - box.width()) > _SCALED_OFF_PX and abs(size.height() - box.height()) > _SCALED_OFF_PX:
        size.scale(box.size().toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)
    corner = QPointF(
        round(box.left() + (box.width() - size.width()) / 2),
        round(box.top() + (box.height() - size.height()) / 2),
    )
    return QRectF(corner, size)


def paint_words(painter: QPainter, box: QRect, base: QFont, said: TileWords, on_picture: bool) -> None:
    """Write headline and detail in the middle of `box`, which is black, or a darkened picture, in both themes."""
    head, small = QFont(base), QFont(base)
    head.setPixelSize(size_px("heading_font") if box.width() > 200 else size_px("font"))
    head.setBold(True)
    small.setPixelSize(size_px("small_font"))
    flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
    wide = box.adjusted(12, 0, -12, 0)
    head_px = QFontMetrics(head).boundingRect(wide, flags, said.headline).height()
    small_px = QFontMetrics(small).boundingRect(wide, flags, said.detail).height()
    total_px = head_px + (6 + small_px if said.detail else 0)
    top = box.center().y() - total_px // 2
    painter.setFont(head)
    painter.setPen(QColor(token(said.tone if said.tone != "muted" else "text", "dark")))
    painter.drawText(QRect(wide.left(), top, wide.width(), head_px + 2), flags, said.headline)
    if said.detail:
        painter.setFont(small)
        painter.setPen(QColor(token("text" if on_picture else "muted", "dark")))
        painter.drawText(QRect(wide.left(), top + head_px + 6, wide.width(), small_px + 2), flags, said.detail)


def paint_bar(painter: QPainter, bar: QRect, base: QFont, said: TileBar) -> None:
    """Draw the title bar: the name on the left, what there is to know on the right."""
    painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # it is laid out by hand
    painter.fillRect(bar, colour("panel"))
    font = tabular(base)
    font.setPixelSize(size_px("small_font"))
    painter.setFont(font)
    metrics = QFontMetrics(font)
    right = bar.right() - 6
    paint_state_dot(painter, QRectF(right - 8, bar.center().y() - 3.5, 8, 8), said.dot)
    right -= 16
    if said.listened:
        painter.drawPixmap(right - 14, bar.top() + 3, icon("sound", "accent").pixmap(14, 14))
        right -= 20
    if said.note:
        width = metrics.horizontalAdvance(said.note)
        painter.setPen(colour(said.tint))
        painter.drawText(QRect(right - width, bar.top(), width, bar.height()), Qt.AlignmentFlag.AlignVCenter, said.note)
        right -= width + 8
    if said.badge:
        width = metrics.horizontalAdvance(said.badge)
        painter.setPen(colour(said.badge_tint))
        place = QRect(right - width, bar.top(), width, bar.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, said.badge)
        right -= width + 8
    painter.setPen(colour("text"))
    place = QRect(bar.left() + 6, bar.top(), max(0, right - bar.left() - 6), bar.height())
    name = metrics.elidedText(said.name, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)


def paint_empty(painter: QPainter, box: QRect, selected: bool) -> None:
    """Draw a place without a camera, and what to do about it."""
    painter.setPen(QPen(colour("line"), 1, Qt.PenStyle.DashLine))
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(colour("faint"))
    painter.drawText(
        box.adjusted(12, 0, -12, 0),
        int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap),
        words("smart.drop_here" if selected else "smart.drop_here_short"),
    )


def paint_edge(painter: QPainter, box: QRect, dashed: bool) -> None:
    """Frame the selected tile, dashed the one that a camera is dragged over."""
    painter.setPen(QPen(colour("accent"), 2, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine))
    painter.drawRect(box.adjusted(1, 1, -1, -1))
