"""`vedette-mgmtclient`: configure a site."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog

from common.api.programs import MANAGEMENT_CLIENT
from common.foundation.errors import VmsError
from common.ui.garbage import GuiGarbage
from common.ui.language import languages, speak
from common.ui.off_thread import run_off_thread, wait_for_jobs
from common.ui.session import Session, be_client
from common.ui.sign_in import SignInDialog, add_sign_in_arguments, sign_in_from_arguments
from common.ui.theme import apply_theme
from common.ui.words import sentence, words
from mgmtclient.app.window import MainWindow, sign_out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the Management Client until its window is closed; return the exit code."""
    parser = argparse.ArgumentParser(prog="vedette-mgmtclient", description="Configure a Vedette site.")
    add_sign_in_arguments(parser)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--language", choices=languages(), default="", help="default: the system's")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = QApplication(sys.argv[:1])
    app.setApplicationName("vedette-mgmtclient")
    app.setApplicationDisplayName(words("mgmt.product"))
    be_client(MANAGEMENT_CLIENT)
    GuiGarbage(app)
    speak(app, given.language)
    apply_theme(app, given.theme)
    try:
        session = _session(given)
    except VmsError as error:
        sys.stderr.write(f"vedette-mgmtclient: {sentence(error)}\n")
        return 1
    if session is None:
        return 0
    window = MainWindow(session)
    window.show()
    stop_on_signals(app)
    code = app.exec()
    run_off_thread(app, lambda: sign_out(session.client), lambda _: None, lambda _: None)
    wait_for_jobs()
    return code


def _session(given: argparse.Namespace) -> Session | None:
    """Sign in as the command line says, or with the dialog; None when the operator gave up."""
    if given.server and given.user and given.password_file:
        return sign_in_from_arguments(given.server, given.user, given.password_file, given.ca_file)
    dialog = SignInDialog(words("mgmt.product"), server=given.server or "", user=given.user or "")
    return dialog.session if dialog.exec() == QDialog.DialogCode.Accepted else None


def stop_on_signals(app: QApplication) -> None:
    """Close on SIGINT and SIGTERM. Python sees a signal only when it runs, so a timer lets it, four times a second."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    wake = QTimer(app)
    wake.timeout.connect(lambda: None)
    wake.start(250)


if __name__ == "__main__":
    sys.exit(main())
