"""Signing in to a site: the dialog that both desktop clients open first."""

from dataclasses import replace

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from common.clients.browser_sign_in import BrowserSignIn
from common.clients.management_values import ValidationFailed
from common.clients.sign_in import (
    AppMustBeSetUp,
    AuthorizerRefused,
    AuthorizerRequired,
    CodeRequired,
    CodeWrong,
    PasswordMustChange,
    SignInRefused,
)
from common.foundation.errors import NotPermitted, ServerUnreachable, SettingsError, VmsError
from common.ui.icons import icon
from common.ui.nearby import NearbyServers
from common.ui.off_thread import Job, run_off_thread
from common.ui.remembered import Remembered, normal_server_url
from common.ui.session import Session, add_sign_in_arguments, client_id, sign_in_from_arguments
from common.ui.sign_in_pages import CredentialsPage, TrustPage
from common.ui.sign_in_proofs import CodePage, NewPasswordPage, ProofPage, RecoveryCodesPage, SecondPersonPage
from common.ui.sign_in_steps import AuthorityChanged, Credentials, TrustAsked, sign_in
from common.ui.theme import set_role
from common.ui.words import sentence, words

__all__ = ["Session", "SignInDialog", "add_sign_in_arguments", "sign_in_from_arguments"]


class SignInDialog(QDialog):
    """Asks for server, user and password, or leaves asking to the browser.

    `exec()` is Accepted once `session` is there.

    A server that is met for the first time is shown with its fingerprint before the password leaves this computer.
    `trusted_pem` is the authority that an earlier session of this run with `server` trusted.
    """

    _page_wanted = Signal(str)

    def __init__(
        self,
        product: str,
        remembered: Remembered | None = None,
        server: str = "",
        user: str = "",
        *,
        trusted_pem: str = "",
        parent: QWidget | None = None,
        look_around: bool = True,
    ) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self._remembered = remembered or Remembered.of_this_user()
        self._typed: Credentials | None = None
        self._job: Job | None = None
        self._agreed: dict[str, str] = {}  # authorities trusted in this dialog: a wrong password asks no second time
        if trusted_pem:
            self._agreed[normal_server_url(server)] = trusted_pem
        self.setWindowTitle(words("ui.sign_in_title", product=product))
        self.setFixedWidth(440)

        sign = QLabel()
        sign.setPixmap(icon("shield", "accent").pixmap(28, 28))
        name = QLabel(product)
        set_role(name, "title")
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(sign)
        head.addWidget(name, 1)

        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(words("ui.signing_in"))
        keep = self.progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keep)
        self.progress.hide()

        known = self._remembered.servers()
        self.form = CredentialsPage(known, server, user)
        self.form.submitted.connect(self._submit)
        self.form.browser_asked.connect(self._submit_browser)
        self.form.cancelled.connect(self.reject)
        self._page_wanted.connect(self._open_page)
        self.trust = TrustPage()
        self.trust.agreed.connect(self._trusted)
        self.trust.refused.connect(self._back)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.form)
        self.pages.addWidget(self.trust)
        self.new_password, self.code, self.second = NewPasswordPage(), CodePage(), SecondPersonPage()
        self.recovery = RecoveryCodesPage()
        for page in self._proof_pages():
            page.submitted.connect(self._proven)
            page.back.connect(self._back)
            self.pages.addWidget(page)
        self.recovery.submitted.connect(self.accept)
        self.pages.addWidget(self.recovery)

        column = QVBoxLayout(self)
        column.setContentsMargins(32, 28, 32, 24)
        column.setSpacing(16)
        column.addLayout(head)
        column.addWidget(self.progress)
        column.addWidget(self.pages, 1)
        self.form.focus_first_empty()
        self._nearby = NearbyServers(self)
        self._nearby.changed.connect(self.form.show_found)
        if look_around:
            self._nearby.start()

    def done(self, result: int) -> None:
        """Stop looking around and close."""
        self._nearby.stop()
        self._leave_browser()
        super().done(result)

    def _server_url(self) -> str:
        """Return the server's address, "" after saying that what was typed is none."""
        self.form.clear_errors()
        try:
            return normal_server_url(self.form.server())
        except SettingsError as error:
            self.form.server_error.say(str(error))
            self.form.server_edit.setFocus()
            return ""

    def _submit_browser(self) -> None:
        """Let the browser ask for whatever the site's users sign in with."""
        url = self._server_url()
        if url:
            self._typed = Credentials(url, self.form.user(), "", browser=BrowserSignIn(url, client_id()))
            self._try("")

    def _open_page(self, url: str) -> None:
        self.form.notice.say("info", words("ui.browser_waiting"))
        if not QDesktopServices.openUrl(QUrl(url)):
            self.form.notice.say("error", words("ui.browser_missing", url=url))

    def _leave_browser(self) -> None:
        if self._typed is not None and self._typed.browser is not None:
            self._typed.browser.cancel()
            self.form.notice.clear()

    def _submit(self) -> None:
        url = self._server_url()
        if not url or not self.form.check_complete():
            return
        self._typed = Credentials(url, self.form.user(), self.form.password(), self.form.setup_code())
        self._try("")

    def _try(self, trusted_pem: str) -> None:
        typed = self._typed
        assert typed is not None
        if trusted_pem:
            self._agreed[typed.server_url] = trusted_pem
        trusted_pem = self._agreed.get(typed.server_url, "")
        self._busy(True)
        self._job = run_off_thread(
            self,
            lambda: sign_in(typed, self._remembered, trusted_pem, self._page_wanted.emit),
            self._came,
            self._failed,
        )

    def _busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.form.set_busy(busy)
        self.trust.set_busy(busy)
        for page in self._proof_pages():
            page.set_busy(busy)

    def _came(self, came: Session | TrustAsked) -> None:
        self._busy(False)
        if isinstance(came, TrustAsked):
            self.trust.ask(came.server_url, came.offer)
            self.pages.setCurrentWidget(self.trust)
            return
        self.session = came
        if came.recovery_codes:
            self.pages.setCurrentWidget(self.recovery)
            self.recovery.show_codes(came.recovery_codes)
            return
        self.accept()

    def _proof_pages(self) -> tuple[ProofPage, ...]:
        return self.new_password, self.code, self.second

    def _proven(self) -> None:
        """Try again with what the shown page asked for."""
        typed, page = self._typed, self.pages.currentWidget()
        assert typed is not None
        proofs = typed.proofs
        if page is self.new_password:
            if not self.new_password.is_complete():
                return
            proofs = replace(proofs, new_password=self.new_password.password_edit.text())
        elif page is self.code:
            proofs = replace(proofs, code=self.code.code_edit.text())
        else:
            proofs = replace(
                proofs,
                second_user=self.second.user_edit.text().strip(),
                second_password=self.second.password_edit.text(),
                second_code=self.second.code_edit.text(),
            )
        self._typed = replace(typed, proofs=proofs)
        self._try("")

    def _ask_more(self, error: VmsError) -> bool:
        """Show the page for what the account asks for beside the password; False: it is something else."""
        typed = self._typed
        assert typed is not None
        user, shown = typed.user, self.pages.currentWidget()
        match error:
            case PasswordMustChange() if not typed.proofs.new_password:
                self.pages.setCurrentWidget(self.new_password)
                self.new_password.ask(user)
            case ValidationFailed() if "new_password" in error.problems:
                self.pages.setCurrentWidget(self.new_password)
                self._typed = replace(typed, proofs=replace(typed.proofs, new_password=""))
                self.new_password.say_wrong(error.problems["new_password"])
            case AuthorizerRefused() | CodeWrong() if shown is self.second:
                self.second.say_wrong(sentence(error))
            case AuthorizerRequired():
                self.pages.setCurrentWidget(self.second)
                self.second.ask(user)
            case CodeRequired(of_authorizer=True):
                self.pages.setCurrentWidget(self.second)
                self.second.code_edit.setFocus()
            case AppMustBeSetUp(wrong_code=True) | CodeWrong() if shown is self.code:
                self.code.say_wrong(words("error.second_factor_invalid"))
            case AppMustBeSetUp():
                self.pages.setCurrentWidget(self.code)
                self.code.ask(user, error.secret, error.uri)
            case CodeRequired() | CodeWrong():
                self.pages.setCurrentWidget(self.code)
                self.code.ask(user)
            case _:
                return False
        return True

    def _trusted(self, pem: str) -> None:
        self._try(pem)

    def _back(self) -> None:
        self.pages.setCurrentWidget(self.form)
        self.form.focus_first_empty()

    def _failed(self, error: VmsError) -> None:
        """Say it where it can be put right."""
        self._busy(False)
        if self._ask_more(error):
            return
        self.pages.setCurrentWidget(self.form)
        form = self.form
        match error:
            case AuthorityChanged():
                form.notice.say_error(error, words("ui.forget_server"), self._forget)
            case SignInRefused() if self._typed is not None and self._typed.browser is not None:
                form.notice.say("error", words("ui.browser_failed"))
            case SignInRefused():
                form.password_error.say(sentence(error))
                form.password_edit.selectAll()
                form.password_edit.setFocus()
            case ValidationFailed() if form.setup_code():
                form.show_setup_problems(error.problems)
            case NotPermitted() if form.setup_code():
                form.show_setup_problems({"code": str(error)})
            case ServerUnreachable():
                form.server_error.say(sentence(error))
                form.server_edit.setFocus()
            case _:
                form.notice.say_error(error)

    def _forget(self) -> None:
        """Forget the pinned authority after the operator read what that means; the next attempt asks again."""
        assert self._typed is not None
        try:
            self._agreed.pop(self._typed.server_url, None)
            self._remembered.forget(self._typed.server_url)
        except SettingsError as error:
            self.form.notice.say_error(error)
            return
        self.form.notice.say("info", words("ui.server_forgotten"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes one step back: from the question to the form, from a running attempt to the form, then out."""
        if event.key() == Qt.Key.Key_Escape:
            if not self.progress.isHidden():
                if self._job is not None:
                    self._job.cancel()
                self._leave_browser()
                self._busy(False)
                self._back()
                return
            if self.pages.currentWidget() is self.recovery:
                self.accept()
                return
            if self.pages.currentWidget() is not self.form:
                self._back()
                return
        super().keyPressEvent(event)
