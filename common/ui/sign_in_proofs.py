"""The pages of the sign-in dialog that ask for more than a password: a new one, a code, a second person."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from common.ui.notices import FieldError
from common.ui.password_edit import PasswordEdit
from common.ui.qr_code import qr_pixmap
from common.ui.theme import set_role
from common.ui.words import words

_QR_SIDE_PX = 220


class ProofPage(QWidget):
    """A heading, what to do, fields below each other, and the way back or on."""

    submitted = Signal()
    back = Signal()

    def __init__(self, heading: str, submit: str) -> None:
        super().__init__()
        self.heading = QLabel(words(heading))
        set_role(self.heading, "heading")
        self.heading.setWordWrap(True)
        self.explanation = QLabel()
        self.explanation.setWordWrap(True)
        self.body = QVBoxLayout()
        self.body.setSpacing(4)
        self.back_button = QPushButton(words("ui.back"))
        self.back_button.setAutoDefault(False)
        self.back_button.clicked.connect(self.back)
        self.submit_button = QPushButton(words(submit))
        set_role(self.submit_button, "primary")
        self.submit_button.clicked.connect(self.submitted)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.back_button)
        row.addWidget(self.submit_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.heading)
        column.addWidget(self.explanation)
        column.addSpacing(4)
        column.addLayout(self.body)
        column.addStretch(1)
        column.addLayout(row)
        self._fields: list[tuple[QLineEdit, FieldError]] = []

    def add_field(self, key: str, field: QLineEdit) -> FieldError:
        """Add a labelled field with room for its error."""
        label = QLabel(words(key))
        label.setBuddy(field)
        set_role(label, "muted")
        field.setAccessibleName(words(key))
        error = FieldError(field)
        field.textEdited.connect(error.clear)
        field.returnPressed.connect(self.submit_button.click)
        for part in (label, field, error):
            self.body.addWidget(part)
        self.body.addSpacing(8)
        self._fields.append((field, error))
        return error

    def begin(self) -> None:
        """Empty the fields and put the cursor into the first."""
        for field, error in self._fields:
            field.clear()
            error.clear()
        self._fields[0][0].setFocus()

    def say_wrong(self, text: str) -> None:
        """Say what is wrong at the first field, and let it be typed again."""
        field, error = self._fields[0]
        error.say(text)
        field.selectAll()
        field.setFocus()

    def set_busy(self, busy: bool) -> None:
        for field, _ in self._fields:
            field.setDisabled(busy)
        self.submit_button.setDisabled(busy)


class NewPasswordPage(ProofPage):
    """Asks for a new password, twice."""

    def __init__(self) -> None:
        super().__init__("ui.new_password_heading", "ui.new_password_submit")
        self.password_edit, self.repeat_edit = PasswordEdit(), PasswordEdit()
        self.add_field("ui.new_password", self.password_edit)
        self.repeat_error = self.add_field("ui.password_again", self.repeat_edit)

    def ask(self, user: str) -> None:
        self.explanation.setText(words("ui.new_password_text", user=user))
        self.begin()

    def is_complete(self) -> bool:
        """Tell whether both are the same and not empty; else say so."""
        if not self.password_edit.text():
            self.say_wrong(words("ui.password_missing"))
        elif self.password_edit.text() != self.repeat_edit.text():
            self.repeat_error.say(words("ui.passwords_differ"))
            self.repeat_edit.setFocus()
        else:
            return True
        return False


class CodePage(ProofPage):
    """Asks for the code of an authenticator app; where there is none yet, it shows how to set one up."""

    def __init__(self) -> None:
        super().__init__("ui.code_heading", "ui.code_submit")
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.picture.setAccessibleName(words("ui.app_picture"))
        self.key = QLabel()
        self.key.setWordWrap(True)
        set_role(self.key, "mono")
        self.key.setAccessibleName(words("ui.app_key"))
        self.key.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.key.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.body.addWidget(self.picture)
        self.body.addWidget(self.key)
        self.body.addSpacing(8)
        self.code_edit = QLineEdit()
        self.code_edit.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.add_field("ui.code", self.code_edit)

    def ask(self, user: str, secret: str = "", uri: str = "") -> None:
        """Ask for a code; with `secret` and `uri` an app is set up by it."""
        setting_up = bool(secret and uri)
        self.heading.setText(words("ui.app_heading" if setting_up else "ui.code_heading"))
        self.explanation.setText(words("ui.app_text" if setting_up else "ui.code_text", user=user))
        self.picture.setVisible(setting_up)
        self.key.setVisible(setting_up)
        if setting_up:
            self.picture.setPixmap(qr_pixmap(uri, _QR_SIDE_PX))
            self.key.setText(" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)))
        self.begin()


class SecondPersonPage(ProofPage):
    """Asks for a second person's name, password and, if they have an app, code."""

    def __init__(self) -> None:
        super().__init__("ui.second_heading", "ui.second_submit")
        self.user_edit, self.password_edit, self.code_edit = QLineEdit(), PasswordEdit(), QLineEdit()
        self.add_field("ui.second_user", self.user_edit)
        self.add_field("ui.second_password", self.password_edit)
        self.add_field("ui.second_code", self.code_edit)

    def ask(self, user: str) -> None:
        self.explanation.setText(words("ui.second_text", user=user))
        self.begin()


class RecoveryCodesPage(ProofPage):
    """Shows recovery codes, this once."""

    def __init__(self) -> None:
        super().__init__("ui.recovery_heading", "ui.recovery_submit")
        self.explanation.setText(words("ui.recovery_text"))
        self.codes = QLabel()
        set_role(self.codes, "mono")
        self.codes.setAccessibleName(words("ui.recovery_heading"))
        self.codes.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.body.addWidget(self.codes)
        self.back_button.hide()

    def show_codes(self, codes: tuple[str, ...]) -> None:
        half = (len(codes) + 1) // 2
        rows = [codes[at] + "    " + (codes[at + half] if at + half < len(codes) else "") for at in range(half)]
        self.codes.setText("\n".join(rows))
        self.submit_button.setFocus()
