"""The pages of the sign-in dialog: the form (with the set-up code of a first start), and the question of trust."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from common.net.tls import CaOffer
from common.ui.icons import icon
from common.ui.notices import FieldError, Notice
from common.ui.password_edit import PasswordEdit
from common.ui.remembered import RememberedServer
from common.ui.theme import set_role
from common.ui.words import words


def _labelled(column: QVBoxLayout, key: str, field: QWidget) -> tuple[QLabel, FieldError]:
    """Add label, field and room for its error below each other; return label and error."""
    label = QLabel(words(key))
    label.setBuddy(field)
    set_role(label, "muted")
    field.setAccessibleName(words(key))
    error = FieldError(field)
    column.addWidget(label)
    column.addWidget(field)
    column.addWidget(error)
    column.addSpacing(8)
    return label, error


class CredentialsPage(QWidget):
    """Server, user, password; on a first start also the set-up code and the password again."""

    submitted = Signal()
    browser_asked = Signal()
    cancelled = Signal()

    def __init__(self, known: tuple[RememberedServer, ...], server: str, user: str) -> None:
        super().__init__()
        self._known = {row.url.removeprefix("https://"): row for row in known}
        self._found: tuple[str, ...] = ()
        self._setting_up = False
        self.notice = Notice()
        self.server_edit = QComboBox()
        self.server_edit.setEditable(True)
        self.server_edit.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.server_edit.lineEdit()
        assert line is not None  # an editable box has one
        line.setPlaceholderText(words("ui.server_hint"))
        self.user_edit = QLineEdit()
        self.password_edit = PasswordEdit()
        self.code_edit = QLineEdit()
        self.code_edit.setPlaceholderText(words("ui.setup_code_hint"))
        self.repeat_edit = PasswordEdit()

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.notice)
        column.addSpacing(4)
        _, self.server_error = _labelled(column, "ui.server", self.server_edit)
        self._code_label, self.code_error = _labelled(column, "ui.setup_code", self.code_edit)
        _, self.user_error = _labelled(column, "ui.user", self.user_edit)
        _, self.password_error = _labelled(column, "ui.password", self.password_edit)
        self._repeat_label, self.repeat_error = _labelled(column, "ui.password_again", self.repeat_edit)

        self.setup_button = QPushButton()
        set_role(self.setup_button, "link")
        self.setup_button.setAutoDefault(False)
        self.setup_button.clicked.connect(lambda: self.show_setup(not self._setting_up))
        self.browser_button = QPushButton(words("ui.sign_in_browser"))
        set_role(self.browser_button, "link")
        self.browser_button.setToolTip(words("ui.sign_in_browser_hint"))
        self.browser_button.setAutoDefault(False)
        self.browser_button.clicked.connect(self.browser_asked)
        self.cancel_button = QPushButton(words("ui.cancel"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.cancelled)
        self.sign_in_button = QPushButton(words("ui.sign_in"))
        set_role(self.sign_in_button, "primary")
        self.sign_in_button.setDefault(True)
        self.sign_in_button.clicked.connect(self.submitted)
        row = QHBoxLayout()
        row.addWidget(self.setup_button)
        row.addStretch(1)
        row.addWidget(self.cancel_button)
        row.addWidget(self.sign_in_button)
        column.addStretch(1)
        column.addWidget(self.browser_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(row)

        self._fill()
        newest = known[0] if known else None
        self.server_edit.setEditText(server.removeprefix("https://") or (next(iter(self._known), "")))
        self.user_edit.setText(user or (newest.user if newest and not server else ""))
        self.server_edit.activated.connect(lambda _: self._known_server_chosen())
        for field, error in (
            (line, self.server_error),
            (self.user_edit, self.user_error),
            (self.password_edit, self.password_error),
            (self.code_edit, self.code_error),
            (self.repeat_edit, self.repeat_error),
        ):
            field.textEdited.connect(error.clear)
        self.show_setup(False)

    def server(self) -> str:
        """Return the address as typed, or what the chosen line stands for."""
        chosen = self.server_edit.findText(self.server_edit.currentText())
        data = self.server_edit.itemData(chosen) if chosen >= 0 else None
        return str(data) if data else self.server_edit.currentText().strip()

    def user(self) -> str:
        return self.user_edit.text().strip()

    def password(self) -> str:
        return self.password_edit.text()

    def setup_code(self) -> str:
        """Return the code of a first start, "" when the form only signs in."""
        return self.code_edit.text().strip() if self._setting_up else ""

    def show_setup(self, on: bool) -> None:
        """Turn the form into the one that makes a new site's first administrator, or back."""
        self._setting_up = on
        for part in (self._code_label, self.code_edit, self._repeat_label, self.repeat_edit):
            part.setVisible(on)
        self.browser_button.setVisible(not on)
        if not on:
            self.code_error.clear()
            self.repeat_error.clear()
        self.setup_button.setText(words("ui.setup_done_already" if on else "ui.setup_first_start"))
        self.sign_in_button.setText(words("ui.set_up" if on else "ui.sign_in"))
        if on:
            self.code_edit.setFocus()

    def show_setup_problems(self, problems: Mapping[str, str]) -> None:
        """Put what the server said about each value beside its field."""
        fields = {"code": self.code_error, "user": self.user_error, "password": self.password_error}
        for name, text in problems.items():
            if name in fields:
                fields[name].say(text)
            else:
                self.notice.say("error", text)

    def show_found(self, urls: Iterable[str]) -> None:
        """List the servers that answer on this network below the known ones; what is typed stays."""
        self._found = tuple(urls)
        typed = self.server_edit.currentText()
        self._fill()
        if not typed and self._found and not self._known:
            typed = self._found[0].removeprefix("https://")
        self.server_edit.setEditText(typed)

    def check_complete(self) -> bool:
        """Mark what is missing and put the cursor there; True when nothing is."""
        rows: list[tuple[QLineEdit, FieldError, str]] = []
        if self._setting_up and not self.code_edit.text().strip():
            rows.append((self.code_edit, self.code_error, words("ui.setup_code_missing")))
        if not self.user():
            rows.append((self.user_edit, self.user_error, words("ui.user_missing")))
        if not self.password():
            rows.append((self.password_edit, self.password_error, words("ui.password_missing")))
        if self._setting_up and self.repeat_edit.text() != self.password():
            rows.append((self.repeat_edit, self.repeat_error, words("ui.passwords_differ")))
        for _, error, text in rows:
            error.say(text)
        if rows:
            rows[0][0].setFocus()
        return not rows

    def clear_errors(self) -> None:
        self.notice.clear()
        for error in (self.server_error, self.user_error, self.password_error, self.code_error, self.repeat_error):
            error.clear()

    def set_busy(self, busy: bool) -> None:
        for part in (self.server_edit, self.user_edit, self.password_edit, self.code_edit, self.repeat_edit):
            part.setDisabled(busy)
        self.sign_in_button.setDisabled(busy)
        self.setup_button.setDisabled(busy)
        self.browser_button.setDisabled(busy)

    def focus_first_empty(self) -> None:
        """Put the cursor where typing goes on."""
        fields = ((self.server(), self.server_edit), (self.user(), self.user_edit), ("", self.password_edit))
        next(field for filled, field in fields if not filled).setFocus()

    def _fill(self) -> None:
        self.server_edit.clear()
        for shown, row in self._known.items():
            self.server_edit.addItem(icon("time"), shown, row.url)
        for url in self._found:
            shown = url.removeprefix("https://")
            if shown not in self._known:
                self.server_edit.addItem(icon("server"), shown, url)

    def _known_server_chosen(self) -> None:
        row = self._known.get(self.server_edit.currentText())
        if row is not None and row.user:
            self.user_edit.setText(row.user)
            self.password_edit.setFocus()


