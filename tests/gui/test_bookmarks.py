"""Bookmarks in the Smart Client, stored on a real management server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from common.clients.bookmarks import Bookmark
from common.foundation.clock import UtcUs
from common.ui.off_thread import wait_for_jobs
from smartclient.bookmarks.room import BookmarkRoom
from smartclient.site.snapshot import Site, SiteCamera
from tests.support.management_rig import START_US, Management, managing

WAIT_MS = 20_000
NOW = UtcUs(START_US + 3_600_000_000)
AT = UtcUs(START_US)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Management]:
    with managing(tmp_path / "management") as running:
        reply, _ = running.enrol()
        admin = running.token()
        body = {"hardwareAddress": "simulator:1", "userName": "", "password": "", "name": "Gate"}
        path = f"recordingServers/{reply.id}?task=AddHardware"
        task = running.rest("POST", path, admin, json=body).json()["result"]["path"]["id"]
        while running.rest("GET", f"tasks/{task}", admin).json()["data"]["state"] != "Success":
            pass
        yield running


def test_a_bookmark_is_made_found_changed_deleted_and_brought_back(
    qtbot: QtBot, qapp: QApplication, server: Management
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    with server.client() as client:
        (known,) = client.cameras()
        camera = SiteCamera(known.id, "Gate", "r")
        room = BookmarkRoom(client, window)
        room.show_site(Site(cameras=(camera,)))
        failures: list[object] = []
        room.store.failed.connect(failures.append)
        room.store.want((camera.id,), AT - 60_000_000, AT + 60_000_000)

        room.quick(camera, AT)
        qtbot.waitUntil(lambda: len(room.store.of(camera.id)) == 1, timeout=WAIT_MS)
        (quick,) = room.store.of("")
        assert (quick.begin_us, quick.triggered_us, quick.end_us) == (AT - 3_000_000, AT, AT + 30_000_000)

        dialog = room.detailed(camera, AT, (AT - 5_000_000, AT + 5_000_000), NOW)
        dialog.try_accept()
        assert dialog.header_error.text()
        dialog.header.setText("Red van")
        dialog.times[2][0].setText("nonsense")
        dialog.try_accept()
        assert "nonsense" in dialog.times[2][1].text()
        dialog.times[2][0].setText("2026-01-01 00:00:00")
        dialog.try_accept()
        assert dialog.times[2][1].text()
        dialog.times[2][0].setText("+10m")
        dialog.text.setPlainText("Left without paying")
        assert not dialog.grab().isNull()
        dialog.try_accept()
        qtbot.waitUntil(lambda: len(room.store.of("")) == 2, timeout=WAIT_MS)

        panel = room.open_panel(NOW)
        qtbot.waitUntil(lambda: len(panel.found) == 2, timeout=WAIT_MS)
        panel.text.setText("PAYING")
        qtbot.waitUntil(lambda: [mark.header for mark in panel.found] == ["Red van"], timeout=WAIT_MS)
        gone: list[Bookmark] = []
        room.go_asked.connect(gone.append)
        panel.table.selectRow(0)
        panel.go_button.click()
        assert gone[0].header == "Red van"

        edited = room.edit(gone[0], NOW)
        edited.header.setText("Blue van")
        edited.try_accept()
        panel.text.setText("blue")
        qtbot.waitUntil(lambda: [mark.header for mark in panel.found] == ["Blue van"], timeout=WAIT_MS)
        panel.table.selectRow(0)
        panel.table.setFocus()
        QTest.keyClick(panel, Qt.Key.Key_Delete) if panel.table.hasFocus() else panel.delete_button.click()
        qtbot.waitUntil(lambda: panel.found == [], timeout=WAIT_MS)
        assert "Blue van" in panel.notice.text()
        assert not panel.grab().isNull()
        panel.notice._do()
        qtbot.waitUntil(lambda: [mark.header for mark in panel.found] == ["Blue van"], timeout=WAIT_MS)
        assert failures == []
        window.close()
        wait_for_jobs()
    room.quick(camera, AT)  # signed out: it is said, not swallowed
    qtbot.waitUntil(lambda: bool(failures), timeout=WAIT_MS)
    room.store.rest()
    wait_for_jobs()
