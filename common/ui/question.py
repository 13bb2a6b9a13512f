"""A question before something that cannot be undone: it names the thing and says what happens."""

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from common.ui.theme import set_role
from common.ui.words import words


class Question(QDialog):
    """`accepted` means the operator chose `action`. The safe answer has the focus; Esc chooses it, too."""

    def __init__(
        self,
        question: str,
        text: str,
        action: str,
        *,
        keep: str = "",
        danger: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(question)
        heading = QLabel(question)
        heading.setWordWrap(True)
        set_role(heading, "heading")
        explained = QLabel(text)
        explained.setWordWrap(True)
        self.keep_button = QPushButton(keep or words("ui.cancel"))
        self.keep_button.setDefault(True)
        self.keep_button.clicked.connect(self.reject)
        self.action_button = QPushButton(action)
        self.action_button.setAutoDefault(False)
        set_role(self.action_button, "danger" if danger else "primary")
        self.action_button.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.action_button)
        row.addWidget(self.keep_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(heading)
        column.addWidget(explained)
        column.addSpacing(8)
        column.addLayout(row)
        self.setMinimumWidth(460)
        self.keep_button.setFocus()
