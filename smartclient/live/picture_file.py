"""Pictures that lie in views: read, made small enough to be embedded. Call all of it off the GUI thread."""

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from common.foundation.errors import VmsError
from smartclient.views.items import MOST_PICTURE_BYTES, Picture

_MOST_SIDE_PX = 8_192
_MOST_FILE_BYTES = 32 * 1024 * 1024
_FIRST_SIDE_PX, _LEAST_SIDE_PX = 1_600, 200
_QUALITY = 80


class PictureUnreadable(VmsError):
    """A file that is chosen as a picture is none that can be shown."""

    message_key = "items.picture_unreadable"


def decode(data: bytes) -> QImage | None:
    """Return the picture; None when it is none, or a huge one in few bytes."""
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setAutoTransform(True)
    size = reader.size()
    if not size.isValid() or max(size.width(), size.height()) > _MOST_SIDE_PX:
        return None
    image = reader.read()
    return None if image.isNull() else image


def embedded(path: Path) -> Picture:
    """Return a file as an item of a view, made smaller until it fits. Raises PictureUnreadable."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_FILE_BYTES + 1)
    except OSError as failed:
        raise PictureUnreadable(str(failed), path=str(path)) from failed
    image = decode(data) if len(data) <= _MOST_FILE_BYTES else None
    if image is None:
        raise PictureUnreadable("no picture, or a too large one", path=str(path))
    if len(data) <= MOST_PICTURE_BYTES:
        return Picture(data, path.name)
    side_px = _FIRST_SIDE_PX
    while side_px >= _LEAST_SIDE_PX:
        for kind in ("PNG", "JPG"):
            small = _written(image, side_px, kind)
            if len(small) <= MOST_PICTURE_BYTES and not (kind == "JPG" and image.hasAlphaChannel()):
                return Picture(small, path.name)
        side_px = side_px * 3 // 4
    raise PictureUnreadable("it cannot be made small enough", path=str(path))


def _written(image: QImage, side_px: int, kind: str) -> bytes:
    fit = image.size().boundedTo(image.size().scaled(QSize(side_px, side_px), Qt.AspectRatioMode.KeepAspectRatio))
    small = image.scaled(fit, mode=Qt.TransformationMode.SmoothTransformation)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    small.save(buffer, kind, _QUALITY if kind == "JPG" else -1)  # type: ignore[call-overload]  # stubs want bytes
    return bytes(buffer.data().data())
