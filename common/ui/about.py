"""Which version this is, of what, under which licence."""

import platform
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from common.ui.theme import set_role
from common.ui.words import words


def product_version() -> str:
    """Return the installed version, "unknown" when run from a bare source tree."""
    try:
        return version("vedette")
    except PackageNotFoundError:
        return words("ui.unknown")


class AboutDialog(QDialog):
    """Help > About: text to copy into a support request."""

    def __init__(self, product: str, server_url: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("ui.about_title", product=product))
        name = QLabel(product)
        set_role(name, "title")
        facts = QLabel(
            words(
                "ui.about_facts",
                version=product_version(),
                python=platform.python_version(),
                qt=qVersion(),
                system=f"{platform.system()} {platform.release()}",
            )
            + (f"\n{words('ui.about_server', server=server_url)}" if server_url else "")
        )
        facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(facts, "muted")
        licence = QLabel(words("ui.about_licence"))
        licence.setWordWrap(True)
        set_role(licence, "small")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.addWidget(name)
        column.addWidget(facts)
        column.addWidget(licence)
        column.addSpacing(8)
        column.addWidget(buttons)
        self.setMinimumWidth(420)
