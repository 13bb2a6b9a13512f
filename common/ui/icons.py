"""One set of icons (Phosphor, through QtAwesome), named after what they mean here."""

from enum import StrEnum
from typing import cast

import qtawesome
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from common.ui.theme import colour, token

_GLYPHS = {
    "about": "ph.info",
    "add": "ph.plus",
    "alarm": "ph.bell",
    "back": "ph.caret-left",
    "bookmark": "ph.bookmark-simple",
    "camera": "ph.video-camera",
    "camera_off": "ph.video-camera-slash",
    "caps_lock": "ph.arrow-fat-up",
    "check": "ph.check",
    "close": "ph.x",
    "collapse": "ph.caret-down",
    "delete": "ph.trash",
    "disable": "ph.prohibit",
    "discard": "ph.arrow-counter-clockwise",
    "dot_menu": "ph.dots-three",
    "enable": "ph.power",
    "end": "ph.skip-forward",
    "error": "ph.warning-circle",
    "expand": "ph.caret-right",
    "export": "ph.export",
    "faster": "ph.fast-forward",
    "find": "ph.magnifying-glass",
    "folder": "ph.folder-simple",
    "folder_add": "ph.folder-simple-plus",
    "full_screen": "ph.corners-out",
    "hardware": "ph.cpu",
    "help": "ph.question",
    "hide": "ph.eye-slash",
    "home": "ph.skip-back",
    "info": "ph.info",
    "keys": "ph.keyboard",
    "layout": "ph.squares-four",
    "link": "ph.link-simple",
    "live": "ph.broadcast",
    "lock": "ph.lock",
    "loop": "ph.repeat",
    "map": "ph.map-trifold",
    "mark_in": "ph.arrow-line-left",
    "mark_out": "ph.arrow-line-right",
    "menu": "ph.list",
    "microphone": "ph.microphone",
    "mute": "ph.speaker-slash",
    "next": "ph.caret-right",
    "ok": "ph.check-circle",
    "open_step": "ph.circle",
    "pause": "ph.pause",
    "play": "ph.play",
    "playback": "ph.film-strip",
    "recorder": "ph.hard-drives",
    "refresh": "ph.arrow-clockwise",
    "replay": "ph.clock-counter-clockwise",
    "rename": "ph.pencil-simple",
    "save": "ph.floppy-disk",
    "server": "ph.desktop-tower",
    "settings": "ph.gear",
    "shield": "ph.shield-check",
    "show": "ph.eye",
    "sign_out": "ph.sign-out",
    "site": "ph.buildings",
    "slower": "ph.rewind",
    "snapshot": "ph.camera",
    "sound": "ph.speaker-high",
    "split_below": "ph.rows",
    "split_beside": "ph.columns",
    "start": "ph.flag",
    "stop": "ph.stop",
    "storage": "ph.database",
    "theme": "ph.moon",
    "time": "ph.clock",
    "unlink": "ph.link-simple-break",
    "up": "ph.caret-up",
    "user": "ph.user",
    "users": "ph.users",
    "view": "ph.monitor",
    "warn": "ph.warning",
}


class State(StrEnum):
    """How an item is, as the dot beside its name shows it. The shape differs as well as the colour."""

    OK = "ok"
    WARN = "warn"
    ALARM = "alarm"
    OFF = "off"
    UNKNOWN = "unknown"
    NONE = "none"


def icon(name: str, tint: str = "muted") -> QIcon:
    """Return the icon that means `name`, drawn in a colour token of the current theme.

    An icon keeps its colours: make it anew on `QEvent.Type.PaletteChange`. Raises KeyError on an unknown name.
    """
    return cast("QIcon", qtawesome.icon(_GLYPHS[name], color=token(tint), color_disabled=token("disabled")))


def state_dot(state: State, size_px: int = 10, ratio: float = 1.0) -> QPixmap:
    """Paint a state: full disc ok, triangle warning, square alarm, ring off, small grey disc unknown."""
    picture = QPixmap(round(size_px * ratio), round(size_px * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(Qt.GlobalColor.transparent))
    if state is State.NONE:
        return picture
    painter = QPainter(picture)
    try:
        paint_state_dot(painter, QRectF(1, 1, size_px - 2, size_px - 2), state)
    finally:
        painter.end()
    return picture


def paint_state_dot(painter: QPainter, box: QRectF, state: State) -> None:
    """Paint a state's sign into `box`; nothing for `State.NONE`."""
    tint = {State.OK: "ok", State.WARN: "warn", State.ALARM: "alarm"}.get(state, "faint")
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(tint))
    if state is State.OK:
        painter.drawEllipse(box)
    elif state is State.WARN:
        painter.drawPolygon([box.bottomLeft(), box.bottomRight(), (box.topLeft() + box.topRight()) / 2])
    elif state is State.ALARM:
        painter.drawRect(box)
    elif state is State.OFF:
        pen = painter.pen()
        pen.setStyle(Qt.PenStyle.SolidLine)
        pen.setColor(colour(tint))
        pen.setWidthF(1.5)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(box.adjusted(0.75, 0.75, -0.75, -0.75))
    elif state is State.UNKNOWN:
        inset = box.width() / 4
        painter.drawEllipse(box.adjusted(inset, inset, -inset, -inset))
    painter.restore()
