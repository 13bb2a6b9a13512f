"""One line of a property page: label with its mark, control with its unit, help line, error."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from common.ui.notices import FieldError
from common.ui.password_edit import PasswordEdit
from common.ui.theme import set_role
from common.ui.words import words
from mgmtclient.properties.fields import Control, Line, Value

CONTROL_WIDTH_PX = 400
_NUMBER_WIDTH_PX = 140


class _CalmSpinBox(QSpinBox):
    """Scrolling the page with the wheel must not change a number."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _CalmDoubleSpinBox(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _CalmComboBox(QComboBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class PropertyLine(QObject):
    """Puts one property into a form grid and tells when its value was edited."""

    edited = Signal(str)

    def __init__(self, declared: Line, grid: QGridLayout, parent: QObject) -> None:
        super().__init__(parent)
        self.declared = declared
        self.label = QLabel(declared.label)
        set_role(self.label, "muted")
        self.label.setMinimumHeight(28)
        self.control = self._make()
        self.control.setAccessibleName(declared.label)
        self.label.setBuddy(self.control)
        self.error = FieldError(self.control)
        row = grid.rowCount()
        grid.addWidget(self.label, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.control, row, 1)
        if declared.hint:
            hint = QLabel(declared.hint)
            hint.setWordWrap(True)
            set_role(hint, "small")
            grid.addWidget(hint, row + 1, 1)
        grid.addWidget(self.error, row + 2, 1)

    def _make(self) -> QWidget:
        declared = self.declared
        match declared.control:
            case Control.SWITCH:
                box = QCheckBox()
                box.setDisabled(declared.read_only)
                box.clicked.connect(self._edited)
                return box
            case Control.NUMBER:
                number = _CalmSpinBox()
                number.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
                number.setRange(int(declared.least), int(declared.most))
                number.setSuffix(f" {declared.unit}" if declared.unit else "")
                number.valueChanged.connect(self._edited)
                number.setFixedWidth(_NUMBER_WIDTH_PX)
                number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                return number
            case Control.FRACTION:
                fraction = _CalmDoubleSpinBox()
                fraction.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
                fraction.setRange(declared.least, declared.most)
                fraction.setDecimals(2)
                fraction.setSingleStep(0.1)
                fraction.setSuffix(f" {declared.unit}" if declared.unit else "")
                fraction.valueChanged.connect(self._edited)
                fraction.setFixedWidth(_NUMBER_WIDTH_PX)
                fraction.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                return fraction
            case Control.CHOICE:
                choice = _CalmComboBox()
                choice.addItems(declared.choices)
                choice.activated.connect(self._edited)
                choice.setFixedWidth(_NUMBER_WIDTH_PX)
                choice.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                return choice
            case Control.LONG_TEXT:
                long_text = QPlainTextEdit()
                long_text.setTabChangesFocus(True)
                long_text.setFixedHeight(60)
                long_text.setMaximumWidth(CONTROL_WIDTH_PX)
                long_text.textChanged.connect(self._edited)
                return long_text
            case Control.SECRET:
                secret = PasswordEdit()
                secret.setPlaceholderText(words("mgmt.unchanged"))
                secret.textEdited.connect(self._edited)
                secret.setMaximumWidth(CONTROL_WIDTH_PX)
                return secret
            case Control.TEXT:
                line = QLineEdit()
                line.setReadOnly(declared.read_only)
                line.textEdited.connect(self._edited)
                line.setMaximumWidth(CONTROL_WIDTH_PX)
                return line

    def value(self) -> Value:
        """Return what the control holds; a text without the blanks around it."""
        match self.control:
            case QCheckBox() as box:
                return box.isChecked()
            case (QSpinBox() | QDoubleSpinBox()) as number:
                return number.value()
            case QComboBox() as choice:
                return choice.currentText()
            case QPlainTextEdit() as long_text:
                return long_text.toPlainText().strip()
            case QLineEdit() as line:
                return line.text() if self.declared.control is Control.SECRET else line.text().strip()
        raise TypeError(f"no value in {self.control!r}")

    def show_value(self, value: Value) -> None:
        """Show a value without telling that it was edited. What is being typed is not touched when it says the same."""
        if self.value() == value:
            return
        self.control.blockSignals(True)
        match self.control:
            case QCheckBox() as box:
                box.setChecked(bool(value))
            case QSpinBox() as number:
                number.setValue(int(value))
            case QDoubleSpinBox() as fraction:
                fraction.setValue(float(value))
            case QComboBox() as choice:
                choice.setCurrentText(str(value))
            case QPlainTextEdit() as long_text:
                long_text.setPlainText(str(value))
            case QLineEdit() as line:
                line.setText(str(value))
                line.setCursorPosition(0)
        self.control.blockSignals(False)

    def mark_changed(self, changed: bool) -> None:
        """Mark the label: this differs from what the server holds."""
        said = self.declared.label
        if (self.label.text() != said) == changed:
            return
        self.label.setText(f"{said}  \u2022" if changed else said)
        self.label.setAccessibleName(words("mgmt.changed_property", name=said) if changed else said)
        set_role(self.label, "changed" if changed else "muted")

    def _edited(self) -> None:
        self.error.clear()
        self.edited.emit(self.declared.name)
