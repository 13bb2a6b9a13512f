"""What to export: cameras, time, format, password, name and place. Closes with an `ExportWish`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from common.api.exporting import ExportEstimate, ExportItem, ExportRequest, ExportSpan
from common.foundation.clock import UtcUs
from common.foundation.errors import VmsError
from common.foundation.ids import DeviceId
from common.ui.notices import FieldError
from common.ui.off_thread import Job, run_off_thread
from common.ui.password_edit import PasswordEdit
from common.ui.theme import set_role, tabular
from common.ui.words import sentence, words
from smartclient.exporting.wording import LEAST_PASSWORD, folder_name, size_text, strength, suggested_name
from smartclient.playback.go_to import NoSuchTime, parse_go_to
from smartclient.playback.scale import local
from smartclient.playback.transport import length_text
from smartclient.playback.vocabulary import vocabulary
from smartclient.site.snapshot import SiteCamera

_FORMATS = ("mp4", "mkv", "avi", "jpeg", "png", "package")
_STILLS = ("jpeg", "png")
_ESTIMATE_MS = 400
_COMMENT_PX = 56
_CAMERAS_PX = 120
_MOST_COMMENT = 10_000

Estimate = Callable[[Sequence[tuple[str, ExportRequest]]], ExportEstimate]
"""Blocking: the sum over recorders, of the most that is needed on any of them."""


@dataclass(frozen=True, slots=True)
class ExportStart:
    """What the dialog begins with. `cameras`: all that there are; `chosen`: ids of those that are ticked."""

    cameras: Sequence[SiteCamera]
    chosen: Sequence[str]
    span: tuple[int, int]
    now: UtcUs
    folder: Path


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What was asked for, a request for each recorder."""

    name: str
    folder: Path
    requests: tuple[tuple[str, ExportRequest], ...]


