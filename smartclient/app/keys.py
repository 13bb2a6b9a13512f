"""The keys of the Smart Client, by what they do, and the map that F1 shows."""

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from common.ui.theme import set_role
from common.ui.words import words


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """`action` names a method in `window.ACTIONS`; its text is `smart.key.<action>`. `where`: all, live, playback."""

    action: str
    keys: tuple[str, ...]
    where: str = "all"


KEYS = (
    KeyBinding("show_live", ("Ctrl+1",)),
    KeyBinding("show_playback", ("Ctrl+2",)),
    KeyBinding("layout_1", ("Alt+1",)),
    KeyBinding("layout_2", ("Alt+2",)),
    KeyBinding("layout_3", ("Alt+3",)),
    KeyBinding("layout_4", ("Alt+4",)),
    KeyBinding("layout_5", ("Alt+5",)),
    KeyBinding("layout_6", ("Alt+6",)),
    KeyBinding("layout_7", ("Alt+7",)),
    KeyBinding("layout_8", ("Alt+8",)),
    KeyBinding("layout_9", ("Alt+9",)),
    KeyBinding("zoom_in", ("+", "=")),
    KeyBinding("zoom_out", ("-",)),
    KeyBinding("maximise", ("Return", "Enter")),
    KeyBinding("back", ("Esc",)),
    KeyBinding("remove", ("Delete",)),
    KeyBinding("full_screen", ("F11",)),
    KeyBinding("cameras_pane", ("Ctrl+L",)),
    KeyBinding("find", ("Ctrl+F", "Ctrl+K")),
    KeyBinding("listen", ("M",)),
    KeyBinding("help", ("F1",)),
    KeyBinding("live_now", ("End",)),
    KeyBinding("left", ("Left",)),
    KeyBinding("right", ("Right",)),
    KeyBinding("up", ("Up",), "live"),
    KeyBinding("down", ("Down",), "live"),
    KeyBinding("play_pause", ("Space", "K"), "playback"),
    KeyBinding("play_backward", ("J",), "playback"),
    KeyBinding("play_forward", ("L",), "playback"),
    KeyBinding("back_10_s", ("Shift+Left",), "playback"),
    KeyBinding("on_10_s", ("Shift+Right",), "playback"),
    KeyBinding("previous_recording", ("Ctrl+Left",), "playback"),
    KeyBinding("next_recording", ("Ctrl+Right",), "playback"),
    KeyBinding("first", ("Home",), "playback"),
    KeyBinding("go_to", ("G",), "playback"),
    KeyBinding("mark_in", ("I",), "playback"),
    KeyBinding("mark_out", ("O",), "playback"),
    KeyBinding("clear_selection", ("Shift+I", "Shift+O"), "playback"),
    KeyBinding("loop", ("R",), "playback"),
    KeyBinding("explore", ("X",), "playback"),
    KeyBinding("export", ("E",), "playback"),
    KeyBinding("exports", ("Ctrl+E",)),
    KeyBinding("bookmark", ("B", "Ctrl+B"), "playback"),
    KeyBinding("bookmark_detailed", ("Shift+B",), "playback"),
    KeyBinding("bookmarks", ("Ctrl+Shift+B",)),
)


class KeyMap(QDialog):
    """F1: every key and what it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("key_map")
        self.setWindowTitle(words("smart.keys"))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        half = -(-len(KEYS) // 2)
        for number, binding in enumerate(KEYS):
            row, side = number % half, number // half * 3
            native = QKeySequence.SequenceFormat.NativeText
            keys = QLabel("  ".join(QKeySequence(key).toString(native) for key in binding.keys))
            set_role(keys, "mono")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(keys, row, side)
            grid.addWidget(QLabel(words(f"smart.key.{binding.action}")), row, side + 1)
        grid.setColumnMinimumWidth(2, 24)
        column.addLayout(grid)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
