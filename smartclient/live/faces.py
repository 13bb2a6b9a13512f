"""What a tile shows that is no camera: a picture, a text, or the name of something that is not known here."""

from PySide6.QtCore import QByteArray, QEvent, QObject, QRect, QSize, Qt, QUrl
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QImage,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextDocument,
)
from PySide6.QtWidgets import QWidget

from common.ui.off_thread import run_off_thread
from common.ui.theme import colour, size_px
from common.ui.words import words
from smartclient.live.picture_file import decode
from smartclient.views.items import Carousel, Hotspot, Item, Picture, Unknown, Writing

_EDGE_PX = 2  # the tile's own, which shows that it is selected
_MARGIN_PX = 12


class Face(QWidget):
    """Covers its tile but for the edge; the mouse goes through to the tile."""

    def __init__(self, item: Item, tile: QWidget) -> None:
        super().__init__(tile)
        self.setObjectName("tile_face")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.item = item
        self._image: QImage | None = None
        self._scaled: QImage | None = None
        self._hint = "" if isinstance(item, Picture) else hint_of(item)
        self._page = _Page(self) if isinstance(item, Writing) else None
        self.setAccessibleName(hint_of(item))
        if isinstance(item, Picture):
            data = item.data
            run_off_thread(self, lambda: decode(data), self._decoded, lambda _: self._decoded(None))
        tile.installEventFilter(self)
        self._fit(tile.size())
        self.show()
        self.lower()

    def _decoded(self, image: QImage | None) -> None:
        self._image = image
        if image is None:
            self._hint = words("items.broken_picture")
        self.update()

    def _fit(self, size: QSize) -> None:
        self.setGeometry(_EDGE_PX, _EDGE_PX, size.width() - 2 * _EDGE_PX, size.height() - 2 * _EDGE_PX)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QResizeEvent):
            self._fit(event.size())
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._scaled = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        try:
            painter.fillRect(self.rect(), colour("panel"))
            if self._image is not None:
                self._paint_picture(painter, self._image)
            elif self._page is not None and isinstance(self.item, Writing):
                self._page.paint(
                    painter, self.item, self.rect().adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
                )
            elif self._hint:
                painter.setPen(colour("muted"))
                flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
                painter.drawText(self.rect().adjusted(_MARGIN_PX, 4, -_MARGIN_PX, -4), flags, self._hint)
        finally:
            painter.end()

    def _paint_picture(self, painter: QPainter, image: QImage) -> None:
        ratio = self.devicePixelRatioF()
        if self._scaled is None:
            fit = image.size().scaled(self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio)
            self._scaled = image.scaled(fit, mode=Qt.TransformationMode.SmoothTransformation)
            self._scaled.setDevicePixelRatio(ratio)
        size = self._scaled.deviceIndependentSize().toSize()
        box = QRect((self.width() - size.width()) // 2, (self.height() - size.height()) // 2, 0, 0)
        painter.drawImage(box.topLeft(), self._scaled)


class _Page(QTextDocument):
    """A text laid out. What Markdown refers to (files, addresses) is never loaded."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        return QByteArray()

    def paint(self, painter: QPainter, item: Writing, box: QRect) -> None:
        """Write the text from the top, as large as it is meant to be; what does not fit is cut off below."""
        font = self.defaultFont()
        font.setPixelSize(max(item.size_px, size_px("small_font")))
        self.setDefaultFont(font)
        if item.markdown:
            self.setMarkdown(item.text, QTextDocument.MarkdownFeature.MarkdownNoHTML)
        else:
            self.setPlainText(item.text)
        self.setTextWidth(max(1, box.width()))
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, colour("text"))
        painter.save()
        painter.setClipRect(box)
        painter.translate(box.topLeft())
        self.documentLayout().draw(painter, context)
        painter.restore()


def hint_of(item: Item) -> str:
    """A few words about an item: its place's name in set-up mode, and what stands there when it has nothing to show."""
    match item:
        case Hotspot():
            return words("items.hotspot_hint")
        case Carousel(cameras, seconds):
            return words("items.carousel_hint", count=len(cameras), seconds=seconds)
        case Picture(_, name):
            return words("items.picture_hint", name=name)
        case Writing(text):
            return text
        case Unknown(kind):
            return words("items.unknown", kind=kind or "?")