class ExportDialog(QDialog):
    """After `accept`, `wish` is what to do."""

    def __init__(self, start: ExportStart, estimate: Estimate, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setWindowTitle(words("exporting.title"))
        self.wish: ExportWish | None = None
        self._cameras = {camera.id: camera for camera in start.cameras}
        self._now = start.now
        self._estimate = estimate
        self._asked: Job | None = None
        self._own_name = False
        self._make(start.chosen, start.span, start.folder)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_ESTIMATE_MS)
        self._later.timeout.connect(self._ask_estimate)
        self._connect()
        self._format_changed()
        self._changed()

    # making

    def _make(self, chosen: Sequence[str], span: tuple[int, int], folder: Path) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        self.form = form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column.addLayout(form)
        self.cameras = QListWidget()
        self.cameras.setObjectName("export_cameras")
        self.cameras.setAccessibleName(words("exporting.cameras"))
        self.cameras.setFixedHeight(_CAMERAS_PX)
        for camera in sorted(self._cameras.values(), key=lambda c: (c.id not in chosen, c.name.casefold())):
            item = QListWidgetItem(camera.name)
            item.setData(Qt.ItemDataRole.UserRole, camera.id)
            item.setCheckState(Qt.CheckState.Checked if camera.id in chosen else Qt.CheckState.Unchecked)
            self.cameras.addItem(item)
        self.cameras_error = self._row("exporting.cameras", self.cameras)
        self.start, self.end = self._time(span[0]), self._time(span[1])
        self.start_error = self._row("exporting.from", self.start)
        self.end_error = self._row("exporting.to", self.end)
        self.format = QComboBox()
        for name in _FORMATS:
            self.format.addItem(words(f"exporting.format_{name}"), name)
        self.about_format = QLabel()
        self.about_format.setWordWrap(True)
        set_role(self.about_format, "muted")
        form.addRow(words("exporting.format"), self.format)
        form.addRow("", self.about_format)
        self.every_s = QDoubleSpinBox()
        self.every_s.setRange(0.04, 86_400)
        self.every_s.setValue(1.0)
        self.every_s.setSuffix(" s")
        form.addRow(words("exporting.every"), self.every_s)
        self.sound = QCheckBox(words("exporting.sound"))
        self.sound.setChecked(True)
        form.addRow("", self.sound)
        self.password, self.repeated = PasswordEdit(), PasswordEdit()
        self.strength = QLabel()
        set_role(self.strength, "muted")
        self.password_error = self._row("exporting.password", self.password)
        form.addRow("", self.strength)
        self.repeated_error = self._row("exporting.repeat", self.repeated)
        self.comment = QPlainTextEdit()
        self.comment.setTabChangesFocus(True)
        self.comment.setMaximumHeight(_COMMENT_PX)
        form.addRow(words("exporting.comment"), self.comment)
        self.name = QLineEdit()
        self.name.setMaxLength(120)
        self.name_error = self._row("exporting.name", self.name)
        self.folder = QLineEdit(str(folder))
        browse = QPushButton(words("exporting.browse"))
        browse.setAutoDefault(False)  # the Enter key exports
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        form.addRow(words("exporting.folder"), row)
        self.folder_error = FieldError(self.folder)
        form.addRow("", self.folder_error)
        self.size_said = QLabel()
        self.size_said.setWordWrap(True)
        self.size_said.setObjectName("export_size")
        form.addRow(words("exporting.size"), self.size_said)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = QPushButton()
        self.go.setObjectName("export_go")
        set_role(self.go, "primary")
        self.buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setDefault(True)
        column.addWidget(self.buttons)
        self.setMinimumWidth(520)

    def _row(self, key: str, field: QWidget) -> FieldError:
        error = FieldError(field)
        field.setAccessibleName(words(key))
        self.form.addRow(words(key), field)
        self.form.addRow("", error)
        return error

    def _time(self, at: int) -> QLineEdit:
        field = QLineEdit(local(at, None).strftime("%Y-%m-%d %H:%M:%S"))
        field.setFont(tabular(field.font()))
        field.setToolTip(words("smart.go_to_hint"))
        return field

    def _connect(self) -> None:
        self.cameras.itemChanged.connect(self._changed)
        for field in (self.start, self.end):
            field.textChanged.connect(self._changed)
        self.format.currentIndexChanged.connect(self._format_changed)
        self.every_s.valueChanged.connect(self._changed)
        self.sound.toggled.connect(self._changed)
        for field in (self.password, self.repeated):
            field.textChanged.connect(self._password_changed)
        self.name.textEdited.connect(self._named)
        self.folder.textChanged.connect(lambda _: self.folder_error.clear())
        self.buttons.accepted.connect(self._try)
        self.buttons.rejected.connect(self.reject)

    # what changes

    def _format_changed(self) -> None:
        name = self.format.currentData()
        self.about_format.setText(words(f"exporting.about_{name}"))
        sealed, stills = name == "package", name in _STILLS
        for field in (self.password, self.repeated, self.strength):
            self.form.setRowVisible(field, sealed)
        for error in (self.password_error, self.repeated_error):
            error.clear()
        self.form.setRowVisible(self.every_s, stills)
        self.form.setRowVisible(self.sound, not stills)
        self._changed()
        self._fit()

    def _fit(self) -> None:
        """Grow with what is said: Qt does not by itself, where texts wrap."""
        QTimer.singleShot(0, self, self._grow)

    def _grow(self) -> None:
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.resize(self.width(), max(layout.totalHeightForWidth(self.width()), layout.minimumSize().height()))

    def _password_changed(self) -> None:
        self.password_error.clear()
        self.repeated_error.clear()
        said = self.password.text()
        self.strength.setText(words(f"exporting.strength_{strength(said)}", least=LEAST_PASSWORD) if said else "")

    def _named(self, _: str) -> None:
        self._own_name = True
        self.name_error.clear()

    def _changed(self) -> None:
        for error in (self.cameras_error, self.start_error, self.end_error):
            error.clear()
        span = self._span(say=False)
        length = "" if span is None else length_text(span[1] - span[0])
        self.go.setText(words("exporting.go", length=length).strip())
        if span is not None and not self._own_name:
            names = tuple(camera.name for camera in self._ticked())
            self.name.setText(suggested_name(names, local(span[0], None), local(span[1], None)))
        self.size_said.setText(words("exporting.estimating"))
        if hasattr(self, "_later"):
            self._later.start()

    def _ticked(self) -> list[SiteCamera]:
        items = (self.cameras.item(row) for row in range(self.cameras.count()))
        return [
            self._cameras[item.data(Qt.ItemDataRole.UserRole)]
            for item in items
            if item.checkState() == Qt.CheckState.Checked
        ]

    def _span(self, say: bool) -> tuple[int, int] | None:
        found: list[int] = []
        for field, error in ((self.start, self.start_error), (self.end, self.end_error)):
            try:
                found.append(parse_go_to(field.text(), self._now, self._now, language=vocabulary()))
            except NoSuchTime as wrong:
                if say:
                    error.say(sentence(wrong))
                return None
        if found[1] <= found[0]:
            if say:
                self.end_error.say(words("exporting.ends_early"))
            return None
        return found[0], found[1]

    # the size

    def _ask_estimate(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
        span = self._span(say=False)
        requests = None if span is None else self._requests(span, password="")
        if not requests:
            self.size_said.setText(words("exporting.size_unknown"))
            return
        self._asked = run_off_thread(self, lambda: self._estimate(requests), self._estimated, self._not_estimated)

    def _estimated(self, found: ExportEstimate) -> None:
        enough = found.needed_bytes <= found.free_bytes
        key = "exporting.size_is" if enough else "exporting.size_no_room"
        self.size_said.setText(
            words(
                key,
                size=size_text(found.media_bytes),
                needed=size_text(found.needed_bytes),
                free=size_text(found.free_bytes),
            )
        )

        self._fit()

    def _not_estimated(self, error: VmsError) -> None:
        self.size_said.setText(sentence(error))

    # the end

    def _requests(self, span: tuple[int, int], password: str) -> tuple[tuple[str, ExportRequest], ...]:
        by_recorder: dict[str, list[ExportItem]] = {}
        stills = self.format.currentData() in _STILLS
        for camera in self._ticked():
            microphone = DeviceId(camera.microphone) if camera.microphone and self.sound.isChecked() else None
            item = ExportItem(
                device=DeviceId(camera.id),
                microphone=None if stills else microphone,
                spans=(ExportSpan(start_us=span[0], end_us=span[1]),),
            )
            by_recorder.setdefault(camera.recorder, []).append(item)
        return tuple(
            (
                recorder,
                ExportRequest(
                    items=tuple(items),
                    format=self.format.currentData(),
                    every_s=self.every_s.value(),
                    password=password,
                    comment=self.comment.toPlainText()[:_MOST_COMMENT],
                ),
            )
            for recorder, items in by_recorder.items()
        )

    def _try(self) -> None:
        """Accept, or say at the fields what is wrong; the first of them gets the focus."""
        self._fit()
        span = self._span(say=True)
        if not self._ticked():
            self.cameras_error.say(words("exporting.no_camera"))
            self.cameras.setFocus()
            return
        if span is None:
            (self.start if self.start_error.text() else self.end).setFocus()
            return
        password = self.password.text() if self.format.currentData() == "package" else ""
        if password and len(password) < LEAST_PASSWORD:
            self.password_error.say(words("exporting.password_short", least=LEAST_PASSWORD))
            self.password.setFocus()
            return
        if password and password != self.repeated.text():
            self.repeated_error.say(words("exporting.password_differs"))
            self.repeated.setFocus()
            return
        name = folder_name(self.name.text())
        if not name:
            self.name_error.say(words("exporting.no_name"))
            self.name.setFocus()
            return
        folder = Path(self.folder.text().strip())
        if not folder.is_absolute():
            self.folder_error.say(words("exporting.no_folder"))
            self.folder.setFocus()
            return
        self.wish = ExportWish(name, _free(folder / name), self._requests(span, password))
        self.accept()

    def _browse(self) -> None:
        wanted = Path(self.folder.text().strip())
        there = next((folder for folder in (wanted, *wanted.parents) if folder.is_dir()), Path.home())
        chosen = QFileDialog.getExistingDirectory(self, words("exporting.folder"), str(there))
        if chosen:
            self.folder.setText(chosen)


def _free(folder: Path) -> Path:
    """Return a folder that is not there yet: an export never mixes with another one."""
    found, number = folder, 2
    while found.exists():
        found, number = folder.with_name(f"{folder.name} ({number})"), number + 1
    return found
