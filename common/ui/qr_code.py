"""A QR code as a picture: dark on white whatever the theme, since phones read nothing else reliably."""

import segno
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPixmap

_QUIET_MODULES = 4  # ISO/IEC 18004, 9.1


def qr_pixmap(text: str, side_px: int) -> QPixmap:
    """Return `text` as a QR code of about `side_px`, every module as many whole pixels wide."""
    rows = list(segno.make(text, error="m", micro=False).matrix)
    modules = len(rows) + 2 * _QUIET_MODULES
    image = QImage(modules, modules, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    black = QColor("black").rgb()
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                image.setPixel(x + _QUIET_MODULES, y + _QUIET_MODULES, black)
    scale = max(1, side_px // modules)
    return QPixmap.fromImage(
        image.scaled(
            modules * scale,
            modules * scale,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.FastTransformation,
        )
    )
