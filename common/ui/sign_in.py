"""Signing in to a site: the dialog that both desktop clients open first."""

from PySide6.QtWidgets import QDialog, QWidget

from common.ui.remembered import Remembered
from common.ui.session import Session, add_sign_in_arguments, sign_in_from_arguments

__all__ = ["Session", "SignInDialog", "add_sign_in_arguments", "sign_in_from_arguments"]


class SignInDialog(QDialog):
    """Asks for server, user and password; `exec()` is Accepted once `session` is there."""

    def __init__(
        self,
        product: str,
        remembered: Remembered | None = None,
        server: str = "",
        user: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session: Session | None = None
