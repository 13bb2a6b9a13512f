"""`vedette-smartclient`: sign in, then look at cameras live and recorded."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog

from common.api.programs import SMART_CLIENT
from common.foundation.errors import VmsError
from common.ui.garbage import GuiGarbage
from common.ui.language import languages, speak
from common.ui.off_thread import wait_for_jobs
from common.ui.session import Session, be_client
from common.ui.sign_in import SignInDialog, add_sign_in_arguments, sign_in_from_arguments
from common.ui.theme import apply_theme
from common.ui.words import sentence, words
from smartclient.app.window import SmartClientWindow
from smartclient.video.engine import VideoEngine

PRODUCT = "Vedette Smart Client"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the window is closed; 0, or 1 when signing in by arguments did not work."""
    given = _arguments(arguments)
    logging.basicConfig(level=os.environ.get("VEDETTE_LOG", "WARNING"))
    app = QApplication(sys.argv[:1])
    app.setApplicationName("vedette-smartclient")
    app.setApplicationDisplayName(PRODUCT)
    app.setQuitOnLastWindowClosed(False)
    be_client(SMART_CLIENT)
    GuiGarbage(app)
    speak(app, given.language)
    apply_theme(app, given.theme)
    _stop_on_signals(app)
    engine = VideoEngine()  # the decoder processes start while somebody signs in
    try:
        session = _session(given)
        if session is None:
            return 0
        while session is not None:
            session = _work(app, engine, session, given.screenshot_dir)
    except VmsError as error:
        print(sentence(error), file=sys.stderr)  # noqa: T201 - the answer to a command line
        return 1
    finally:
        engine.close()
        wait_for_jobs()
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vedette-smartclient", description=words("smart.about"))
    add_sign_in_arguments(parser)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--language", choices=languages(), default="", help="default: the system's")
    parser.add_argument("--screenshot-dir", type=Path, metavar="DIR", help="save a picture of the window now and then")
    given = parser.parse_args(arguments)
    if given.server and not (given.user and given.password_file):
        parser.error("--server needs --user and --password-file")
    return given


def _session(given: argparse.Namespace) -> Session | None:
    if given.server:
        return sign_in_from_arguments(given.server, given.user, given.password_file, given.ca_file)
    return _ask(None)


def _ask(before: Session | None) -> Session | None:
    """Ask who it is, with the server and user of the session before; None when the operator gave up."""
    if before is None:
        dialog = SignInDialog(PRODUCT)
    else:
        dialog = SignInDialog(PRODUCT, server=before.server_url, user=before.user, trusted_pem=before.ca_pem)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    dialog.deleteLater()
    return dialog.session if accepted else None


def _work(app: QApplication, engine: VideoEngine, session: Session, screenshots: Path | None) -> Session | None:
    """Show the window; return the next session after signing out, None when it was closed."""
    window = SmartClientWindow(session, engine)
    signed_out: list[bool] = []

    def leave() -> None:
        signed_out.append(True)
        window.close()

    window.signed_out.connect(leave)
    window.destroyed.connect(app.quit)
    window.show()
    if screenshots is not None:
        _take_screenshots(window, screenshots)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    app.exec()
    session.client.close()
    return _ask(session) if signed_out else None


def _take_screenshots(window: SmartClientWindow, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    timer = QTimer(window)
    timer.setInterval(2000)
    timer.timeout.connect(lambda: window.grab().save(str(folder / f"smartclient-{window.tabs.currentIndex()}.png")))
    timer.start()


def _stop_on_signals(app: QApplication) -> None:
    """Let Ctrl-C and SIGTERM end the program: Python only looks at signals while it runs, so a timer lets it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.closeAllWindows() if app.topLevelWidgets() else app.quit())
    timer = QTimer(app)
    timer.setInterval(300)
    timer.timeout.connect(lambda: None)
    timer.start()


if __name__ == "__main__":
    sys.exit(main())