class TrustPage(QWidget):
    """Shows a server's fingerprint and asks once whether it is the right one."""

    agreed = Signal(str)
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pem = ""
        self.question = QLabel()
        set_role(self.question, "heading")
        self.question.setWordWrap(True)
        explanation = QLabel(words("ui.trust_explanation"))
        explanation.setWordWrap(True)
        caption = QLabel(words("ui.trust_fingerprint"))
        set_role(caption, "section")
        self.fingerprint = QLabel()
        set_role(self.fingerprint, "mono")
        self.fingerprint.setWordWrap(True)
        self.fingerprint.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.fingerprint.setAccessibleName(words("ui.trust_fingerprint"))
        hint = QLabel(words("ui.trust_hint"))
        hint.setWordWrap(True)
        set_role(hint, "small")
        self.back_button = QPushButton(words("ui.trust_refuse"))
        self.back_button.setAutoDefault(False)
        self.back_button.clicked.connect(self.refused)
        self.trust_button = QPushButton(words("ui.trust_agree"))
        set_role(self.trust_button, "primary")
        self.trust_button.clicked.connect(lambda: self.agreed.emit(self._pem))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.back_button)
        row.addWidget(self.trust_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.question)
        column.addWidget(explanation)
        column.addSpacing(8)
        column.addWidget(caption)
        column.addWidget(self.fingerprint)
        column.addSpacing(8)
        column.addWidget(hint)
        column.addStretch(1)
        column.addLayout(row)

    def ask(self, server_url: str, offer: CaOffer) -> None:
        """Show what `server_url` offers. The safe answer has the focus, so that Enter alone trusts nobody."""
        self._pem = offer.pem
        self.question.setText(words("ui.trust_question", server=server_url.removeprefix("https://")))
        pairs = offer.sha256_fingerprint.split(":")
        half = len(pairs) // 2
        self.fingerprint.setText(":".join(pairs[:half]) + ":\n" + ":".join(pairs[half:]))
        self.back_button.setFocus()

    def set_busy(self, busy: bool) -> None:
        self.trust_button.setDisabled(busy)
