"""The Management Client against the product's own management server, from the set-up code on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from common.ui.remembered import Remembered
from common.ui.sign_in import SignInDialog, sign_in_from_arguments
from mgmtclient.app.window import MainWindow

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Running:
    url: str
    ca_file: Path
    setup_code: str


@pytest.fixture
def management(tmp_path: Path) -> Iterator[Running]:
    read_end, write_end = os.pipe()
    config = tmp_path / "vedette.toml"
    config.write_text('[management]\nhttps_port = 0\nbind_address = "127.0.0.1"\nannounce = false\n')
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "server.management", "--data", str(tmp_path / "data")),
            *("--config", str(config), "--ready-fd", str(write_end)),
        ],
        pass_fds=[write_end],
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as ready:
            said = json.loads(ready.readline())["management"]
        yield Running(said["https"], Path(said["ca"]), said["setup_code"])
    finally:
        process.terminate()
        process.wait(30)


def test_from_the_set_up_code_to_the_window(qtbot: QtBot, management: Running, tmp_path: Path) -> None:
    dialog = SignInDialog("Test", Remembered(tmp_path / "servers.json"), server=management.url, look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()
    form = dialog.form
    form.show_setup(True)
    form.code_edit.setText("wrong")
    form.user_edit.setText("olga")
    form.password_edit.setText("a long password")
    form.repeat_edit.setText("a long password")
    form.sign_in_button.click()
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.trust)
    dialog.trust.trust_button.click()
    qtbot.waitUntil(lambda: form.code_error.isVisible() or bool(form.notice.text()))
    form.code_edit.setText(management.setup_code)
    form.sign_in_button.click()
    qtbot.waitUntil(lambda: dialog.session is not None)
    assert dialog.session is not None
    session = dialog.session
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: window._timer.stop())
    window.show()
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.first_steps)
    session.client.close()

    password = tmp_path / "password"
    password.write_text("a long password\n")
    again = sign_in_from_arguments(management.url, "olga", password, management.ca_file)
    assert again.client.recording_servers() == ()
    again.client.close()
