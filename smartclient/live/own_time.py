"""A tile of a live view that plays recordings at a time of its own: instant replay, playback beside live pictures."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.ui.icons import icon
from common.ui.theme import set_role, tabular
from common.ui.words import sentence, words
from smartclient.live.wording import age_text
from smartclient.playback.go_to import NoSuchTime, parse_go_to
from smartclient.playback.master import MasterClock
from smartclient.playback.vocabulary import vocabulary
from smartclient.video.engine import VideoEngine
from smartclient.video.feed import TileFeed

REPLAY_US = 30 * US_PER_S
JUMP_US = 10 * US_PER_S
_EDGE_US = US_PER_S  # recordings end about so long before now
_TICK_MS = 100
_BAR_PX = 32
_WIDE_PX, _NARROW_PX = 330, 190


class OwnTime(QObject):
    """A clock for one tile. A replay ends, and the tile is live again, where it was asked for; otherwise recordings go
    on until the operator has enough of them."""

    ticked = Signal()
    ended = Signal()

    def __init__(self, engine: VideoEngine, recorder: str, parent: QObject) -> None:
        super().__init__(parent)
        self._engine = engine
        self._recorder = recorder
        self._wall_clock = SystemClock()
        self._shown_generation = -1
        self._until_us: int | None = None
        self.group = engine.new_group()
        self.master = MasterClock(lambda clock, cause: engine.play(clock, cause, self.group), parent=self)
        self.feed: TileFeed | None = None
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._ticked)

    def start(self, back_us: int, *, replay: bool) -> None:
        """Play from so long ago; a replay until now."""
        now_us = self.now_us()
        self._until_us = now_us if replay else None
        self.master.seek(now_us - back_us)
        self.master.play()
        self._tick.start()

    def now_us(self) -> UtcUs:
        """The recorder's time."""
        said = self._engine.recorder_now_us(self._recorder)
        return self._wall_clock.now_us() if said is None else said

    def jump(self, by_us: int) -> None:
        """Go that far back or on: no replay any more."""
        self._until_us = None
        self.master.seek(max(0, self.master.playhead_us + by_us))

    def go_to(self, typed: str) -> None:
        """Go to what was typed; raise NoSuchTime."""
        self._until_us = None
        self.master.seek(parse_go_to(typed, self.now_us(), self.master.playhead_us, language=vocabulary()))

    def close(self) -> None:
        """Stop for good, once its tile shows something else."""
        self._tick.stop()
        self.feed = None
        self._engine.end_group(self.group)

    def _ticked(self) -> None:
        info = None if self.feed is None else self.feed.info
        generation = self.master.clock.generation
        if info is not None and info.generation == generation != self._shown_generation:
            self._shown_generation = generation
            self.master.release()
        end_us = self.now_us() - _EDGE_US if self._until_us is None else self._until_us
        if self.master.playhead_us > end_us:
            self.ended.emit()
            return
        self.ticked.emit()


class OwnTimeBar(QWidget):
    """The controls at a tile's lower edge, and where it is."""

    live_asked = Signal()

    def __init__(self, own: OwnTime, tile: QWidget) -> None:
        super().__init__(tile)
        self.setObjectName("own_time_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        self._own = own
        self._tile = tile
        self.back = _button("slower", words("own_time.back"))
        self.play = _button("pause", words("own_time.play"))
        self.on = _button("faster", words("own_time.on"))
        self.time = QLabel()
        self.time.setFont(tabular(self.time.font()))
        self.go_to = QLineEdit()
        self.go_to.setPlaceholderText(words("own_time.go_to"))
        self.go_to.setToolTip(words("own_time.go_to_hint"))
        self.go_to.setMaximumWidth(96)
        self.live = _button("live", words("own_time.live"))
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4, 2)
        row.setSpacing(2)
        for part in (self.back, self.play, self.on, self.time):
            row.addWidget(part)
        row.addStretch(1)
        row.addWidget(self.go_to)
        row.addWidget(self.live)
        self.back.clicked.connect(lambda: own.jump(-JUMP_US))
        self.on.clicked.connect(lambda: own.jump(JUMP_US))
        self.play.clicked.connect(own.master.toggle)
        self.live.clicked.connect(self.live_asked)
        self.go_to.returnPressed.connect(self._go)
        own.ticked.connect(self._show)
        own.master.changed.connect(self._show)
        tile.installEventFilter(self)
        self._fit(tile)
        self._show()
        self.show()

    def _go(self) -> None:
        try:
            self._own.go_to(self.go_to.text())
        except NoSuchTime as error:
            self.go_to.setToolTip(sentence(error))
            self.go_to.selectAll()
            set_role(self.go_to, "wrong")
            return
        set_role(self.go_to, "")
        self.go_to.setToolTip(words("own_time.go_to_hint"))
        self.go_to.clear()
        self._tile.setFocus()

    def _show(self) -> None:
        behind_us = max(0, self._own.now_us() - self._own.master.playhead_us)
        self.time.setText(age_text(behind_us))
        name = "pause" if self._own.master.playing else "play"
        if self.play.property("shown") != name:
            self.play.setProperty("shown", name)
            self.play.setIcon(icon(name, "text"))

    def _fit(self, tile: QWidget) -> None:
        width = tile.width() - 4
        self.go_to.setVisible(width >= _WIDE_PX)
        for button in (self.back, self.on):
            button.setVisible(width >= _NARROW_PX)
        self.setGeometry(2, tile.height() - _BAR_PX - 2, width, _BAR_PX)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QResizeEvent) and isinstance(watched, QWidget):
            self._fit(watched)
        return super().eventFilter(watched, event)


def _button(name: str, hint: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(f"own_time_{name}")
    button.setIcon(icon(name, "text"))
    button.setToolTip(hint)
    button.setAccessibleName(hint)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    set_role(button, "flat")
    return button
