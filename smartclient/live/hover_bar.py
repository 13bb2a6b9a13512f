"""What can be done with a tile, shown above its picture while the pointer is on it."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from common.ui.icons import icon
from common.ui.theme import set_role
from common.ui.words import words

LEAST_PX = (180, 110)  # a smaller tile is used by keys, or maximised first
_ACTIONS = (("snapshot", "snapshot"), ("replay", "replay"), ("own_time", "playback"))
_RECORDED = frozenset({"snapshot"})


class HoverBar(QWidget):
    """Buttons by the names of their actions. Never takes the focus: the keys do the same."""

    def __init__(self, tile: QWidget, act: Callable[[str], None]) -> None:
        super().__init__(tile)
        self.setObjectName("hover_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        set_role(self, "panel")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self._buttons: dict[str, QToolButton] = {}
        for action, glyph in _ACTIONS:
            button = QToolButton()
            button.setObjectName(f"hover_{action}")
            button.setIcon(icon(glyph, "text"))
            hint = words(f"hover.{action}")
            button.setToolTip(hint)
            button.setAccessibleName(hint)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            set_role(button, "flat")
            button.clicked.connect(lambda _checked=False, action=action: act(action))
            row.addWidget(button)
            self._buttons[action] = button

    def show_for(self, *, recorded: bool, top_px: int) -> None:
        """Show what makes sense, at the right below the title bar."""
        for action, button in self._buttons.items():
            button.setVisible(not recorded or action in _RECORDED)
        self.adjustSize()
        tile = self.parentWidget()
        assert tile is not None
        self.move(tile.width() - self.width() - 8, top_px + 6)
        self.show()
        self.raise_()
