"""The Management Client's window, against a server over real TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from common.clients.management import ManagementClient
from common.ui.off_thread import wait_for_jobs
from common.ui.session import Session
from common.ui.theme import theme
from mgmtclient.app.window import MainWindow
from tests.support.stand_in_management import PASSWORD, USER, StandInServer, stand_in_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandInServer]:
    with stand_in_server(tmp_path) as started:
        yield started


def opened(qtbot: QtBot, server: StandInServer) -> MainWindow:
    client = ManagementClient(server.url, server.ca_pem)
    client.sign_in(USER, PASSWORD)
    window = MainWindow(Session(client, server.ca_pem, server.url, USER))

    def end(_: object) -> None:
        window.page.forget_gone(set())  # or closing asks whether to lose the edits
        window._timer.stop()
        wait_for_jobs()  # or a request under way opens another connection
        client.close()

    qtbot.addWidget(window, before_close_func=end)
    window.show()
    qtbot.waitUntil(lambda: window.pages.currentWidget() is not window.loading)
    return window


def open_node(qtbot: QtBot, window: MainWindow, key: str) -> None:
    """Choose a node and wait for its page."""
    qtbot.waitUntil(lambda: window.tree.select(key))
    qtbot.waitUntil(lambda: window.page.key() == key and window.page.tabs.isVisible())


def test_an_empty_site_opens_with_the_first_steps(qtbot: QtBot, server: StandInServer) -> None:
    server.site.recorder()
    window = opened(qtbot, server)
    assert window.pages.currentWidget() is window.first_steps
    assert [step.done for step in window.first_steps._shown] == [True, False, False, False]


def test_tree_and_table_show_what_the_site_has(qtbot: QtBot, server: StandInServer) -> None:
    recorder = server.site.recorder()
    for number in (10, 9, 1):
        server.site.camera(recorder, f"Gate {number}", microphone=number == 1)
    window = opened(qtbot, server)
    open_node(qtbot, window, f"recordingServers:{recorder}")
    shown = [window.overview.view.model().index(row, 0).data() for row in range(3)]
    assert shown == ["Gate 1", "Gate 9", "Gate 10"]
    hardware = server.site.item("hardware", "Gate 1")["id"]
    open_node(qtbot, window, f"hardware:{hardware}")
    assert [row.cells[0] for row in window.overview.model.sheet.rows] == ["Gate 1 - Camera 1", "Gate 1 - Microphone 1"]


def test_an_edit_survives_refreshes_and_other_nodes_until_it_is_saved(qtbot: QtBot, server: StandInServer) -> None:
    recorder = server.site.recorder()
    gate = f"hardware:{server.site.camera(recorder, 'Gate')}"
    yard = f"hardware:{server.site.camera(recorder, 'Yard')}"
    window = opened(qtbot, server)
    open_node(qtbot, window, gate)
    control = window.page.line("address").control
    assert isinstance(control, QLineEdit)
    control.selectAll()
    qtbot.keyClicks(control, "rtsp://10.9.9.9/new")
    assert window.page.bar.isVisible()
    open_node(qtbot, window, yard)
    assert not window.page.bar.isVisible()
    with qtbot.waitSignal(window.tree.model.dataChanged):
        server.site.item("hardware", "Yard")["name"] = "Back yard"
        window.refresh()
    open_node(qtbot, window, gate)
    assert window.page.line("address").value() == "rtsp://10.9.9.9/new"
    with qtbot.waitSignal(window.changes.made):
        window.page.save_button.click()
    assert server.site.item("hardware", "Gate")["address"] == "rtsp://10.9.9.9/new"
    assert window.page.drafts() == ()
    qtbot.waitUntil(lambda: not window.page.bar.isVisible())


def test_what_the_server_refuses_is_said_at_the_field(qtbot: QtBot, server: StandInServer) -> None:
    gate = f"hardware:{server.site.camera(server.site.recorder(), 'Gate')}"
    window = opened(qtbot, server)
    open_node(qtbot, window, gate)
    control = window.page.line("address").control
    qtbot.keyClicks(control, "x")
    server.site.refuse = {"address": "No driver knows this address."}
    window.page.save()
    error = window.page.line("address").error
    qtbot.waitUntil(lambda: error.isVisible() and error.text() == "No driver knows this address.")
    assert window.page.tabs.tabText(window.page.tabs.currentIndex()).startswith("Network")
    assert window.page.drafts() == (gate,)
    window.page.discard_button.click()
    assert not error.isVisible()
    assert window.page.drafts() == ()


def test_an_empty_name_is_not_even_sent(qtbot: QtBot, server: StandInServer) -> None:
    gate = f"hardware:{server.site.camera(server.site.recorder(), 'Gate')}"
    window = opened(qtbot, server)
    open_node(qtbot, window, gate)
    control = window.page.line("name").control
    assert isinstance(control, QLineEdit)
    control.selectAll()
    qtbot.keyClick(control, Qt.Key.Key_Delete)
    window.page.save()
    assert window.page.line("name").error.text() == "Name must not be empty."


def test_somebody_elses_change_is_not_overwritten(qtbot: QtBot, server: StandInServer) -> None:
    gate = f"hardware:{server.site.camera(server.site.recorder(), 'Gate')}"
    window = opened(qtbot, server)
    window._timer.stop()
    open_node(qtbot, window, gate)
    qtbot.keyClicks(window.page.line("description").control, "mine")
    server.site.item("hardware", "Gate").update(etag="7", description="theirs")
    window.page.save()
    qtbot.waitUntil(lambda: "Somebody else has changed this" in window.page.notice.text())
    assert server.site.item("hardware", "Gate")["description"] == "theirs"


def test_renaming_in_the_table(qtbot: QtBot, server: StandInServer) -> None:
    recorder = server.site.recorder()
    gate = server.site.camera(recorder, "Gate")
    window = opened(qtbot, server)
    open_node(qtbot, window, f"recordingServers:{recorder}")
    window.overview.select(f"hardware:{gate}")
    qtbot.waitUntil(lambda: window.page.key() == f"hardware:{gate}")
    window.actions_.named["rename"].trigger()
    editor = window.overview.view.viewport().findChild(QLineEdit)
    assert editor is not None
    editor.setText("North gate")
    with qtbot.waitSignal(window.changes.made):
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.overview.model.sheet.rows[0].cells[0] == "North gate")
    assert window.overview.current_key() == f"hardware:{gate}"


def test_removing_asks_first_and_names_what_goes(qtbot: QtBot, server: StandInServer) -> None:
    gate = server.site.camera(server.site.recorder(), "Gate", microphone=True)
    window = opened(qtbot, server)
    open_node(qtbot, window, f"hardware:{gate}")
    window.actions_.named["remove"].trigger()
    assert window.question is not None
    assert window.question.windowTitle() == "Remove Gate?"
    with qtbot.waitSignal(window.changes.made):
        window.question.action_button.click()
    assert server.site.lists["hardware"] == {}
    qtbot.waitUntil(lambda: not window.tree.select(f"hardware:{gate}"))


def test_disabling_shows_in_tree_and_actions(qtbot: QtBot, server: StandInServer) -> None:
    gate = server.site.camera(server.site.recorder(), "Gate")
    window = opened(qtbot, server)
    open_node(qtbot, window, f"hardware:{gate}")
    named = window.actions_.named
    assert (named["enable"].isEnabled(), named["disable"].isEnabled()) == (False, True)
    named["disable"].trigger()
    qtbot.waitUntil(named["enable"].isEnabled)
    assert server.site.item("hardware", "Gate")["enabled"] is False


def test_a_server_that_goes_away_is_said_and_the_page_says_from_when_it_is(qtbot: QtBot, server: StandInServer) -> None:
    recorder = server.site.recorder()
    window = opened(qtbot, server)
    server.stop()
    window.refresh()
    qtbot.waitUntil(lambda: "This is how it was at" in window.stale.text(), timeout=15_000)
    assert window.tree.select(f"recordingServers:{recorder}")


def test_an_ended_session_offers_to_sign_in_again(qtbot: QtBot, server: StandInServer) -> None:
    window = opened(qtbot, server)
    server.site.ended = True
    window.refresh()
    qtbot.waitUntil(lambda: "session has ended" in window.stale.text())
    server.site.ended = False
    window.refresh()
    qtbot.waitUntil(lambda: not window.stale.isVisible())


def test_both_themes_can_be_switched_while_it_runs(qtbot: QtBot, server: StandInServer) -> None:
    window = opened(qtbot, server)
    window.switch_theme()
    assert theme() == "light"
    window.switch_theme()
    assert theme() == "dark"


def test_the_filter_leaves_matching_items(qtbot: QtBot, server: StandInServer) -> None:
    recorder = server.site.recorder()
    keys = {name: f"hardware:{server.site.camera(recorder, name)}" for name in ("Gate", "Yard")}
    window = opened(qtbot, server)
    qtbot.waitUntil(lambda: window.tree.select(keys["Yard"]))
    window.tree.focus_filter()
    qtbot.keyClicks(window.tree.filter, "yard")
    assert not window.tree.select(keys["Gate"])
    assert window.tree.select(keys["Yard"])
    qtbot.keyClick(window.tree.filter, Qt.Key.Key_Escape)
    assert window.tree.select(keys["Gate"])


def test_every_control_that_can_have_the_focus_has_a_name(
    qtbot: QtBot, server: StandInServer, qapp: QApplication
) -> None:
    gate = f"hardware:{server.site.camera(server.site.recorder(), 'Gate')}"
    window = opened(qtbot, server)
    open_node(qtbot, window, gate)
    for control in (window.tree.view, window.tree.filter, window.overview.view, window.page.tabs):
        assert control.accessibleName()
    assert all(line.control.accessibleName() for line in window.page._lines.values())
