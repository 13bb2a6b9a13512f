"""The keys of the Smart Client, by what they do, and the map that F1 shows."""

from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from common.ui.theme import set_role
from common.ui.words import words


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """`action` names an entry of the window's acts; its text is `smart.key.<action>`. `where`: all, live, playback.

    Those of a `family` are shown as one line, whose text is `smart.key.<family>`."""

    action: str
    keys: tuple[str, ...]
    where: str = "all"
    family: str = ""


KEYS = (
    KeyBinding("show_live", ("Ctrl+1",)),
    KeyBinding("show_playback", ("Ctrl+2",)),
    *(KeyBinding(f"layout_{number}", (f"Alt+{number}",), family="layout") for number in range(1, 10)),
    *(KeyBinding(f"number_{digit}", (str(digit),), family="number") for digit in range(1, 10)),
    KeyBinding("hotspot", ("0",)),
    KeyBinding("save_view", ("Ctrl+S",)),
    KeyBinding("new_view", ("Ctrl+Shift+S",)),
    KeyBinding("set_up", ("F10",)),
    KeyBinding("views_list", ("Ctrl+Shift+F",)),
    KeyBinding("zoom_in", ("+", "=")),
    KeyBinding("zoom_out", ("-",)),
    KeyBinding("maximise", ("Return", "Enter")),
    KeyBinding("back", ("Esc",)),
    KeyBinding("remove", ("Delete",)),
    KeyBinding("full_screen", ("F11",)),
    KeyBinding("new_window", ("Ctrl+N",)),
    KeyBinding("next_screen", ("Ctrl+Shift+N",)),
    KeyBinding("cameras_pane", ("Ctrl+L",)),
    KeyBinding("find", ("Ctrl+F",)),
    KeyBinding("switcher", ("Ctrl+K",)),
    KeyBinding("listen", ("M",)),
    KeyBinding("snapshot", ("S",)),
    KeyBinding("replay", ("R",), "live"),
    KeyBinding("carousel_back", ("PgUp",), "live"),
    KeyBinding("carousel_on", ("PgDown",), "live"),
    KeyBinding("own_time", ("Shift+R",), "live"),
    KeyBinding("own_play_pause", ("Space", "K"), "live"),
    KeyBinding("own_back", ("Shift+Left",), "live"),
    KeyBinding("own_on", ("Shift+Right",), "live"),
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


def key_lines() -> list[tuple[str, str]]:
    """The map as it is shown: keys, and what they do."""
    native = QKeySequence.SequenceFormat.NativeText
    lines: list[tuple[str, str]] = []
    for family, bindings in groupby(KEYS, lambda binding: binding.family):
        texts = [
            ("  ".join(QKeySequence(key).toString(native) for key in binding.keys), binding.action)
            for binding in bindings
        ]
        if family:
            texts = [(f"{texts[0][0]} … {texts[-1][0]}", family)]
        lines += [(keys, words(f"smart.key.{name}")) for keys, name in texts]
    return lines


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
        lines = key_lines()
        half = -(-len(lines) // 2)
        for number, (keys_text, meaning) in enumerate(lines):
            row, side = number % half, number // half * 3
            keys = QLabel(keys_text)
            set_role(keys, "mono")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(keys, row, side)
            grid.addWidget(QLabel(meaning), row, side + 1)
        grid.setColumnMinimumWidth(2, 24)
        column.addLayout(grid)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
