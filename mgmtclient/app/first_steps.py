"""What to do on a new site, with what is done already."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from common.ui.icons import icon
from common.ui.theme import set_role
from common.ui.words import words
from mgmtclient.site.snapshot import SiteSnapshot


@dataclass(frozen=True, slots=True)
class Step:
    """One step: texts `mgmt.step_<name>` and `mgmt.step_<name>_hint`."""

    name: str
    done: bool
    action: bool = False


def steps(site: SiteSnapshot) -> tuple[Step, ...]:
    """Return the steps of a new site and which of them the site has behind it."""
    return (
        Step("recorder", any(row.online for row in site.recorders)),
        Step("camera", bool(site.cameras), action=True),
        Step("recording", any(row.recording_enabled and site.in_use(row) for row in site.cameras)),
        Step("watch", False),
    )


class FirstSteps(QWidget):
    """A card a step; the first open one carries the primary button."""

    add_camera_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "base")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._shown: tuple[Step, ...] = ()
        self._signs: list[tuple[QLabel, bool]] = []
        title = QLabel(words("mgmt.first_steps"))
        set_role(title, "title")
        hint = QLabel(words("mgmt.first_steps_hint"))
        hint.setWordWrap(True)
        set_role(hint, "muted")
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        inner = QWidget()
        inner.setMaximumWidth(680)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(hint)
        column.addSpacing(4)
        column.addLayout(self._cards)
        column.addStretch(1)
        page = QWidget()
        set_role(page, "base")
        row = QHBoxLayout(page)
        row.setContentsMargins(32, 28, 32, 28)
        row.addWidget(inner, 10)
        row.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self.add_button: QPushButton | None = None

    def show_site(self, site: SiteSnapshot) -> None:
        """Show how far the site is."""
        now = steps(site)
        if now == self._shown:
            return
        self._shown = now
        had_focus = self.add_button is not None and self.add_button.hasFocus()
        while (card := self._cards.takeAt(0)) is not None:
            if (widget := card.widget()) is not None:
                widget.deleteLater()
        self._signs = []
        for number, step in enumerate(now, 1):
            self._cards.addWidget(self._card(number, step))
        if had_focus and self.add_button is not None:
            self.add_button.setFocus()

    def _card(self, number: int, step: Step) -> QFrame:
        card = QFrame()
        set_role(card, "card")
        sign = QLabel()
        sign.setFixedWidth(28)
        self._signs.append((sign, step.done))
        said = QLabel(f"{number}. {words(f'mgmt.step_{step.name}')}")
        set_role(said, "heading")
        said.setAccessibleDescription(words("mgmt.step_done" if step.done else "mgmt.step_open"))
        hint = QLabel(words(f"mgmt.step_{step.name}_hint"))
        hint.setWordWrap(True)
        set_role(hint, "muted")
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(said)
        texts.addWidget(hint)
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(8)
        row.addWidget(sign)
        row.addLayout(texts, 1)
        if step.action:
            self.add_button = QPushButton(words("mgmt.add_camera_more" if step.done else "mgmt.add_camera_dots"))
            if not step.done:
                set_role(self.add_button, "primary")
            self.add_button.clicked.connect(self.add_camera_asked)
            row.addWidget(self.add_button)
        self._paint_signs()
        return card

    def _paint_signs(self) -> None:
        for sign, done in self._signs:
            sign.setPixmap(icon("ok" if done else "open_step", "ok" if done else "faint").pixmap(20, 20))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_signs"):
            self._paint_signs()
