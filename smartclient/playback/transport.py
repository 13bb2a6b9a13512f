"""The row of controls below the timeline: play, step, speed, go to a time."""

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from common.foundation.clock import US_PER_S
from common.ui.icons import icon
from common.ui.notices import FieldError
from common.ui.theme import set_role, tabular
from common.ui.words import words
from smartclient.playback.legend import Legend
from smartclient.playback.master import MasterClock
from smartclient.video.clock import SPEEDS


def speed_text(speed: float) -> str:
    """Write a speed: "1x", "-32x", "1/4x"."""
    sign = "−" if speed < 0 else ""
    size = abs(speed)
    return f"{sign}1/{round(1 / size)}x" if size < 1 else f"{sign}{size:g}x"


def length_text(length_us: int) -> str:
    """Write a length of time: "0.4 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    seconds = length_us // US_PER_S
    if seconds < 10:
        return f"{length_us / US_PER_S:.1f} s"
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


class Transport(QWidget):
    """Says what the operator wants; `show_clock` shows what is."""

    toggled = Signal()
    backward = Signal()
    speed_chosen = Signal(float)
    stepped = Signal(int)
    sequence = Signal(int)
    """+1: next recording, -1: previous."""
    first = Signal()
    live = Signal()
    typed_time = Signal(str)
    marked_in = Signal()
    marked_out = Signal()
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("transport")
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # time runs as on the timeline, whatever is written
        set_role(self, "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._glyphs: dict[QToolButton, str] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 8)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(4)
        column.addLayout(row)
        self._button(row, "first", "start", "smart.to_first").clicked.connect(self.first)
        self._button(row, "previous_recording", "home", "smart.previous_recording").clicked.connect(
            lambda: self.sequence.emit(-1)
        )
        self._button(row, "step_back", "back", "smart.step_back").clicked.connect(lambda: self.stepped.emit(-1))
        self.backward_button = self._button(row, "play_backward", "slower", "smart.play_backward")
        self.backward_button.clicked.connect(self.backward)
        self.play_button = self._button(row, "play", "play", "smart.play")
        self.play_button.clicked.connect(self.toggled)
        self._button(row, "step_forward", "next", "smart.step_forward").clicked.connect(lambda: self.stepped.emit(1))
        self._button(row, "next_recording", "end", "smart.next_recording").clicked.connect(
            lambda: self.sequence.emit(1)
        )
        row.addSpacing(12)
        speed_label = QLabel(words("smart.speed"))
        set_role(speed_label, "muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("speed_slider")
        self.slider.setRange(0, len(SPEEDS) - 1)
        self.slider.setPageStep(1)
        self.slider.setMinimumWidth(48)
        self.slider.setMaximumWidth(140)
        self.slider.setAccessibleName(words("smart.speed"))
        self.slider.setToolTip(words("smart.speed_hint"))
        self.slider.valueChanged.connect(lambda place: self.speed_chosen.emit(SPEEDS[place]))
        self.speed = QComboBox()
        self.speed.setObjectName("speed")
        self.speed.setAccessibleName(words("smart.speed"))
        self.speed.setToolTip(words("smart.speed_hint"))
        self.speed.setFixedWidth(84)
        for value in SPEEDS:
            self.speed.addItem(speed_text(value), value)
        self.speed.activated.connect(lambda place: self.speed_chosen.emit(SPEEDS[place]))
        row.addWidget(speed_label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.speed)
        row.addSpacing(12)
        self.skip_gaps = QCheckBox(words("smart.skip_gaps"))
        self.skip_gaps.setObjectName("skip_gaps")
        self.skip_gaps.setToolTip(words("smart.skip_gaps_hint"))
        row.addWidget(self.skip_gaps)
        row.addStretch(1)
        self.go_to = QLineEdit()
        self.go_to.setObjectName("go_to")
        self.go_to.setFont(tabular(self.go_to.font()))
        self.go_to.setPlaceholderText(words("smart.go_to"))
        self.go_to.setAccessibleName(words("smart.go_to"))
        self.go_to.setToolTip(words("smart.go_to_hint"))
        self.go_to.setMinimumWidth(120)
        self.go_to.setMaximumWidth(190)
        self.error = FieldError(self.go_to)
        self.error.setObjectName("go_to_error")
        self.error.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.go_to.returnPressed.connect(lambda: self.typed_time.emit(self.go_to.text()))
        self.go_to.textEdited.connect(lambda _: self.error.clear())
        column.insertWidget(0, self.error)
        row.addWidget(self.go_to, 1)
        self.live_button = self._button(row, "back_to_live", "live", "smart.back_to_live")
        self.live_button.setText(words("smart.live"))
        self.live_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.live_button.clicked.connect(self.live)
        tools = self.tools = QHBoxLayout()
        tools.setSpacing(4)
        column.addLayout(tools)
        self._button(tools, "mark_in", "mark_in", "timeline.mark_in").clicked.connect(self.marked_in)
        self._button(tools, "mark_out", "mark_out", "timeline.mark_out").clicked.connect(self.marked_out)
        self.loop = self._button(tools, "loop", "loop", "timeline.loop")
        self.loop.setCheckable(True)
        self.selected = QLabel()
        self.selected.setFont(tabular(self.selected.font()))
        set_role(self.selected, "muted")
        tools.addWidget(self.selected)
        self.clear_button = self._button(tools, "clear_selection", "close", "timeline.clear_selection")
        self.clear_button.clicked.connect(self.cleared)
        self.show_selection(None)
        tools.addStretch(1)
        self.legend_button = self._button(tools, "legend", "help", "timeline.legend_hint")
        self.legend = Legend(self)
        self.legend_button.clicked.connect(lambda: self.legend.show_above(self.legend_button))
        self._paint_icons()

    def show_clock(self, master: MasterClock) -> None:
        """Show speed and whether it plays."""
        forward = master.playing and master.speed > 0
        self._glyphs[self.play_button] = "pause" if forward else "play"
        self.play_button.setToolTip(words("smart.pause" if forward else "smart.play"))
        self.play_button.setAccessibleName(self.play_button.toolTip())
        place = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - master.speed))
        with QSignalBlocker(self.slider), QSignalBlocker(self.speed):
            self.slider.setValue(place)
            self.speed.setCurrentIndex(place)
        self._paint_icons()

    def show_selection(self, span: tuple[int, int] | None) -> None:
        """Show how long the selected time is."""
        self.selected.setText("" if span is None else words("timeline.selected", length=length_text(span[1] - span[0])))
        for widget in (self.selected, self.clear_button):
            widget.setVisible(span is not None)
        self.loop.setEnabled(span is not None)
        if span is None:
            self.loop.setChecked(False)

    def say_wrong_time(self, said: str) -> None:
        """Show why a typed time cannot be used."""
        self.error.say(said)
        self.go_to.setFocus()
        self.go_to.selectAll()

    def add_tool(self, name: str, glyph: str, key: str) -> QToolButton:
        """Add a button with a text to what can be done with the shown or selected time."""
        button = self._button(None, name, glyph, key + "_hint")
        button.setText(words(key))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.tools.insertWidget(self.tools.count() - 1, button)
        self._paint_icons()
        return button

    def _button(self, row: QHBoxLayout | None, name: str, glyph: str, key: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setToolTip(words(key))
        button.setAccessibleName(words(key))
        self._glyphs[button] = glyph
        if row is not None:
            row.addWidget(button)
        return button

    def _paint_icons(self) -> None:
        for button, glyph in self._glyphs.items():
            button.setIcon(icon(glyph, "text"))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "live_button"):
            self._paint_icons()
