"""Signing in where more than a password is asked for, against the product's own server."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from common.ui.remembered import Remembered, RememberedServer
from common.ui.sign_in import SignInDialog
from server.management.identity.totp import STEP_S, code_at
from tests.support.browser import Browser
from tests.support.management_rig import PASSWORD, Management, managing

NEW = "quite another 77"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Management]:
    with managing(tmp_path / "data") as running:
        yield running


def opened(qtbot: QtBot, tmp_path: Path, server: Management, user: str) -> SignInDialog:
    remembered = Remembered(tmp_path / "config" / "servers.json")
    remembered.remember(RememberedServer(server.url, "Test", user, server.ca_pem))
    dialog = SignInDialog("Test", remembered, server=server.url, user=user, look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.keyClicks(dialog.form.password_edit, PASSWORD)
    qtbot.keyClick(dialog.form.password_edit, Qt.Key.Key_Return)
    return dialog


def add_operator(server: Management, **flags: object) -> None:
    user_id = server.add_operator("olga")
    admin = server.token()
    role = next(each for each in server.rest("GET", "roles", admin).json()["array"] if each["name"] == "Operators")
    if flags.pop("forcePasswordChange", False):
        body = {"forcePasswordChange": True}
        assert server.rest("PATCH", f"basicUsers/{user_id}", admin, json=body).status_code == 200
    assert server.rest("PATCH", f"roles/{role['id']}", admin, json=flags).status_code == 200


def test_the_dialog_leads_through_everything(qtbot: QtBot, tmp_path: Path, server: Management) -> None:
    add_operator(server, forcePasswordChange=True, dualAuthorizationRequired=True, secondFactorRequired=True)
    dialog = opened(qtbot, tmp_path, server, "olga")

    page = dialog.new_password
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is page)
    qtbot.keyClicks(page.password_edit, NEW)
    qtbot.keyClick(page.password_edit, Qt.Key.Key_Return)
    assert "differ" in page.repeat_error.text()
    page.password_edit.setText("short")
    page.repeat_edit.setText("short")
    page.submit_button.click()
    qtbot.waitUntil(lambda: "at least 8" in page._fields[0][1].text())
    page.password_edit.setText(NEW)
    page.repeat_edit.setText(NEW)
    page.submit_button.click()

    second = dialog.second
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is second)
    second.user_edit.setText("admin")
    second.password_edit.setText("wrong")
    second.submit_button.click()
    qtbot.waitUntil(lambda: "could not authorise" in second._fields[0][1].text())
    second.password_edit.setText(PASSWORD)
    second.submit_button.click()

    code = dialog.code
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is code)
    assert not code.picture.pixmap().isNull()
    secret = base64.b32decode(code.key.text().replace(" ", ""))
    code.code_edit.setText("000000")
    code.submit_button.click()
    qtbot.waitUntil(lambda: "wrong" in code._fields[0][1].text())
    assert code.picture.isVisible()
    code.code_edit.setText(code_at(secret, int(server.clock.now_us() / 1e6) // STEP_S))
    code.submit_button.click()

    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.recovery)
    assert len(dialog.recovery.codes.text().split()) == 10
    with qtbot.waitSignal(dialog.accepted):
        dialog.recovery.submit_button.click()
    assert dialog.session is not None
    assert dialog.session.client.cameras() == ()
    dialog.session.client.close()


def test_going_back_forgets_what_was_typed(qtbot: QtBot, tmp_path: Path, server: Management) -> None:
    add_operator(server, dualAuthorizationRequired=True)
    dialog = opened(qtbot, tmp_path, server, "olga")
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.second)
    dialog.second.user_edit.setText("admin")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.pages.currentWidget() is dialog.form
    dialog.form.sign_in_button.click()
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.second)
    assert dialog.second.user_edit.text() == ""
    dialog.reject()


def test_the_browser_signs_in(
    qtbot: QtBot, tmp_path: Path, server: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person in a browser does what the page asks; the dialog waits and goes on."""
    add_operator(server)
    opened_pages: list[str] = []
    monkeypatch.setattr(
        "common.ui.sign_in.QDesktopServices.openUrl", lambda url: opened_pages.append(url.toString()) or True
    )
    remembered = Remembered(tmp_path / "config" / "servers.json")
    remembered.remember(RememberedServer(server.url, "Test", "", server.ca_pem))
    dialog = SignInDialog("Test", remembered, server=server.url, look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()

    dialog.form.browser_button.click()
    qtbot.waitUntil(lambda: bool(opened_pages))
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)  # not this time
    assert dialog.form.sign_in_button.isEnabled()

    dialog.form.browser_button.click()
    qtbot.waitUntil(lambda: len(opened_pages) == 2)
    assert "browser" in dialog.form.notice.text()
    with Browser(str(server.running.ca), (server.url,)) as browser:
        browser.open(opened_pages[1])
        browser.submit(username="olga", password=PASSWORD)
        back = browser.left_to
    stray = requests.get(back.partition("?")[0] + "?code=x&state=guessed", timeout=5)
    assert stray.status_code == 404
    with qtbot.waitSignal(dialog.accepted):
        assert "You can close this window" in requests.get(back, timeout=5).text
    assert dialog.session is not None
    assert dialog.session.user == "olga"
    assert dialog.session.client.cameras() == ()
    dialog.session.client.close()
