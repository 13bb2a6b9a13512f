"""Adding a camera: its address on the left, what it sends on the right, one page."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from common.clients.management_values import RecordingServer
from common.foundation.errors import VmsError
from common.ui.icons import icon
from common.ui.notices import FieldError, Notice
from common.ui.off_thread import Job, run_off_thread
from common.ui.password_edit import PasswordEdit
from common.ui.session import Session
from common.ui.theme import set_role
from common.ui.words import sentence, words
from mgmtclient.hardware.address import BadAddress, camera_address
from mgmtclient.hardware.test_picture import CameraAddress, TestPicture, take_test_picture

_PICTURE_PX = (384, 216)


class AddCameraDialog(QDialog):
    """`asked` carries recording server, address and name once the operator pressed Add; the caller adds it."""

    asked = Signal(object, object, str)

    def __init__(
        self, session: Session, recorders: tuple[RecordingServer, ...], current: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._recorders = recorders
        self._job: Job | None = None
        self.setWindowTitle(words("mgmt.add_camera"))
        self._errors: dict[str, FieldError] = {}

        self.recorder_box = QComboBox()
        for recorder in recorders:
            self.recorder_box.addItem(icon("recorder"), recorder.name, recorder.id)
        self.recorder_box.setCurrentIndex(max(self.recorder_box.findData(current), 0))
        self.address_edit = QLineEdit()
        self.address_edit.setPlaceholderText("rtsp://192.168.1.20/stream1")
        self.user_edit = QLineEdit()
        self.password_edit = PasswordEdit()
        self.transport_box = QComboBox()
        for transport in ("auto", "tcp", "udp"):
            self.transport_box.addItem(words(f"mgmt.transport_{transport}"), transport)
        self.name_edit = QLineEdit()
        self.name_edit.setPlaceholderText(words("mgmt.name_hint"))

        form = QVBoxLayout()
        form.setSpacing(4)
        self._add(form, "mgmt.address", self.address_edit, "hardwareAddress", words("mgmt.address_hint"))
        self._add(form, "mgmt.user", self.user_edit, "userName")
        self._add(form, "mgmt.password", self.password_edit, "password")
        self._add(form, "mgmt.transport", self.transport_box, "transport")
        self._add(form, "mgmt.name", self.name_edit, "displayName")
        if len(recorders) != 1:
            self._add(form, "mgmt.recording_server", self.recorder_box, "recorder")
        form.addStretch(1)

        self.picture = QLabel(words("mgmt.picture_empty"))
        self.picture.setFixedSize(*_PICTURE_PX)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setWordWrap(True)
        self.picture.setMargin(16)
        set_role(self.picture, "picture")
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(words("mgmt.taking_picture"))
        keep = self.progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keep)
        self.progress.hide()
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.test_button = QPushButton(icon("snapshot", "text"), words("mgmt.test_picture"))
        self.test_button.setAutoDefault(False)
        self.test_button.clicked.connect(self.test)
        self.picture_notice = Notice()
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.picture)
        right.addWidget(self.progress)
        right.addWidget(self.facts)
        right.addWidget(self.picture_notice)
        right.addWidget(self.test_button, 0, Qt.AlignmentFlag.AlignLeft)
        right.addStretch(1)

        body = QHBoxLayout()
        body.setSpacing(24)
        body.addLayout(form, 1)
        body.addLayout(right)

        self.notice = Notice()
        self.cancel_button = QPushButton(words("ui.cancel"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.add_button = QPushButton(words("mgmt.add_camera"))
        set_role(self.add_button, "primary")
        self.add_button.setDefault(True)
        self.add_button.clicked.connect(self._add_asked)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.add_button)
        line = QFrame()
        set_role(line, "separator")

        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(16)
        column.addWidget(self.notice)
        column.addLayout(body, 1)
        column.addWidget(line)
        column.addLayout(buttons)
        self.setMinimumWidth(800)
        for field in (self.address_edit, self.user_edit, self.password_edit):
            field.textEdited.connect(self._forget_test)
        self.transport_box.activated.connect(self._forget_test)
        self.address_edit.setFocus()
        if not recorders:
            self.notice.say("warn", words("mgmt.no_recorder"))
            self.add_button.setDisabled(True)
            self.test_button.setDisabled(True)

    def _add(self, form: QVBoxLayout, key: str, field: QLineEdit | QComboBox, name: str, hint: str = "") -> None:
        label = QLabel(words(key))
        set_role(label, "muted")
        label.setBuddy(field)
        field.setAccessibleName(words(key))
        error = FieldError(field)
        self._errors[name] = error
        if isinstance(field, QLineEdit):
            field.textEdited.connect(error.clear)
        form.addWidget(label)
        form.addWidget(field)
        if hint:
            help_line = QLabel(hint)
            help_line.setWordWrap(True)
            set_role(help_line, "small")
            form.addWidget(help_line)
        form.addWidget(error)
        form.addSpacing(8)

    def recorder(self) -> RecordingServer:
        """Return the chosen recording server."""
        return self._recorders[self.recorder_box.currentIndex()]

    def address(self) -> CameraAddress | None:
        """Return what is typed, or None after marking what is wrong with it."""
        try:
            return camera_address(
                self.address_edit.text(),
                self.user_edit.text().strip(),
                self.password_edit.text(),
                str(self.transport_box.currentData()),
            )
        except BadAddress as error:
            self._errors["hardwareAddress"].say(sentence(error))
            self.address_edit.setFocus()
            return None

    def test(self) -> None:
        """Take a test picture."""
        camera = self.address()
        if camera is None:
            return
        session, uri = self._session, self.recorder().media_uri
        self.picture_notice.clear()
        self.facts.clear()
        self._say_in_picture(words("mgmt.taking_picture"))
        self.progress.show()
        self.test_button.setDisabled(True)
        if self._job is not None:
            self._job.cancel()
        self._job = run_off_thread(
            self,
            lambda: take_test_picture(session.client, session.ca_pem, uri, camera),
            self._show_picture,
            self._no_picture,
        )

    def problems(self, problems: dict[str, str]) -> None:
        """Show what the server said about each value at its field."""
        self._busy(False)
        rest = []
        for name, text in problems.items():
            if name in self._errors:
                self._errors[name].say(text)
            else:
                rest.append(text)
        if rest:
            self.notice.say("error", " ".join(rest))

    def failed(self, error: VmsError) -> None:
        """Adding did not work, for no reason that belongs to a field."""
        self._busy(False)
        self.notice.say_error(error)

    def _show_picture(self, seen: TestPicture) -> None:
        self._test_ended()
        picture = QPixmap()
        if seen.jpeg and picture.loadFromData(seen.jpeg):
            ratio = self.devicePixelRatioF()
            picture = picture.scaled(
                round(_PICTURE_PX[0] * ratio),
                round(_PICTURE_PX[1] * ratio),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            picture.setDevicePixelRatio(ratio)
            self.picture.setMargin(0)
            self.picture.setPixmap(picture)
        else:
            self._say_in_picture(words("mgmt.picture_none"))
        self.facts.setText(
            words(
                "mgmt.picture_facts",
                video=seen.video or words("mgmt.no_video"),
                audio=seen.audio or words("mgmt.no_audio"),
            )
        )

    def _no_picture(self, error: VmsError) -> None:
        self._test_ended()
        self._say_in_picture(words("mgmt.picture_none"))
        self.picture_notice.say_error(error)

    def _forget_test(self) -> None:
        """What a camera showed or answered is not true of another address or password."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._test_ended()
            self.picture_notice.clear()
            self.facts.clear()
            self._say_in_picture(words("mgmt.picture_empty"))

    def _say_in_picture(self, text: str) -> None:
        self.picture.setMargin(16)
        self.picture.setText(text)

    def _test_ended(self) -> None:
        self.progress.hide()
        self.test_button.setDisabled(False)

    def _busy(self, busy: bool) -> None:
        self.add_button.setDisabled(busy)
        self.add_button.setText(words("mgmt.adding" if busy else "mgmt.add_camera"))

    def _add_asked(self) -> None:
        camera = self.address()
        if camera is None:
            return
        for error in self._errors.values():
            error.clear()
        self.notice.clear()
        self._busy(True)
        self.asked.emit(self.recorder(), camera, self.name_edit.text().strip())
