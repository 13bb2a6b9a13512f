"""A tile that shows cameras one after the other: whose turn it is, and the buttons for it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from common.ui.icons import icon
from common.ui.theme import set_role, tabular
from common.ui.words import words
from smartclient.live.tile import Tile
from smartclient.views.items import Carousel

_TICK_MS = 1000
_LEAST_PX = (180, 110)  # a smaller tile has no room for buttons
_BELOW_PX = 8


class CarouselTurn(QObject):
    """Counts seconds while somebody can see the tile. It waits while the pointer is on it, or it is zoomed, or plays
    recordings of its own: nobody likes a picture that goes while they look at it."""

    turned = Signal()

    def __init__(self, carousel: Carousel, tile: Tile) -> None:
        super().__init__(tile)
        self.carousel = carousel
        self.number = 0
        self._tile = tile
        self._seconds = 0
        self._hovered = False
        self._cameras = carousel.cameras
        self.bar = _Bar(tile, self)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._timer.start()
        tile.installEventFilter(self)

    @property
    def camera(self) -> str:
        """The one whose turn it is, "" when there is none."""
        return self._cameras[self.number] if self._cameras else ""

    @property
    def count(self) -> int:
        return len(self._cameras)

    def only(self, cameras: tuple[str, ...]) -> None:
        """Leave out those that are not there (any more); the one that is shown stays."""
        now = self.camera
        self._cameras = cameras
        self.number = cameras.index(now) if now in cameras else 0
        self.bar.say(self.number, self.count)

    def step(self, by: int) -> None:
        """Go on, or back."""
        self._seconds = 0
        if self.count > 1:
            self.number = (self.number + by) % self.count
            self.bar.say(self.number, self.count)
            self.turned.emit()

    @property
    def waits(self) -> bool:
        """Whether it stays where it is."""
        return self._hovered or self._tile.own is not None or self._tile.zoom.active or not self._tile.isVisible()

    def tick(self) -> None:
        """A second has passed."""
        if self.waits:
            return
        self._seconds += 1
        if self._seconds >= self.carousel.seconds:
            self.step(1)

    def end(self) -> None:
        """Something else stands there now."""
        self._timer.stop()
        self._tile.removeEventFilter(self)
        self.bar.hide()
        self.bar.deleteLater()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Enter:
            self._hovered = True
            self.bar.show_on(self._tile)
        elif event.type() == QEvent.Type.Leave:
            self._hovered = False
            self.bar.hide()
        return super().eventFilter(watched, event)


class _Bar(QWidget):
    """Back, which of how many, on. The keys do the same."""

    def __init__(self, tile: QWidget, turn: CarouselTurn) -> None:
        super().__init__(tile)
        self.setObjectName("carousel_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self.which = QLabel()
        self.which.setFont(tabular(self.which.font()))
        row.addWidget(self._button("back", words("items.previous"), lambda: turn.step(-1)))
        row.addWidget(self.which)
        row.addWidget(self._button("next", words("items.next"), lambda: turn.step(1)))
        self.hide()

    def _button(self, name: str, hint: str, act: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"carousel_{name}")
        button.setIcon(icon(name, "text"))
        button.setToolTip(hint)
        button.setAccessibleName(hint)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        set_role(button, "flat")
        button.clicked.connect(act)
        return button

    def say(self, number: int, count: int) -> None:
        self.which.setText(f"{number + 1} / {count}" if count else "0")
        self.adjustSize()

    def show_on(self, tile: Tile) -> None:
        if tile.own is None and tile.width() >= _LEAST_PX[0] and tile.height() >= _LEAST_PX[1]:
            self.adjustSize()
            self.move((tile.width() - self.width()) // 2, tile.height() - self.height() - _BELOW_PX)
            self.show()
            self.raise_()
