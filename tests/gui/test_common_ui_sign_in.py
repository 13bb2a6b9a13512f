"""Signing in, against a server over real TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from common.net.certificates import fingerprint
from common.ui.remembered import Remembered, RememberedServer
from common.ui.sign_in import SignInDialog
from tests.support.stand_in_management import CODE, PASSWORD, USER, StandInServer, stand_in_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandInServer]:
    with stand_in_server(tmp_path) as started:
        yield started


@pytest.fixture
def remembered(tmp_path: Path) -> Remembered:
    return Remembered(tmp_path / "config" / "servers.json")


def opened(qtbot: QtBot, remembered: Remembered, server: StandInServer, password: str = PASSWORD) -> SignInDialog:
    dialog = SignInDialog("Test", remembered, server=server.url, user=USER, look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.keyClicks(dialog.form.password_edit, password)
    return dialog


def press_enter(qtbot: QtBot, dialog: SignInDialog) -> None:
    qtbot.keyClick(dialog.form.password_edit, Qt.Key.Key_Return)


def test_a_new_server_is_trusted_only_after_its_fingerprint_was_shown(
    qtbot: QtBot, server: StandInServer, remembered: Remembered
) -> None:
    dialog = opened(qtbot, remembered, server)
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.trust)
    shown = dialog.trust.fingerprint.text().replace("\n", "")
    assert shown == fingerprint(server.authority.certificate_pem)
    assert dialog.trust.back_button.hasFocus() or not dialog.isActiveWindow()
    assert remembered.servers() == ()
    with qtbot.waitSignal(dialog.accepted):
        dialog.trust.trust_button.click()
    assert dialog.session is not None
    assert (dialog.session.user, dialog.session.server_url) == (USER, server.url)
    assert [(row.url, row.user) for row in remembered.servers()] == [(server.url, USER)]
    dialog.session.client.close()


def test_a_known_server_asks_nothing_and_its_user_is_filled_in(
    qtbot: QtBot, server: StandInServer, remembered: Remembered
) -> None:
    remembered.remember(RememberedServer(server.url, "Test", USER, server.ca_pem))
    dialog = SignInDialog("Test", remembered, look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()
    assert (dialog.form.server(), dialog.form.user()) == (server.url, USER)
    qtbot.keyClicks(dialog.form.password_edit, PASSWORD)
    with qtbot.waitSignal(dialog.accepted):
        press_enter(qtbot, dialog)
    assert dialog.session is not None
    dialog.session.client.close()


def test_a_wrong_password_is_said_at_the_password(qtbot: QtBot, server: StandInServer, remembered: Remembered) -> None:
    remembered.remember(RememberedServer(server.url, "Test", USER, server.ca_pem))
    dialog = opened(qtbot, remembered, server, "wrong")
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.form.password_error.isVisible())
    assert dialog.form.password_error.text() == "User name or password is wrong."
    assert dialog.session is None
    server.site.locked_out = True
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: "locked" in dialog.form.password_error.text())


def test_another_authority_is_refused_until_the_old_one_is_forgotten(
    qtbot: QtBot, tmp_path: Path, server: StandInServer, remembered: Remembered
) -> None:
    with stand_in_server(tmp_path) as other:
        remembered.remember(RememberedServer(server.url, "Test", USER, other.ca_pem))
    dialog = opened(qtbot, remembered, server)
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: "another certificate authority" in dialog.form.notice.text())
    assert remembered.authority(server.url) == other.ca_pem
    dialog.form.notice._button.click()
    assert remembered.authority(server.url) is None


def test_a_server_that_is_away_is_said_at_its_address(
    qtbot: QtBot, server: StandInServer, remembered: Remembered
) -> None:
    server.stop()
    dialog = opened(qtbot, remembered, server)
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: "does not answer" in dialog.form.server_error.text())


@pytest.mark.parametrize("address", ["", "http://vms", "https://", "two words", "vms:port"])
def test_what_is_no_address_is_said_before_anything_is_sent(qtbot: QtBot, remembered: Remembered, address: str) -> None:
    dialog = SignInDialog("Test", remembered, user="u", look_around=False)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.form.server_edit.setEditText(address)
    dialog.form.password_edit.setText("x")
    dialog.form.sign_in_button.click()
    assert "no server address" in dialog.form.server_error.text()


def test_the_first_administrator_is_made_with_the_set_up_code(
    qtbot: QtBot, server: StandInServer, remembered: Remembered
) -> None:
    remembered.remember(RememberedServer(server.url, "Test", "", server.ca_pem))
    dialog = opened(qtbot, remembered, server)
    dialog.form.setup_button.click()
    dialog.form.sign_in_button.click()
    assert dialog.form.code_error.isVisible()
    assert dialog.form.repeat_error.isVisible()
    dialog.form.code_edit.setText("wrong")
    dialog.form.repeat_edit.setText(PASSWORD)
    dialog.form.sign_in_button.click()
    qtbot.waitUntil(lambda: dialog.form.code_error.text() == "This is not the set-up code.")
    dialog.form.code_edit.setText(CODE)
    with qtbot.waitSignal(dialog.accepted):
        dialog.form.sign_in_button.click()
    assert dialog.session is not None
    dialog.session.client.close()


def test_servers_nearby_join_the_list_and_leave_what_is_typed(qtbot: QtBot, remembered: Remembered) -> None:
    dialog = SignInDialog("Test", remembered, look_around=False)
    qtbot.addWidget(dialog)
    dialog.form.show_found(["https://10.0.0.5:8443"])
    assert dialog.form.server() == "https://10.0.0.5:8443"
    dialog.form.server_edit.setEditText("mine")
    dialog.form.show_found(["https://10.0.0.5:8443", "https://10.0.0.6:8443"])
    assert dialog.form.server() == "mine"
    assert dialog.form.server_edit.count() == 2


def test_caps_lock_is_hinted_at(qtbot: QtBot, remembered: Remembered) -> None:
    dialog = SignInDialog("Test", remembered, look_around=False)
    qtbot.addWidget(dialog)
    field = dialog.form.password_edit
    qtbot.keyClick(field, "a")
    assert not field.caps_lock_shown()
    qtbot.keyClick(field, "A")
    assert field.caps_lock_shown()
    qtbot.keyClick(field, "A", Qt.KeyboardModifier.ShiftModifier)
    assert not field.caps_lock_shown()


def test_escape_goes_back_from_the_question_of_trust(
    qtbot: QtBot, server: StandInServer, remembered: Remembered
) -> None:
    dialog = opened(qtbot, remembered, server)
    press_enter(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.trust)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.pages.currentWidget() is dialog.form
    assert dialog.isVisible()
