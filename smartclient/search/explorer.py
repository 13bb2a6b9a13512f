"""The sequence explorer: several cameras over a span, narrowed click by click until the moment is found."""

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from common.ui.dates import written
from common.ui.notices import EmptyState
from common.ui.theme import set_role, tabular
from common.ui.words import words
from smartclient.playback.scale import local
from smartclient.playback.thumbnails import Thumbnails
from smartclient.playback.transport import length_text
from smartclient.search.intervals import LEAST_US, Path, Span
from smartclient.search.strips import Strips
from smartclient.site.snapshot import SiteCamera

_SCROLLED_MS = 120
_OWN_KEYS = frozenset(
    {
        *(Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down),
        *(Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_Backspace, Qt.Key.Key_Escape),
    }
)


class SequenceExplorer(QWidget):
    """Backspace goes back, Esc closes."""

    went = Signal(str, object)
    """Play this camera from this time."""
    closed = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sequence_explorer")
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._thumbnails = thumbnails
        self._cameras: tuple[SiteCamera, ...] = ()
        self.path = Path([(0, LEAST_US)])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 8, 8, 4)
        bar.setSpacing(8)
        self.back = QPushButton(words("explorer.back"))
        self.back.setToolTip(words("explorer.back_hint"))
        self.back.clicked.connect(self.widen)
        self.where = QLabel()
        self.where.setFont(tabular(self.where.font()))
        hint = QLabel(words("explorer.keys"))
        set_role(hint, "muted")
        hint.setWordWrap(True)
        self.play = QPushButton(words("explorer.play"))
        self.play.clicked.connect(self._play)
        close = QPushButton(words("explorer.close"))
        close.clicked.connect(self.closed)
        for widget in (self.back, self.where):
            bar.addWidget(widget)
        bar.addWidget(hint, 1)
        for button in (self.play, close):
            bar.addWidget(button)
        column.addLayout(bar)
        self.strips = Strips(thumbnails)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.strips)
        self.empty = EmptyState("find", words("explorer.empty"), words("explorer.empty_hint"))
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.area)
        column.addWidget(self.pages, 1)
        self._scrolled = QTimer(self)
        self._scrolled.setSingleShot(True)
        self._scrolled.setInterval(_SCROLLED_MS)
        self._scrolled.timeout.connect(self.strips.ask)
        self.area.verticalScrollBar().valueChanged.connect(lambda _: self._scrolled.start())
        self.strips.narrowed.connect(self.narrow)
        self.strips.went.connect(self.went)
        self.strips.moved.connect(self._keep_in_sight)
        self.strips.installEventFilter(self)

    def explore(self, cameras: tuple[SiteCamera, ...], span: Span) -> None:
        """Begin with these cameras over this time."""
        start, end = span
        self._cameras = cameras
        self.path = Path([(start, max(end, start + 2 * LEAST_US))])
        self._thumbnails.forget_errors()
        self._show()
        self.strips.setFocus()

    def narrow(self, part: Span) -> None:
        """Go into a part of the time; to playback when it is too short to be cut."""
        if self.path.narrow(part):
            self._show()
        else:
            self._play()

    def widen(self) -> None:
        """Go back to the longer time."""
        if self.path.widen():
            self._show()

    def _show(self) -> None:
        start, end = self.path.span
        begin, until = local(start, None), local(end, None)
        last = written(until, "%H:%M:%S" if begin.date() == until.date() else "%a %d %b %H:%M:%S")
        said = f"{written(begin, '%a %d %b %Y %H:%M:%S')} – {last}"
        self.where.setText(f"{said}  ({length_text(end - start)})")
        self.pages.setCurrentIndex(1 if self._cameras else 0)
        self.play.setEnabled(bool(self._cameras))
        self.strips.show_cameras(self._cameras, self.path.span)

    def _play(self) -> None:
        current = self.strips.current()
        if current is not None:
            camera, (start, _) = current
            self.went.emit(camera.id, start)

    def _keep_in_sight(self, cell: QRect) -> None:
        self.area.ensureVisible(cell.center().x(), cell.center().y(), 0, cell.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The strips' keys are theirs, not the window's, while they have the focus."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _OWN_KEYS
            and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Backspace:
            self.widen()
        elif event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._scrolled.start()
