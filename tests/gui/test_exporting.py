"""Exports from the dialog to files on this computer: real recordings, the real export service, real downloads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pyzipper
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from common.foundation.clock import UtcUs
from common.ui.off_thread import wait_for_jobs
from common.ui.session import Session
from smartclient.exporting import room as room_module
from smartclient.exporting.dialog import ExportDialog
from smartclient.exporting.keeper import Progress
from smartclient.exporting.orders import OrderBook
from smartclient.exporting.room import ExportRoom
from smartclient.site.snapshot import read_site
from tests.support.export_rig import exporting_recorder
from tests.support.recorder_rig import CAMERA, CAMERA_2
from tests.support.smartclient_rig import SiteClient

WAIT_MS = 90_000
PASSWORD = "A red van at 14:03"


class OperatorsClient(SiteClient):
    def access_token(self) -> str:
        return "operators"


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QWidget]:
    monkeypatch.setattr(room_module, "default_folder", lambda: tmp_path / "films")
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()
    wait_for_jobs()
    QApplication.processEvents()


def room_for(window: QWidget, uri: str, book: Path) -> ExportRoom:
    client = OperatorsClient(uri)
    room = ExportRoom(Session(client, "", "https://test:8443", "anna"), window, OrderBook(book))  # type: ignore[arg-type]
    room.show_site(read_site(client))  # type: ignore[arg-type]  # as much of it
    return room


def only(room: ExportRoom) -> Progress:
    (progress,) = room.keeper.progress()
    return progress


def ask_for_package(dialog: ExportDialog) -> None:
    dialog.format.setCurrentIndex(dialog.format.findData("package"))
    dialog.password.setText(PASSWORD)
    dialog.repeated.setText("something else")
    dialog.go.click()
    assert dialog.wish is None
    assert "differ" in dialog.repeated_error.text()
    dialog.repeated.setText(PASSWORD)
    dialog.comment.setPlainText("Case 7")


def test_two_cameras_for_three_minutes_with_a_password(qtbot: QtBot, window: QWidget, tmp_path: Path) -> None:
    with exporting_recorder(tmp_path / "recorder", seconds=180) as recorder:
        room = room_for(window, recorder.uri, tmp_path / "orders.json")
        span = (recorder.start_us, recorder.end_us)
        dialog = room.open_dialog([CAMERA, CAMERA_2], span, UtcUs(recorder.end_us))
        assert dialog.go.text() == "Export 3 min"
        ask_for_package(dialog)
        qtbot.waitUntil(lambda: dialog.size_said.text().startswith("About "), timeout=WAIT_MS)
        assert not dialog.grab().isNull()
        dialog.go.click()
        assert dialog.wish is not None
        qtbot.waitUntil(lambda: len(room.keeper.progress()) == 1, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: only(room).state == "done", timeout=WAIT_MS)
        folder = Path(only(room).order.folder)
        assert folder.parent == tmp_path / "films"
        assert folder.name.startswith("Entrance +1 2023-11-14")
        (package,) = folder.glob("*.zip")
        with pyzipper.AESZipFile(package) as archive:
            names = archive.namelist()
            assert "verify.py" in " ".join(names)
            sealed = next(info for info in archive.infolist() if info.flag_bits & 1)
            with pytest.raises(RuntimeError):
                archive.read(sealed, pwd=b"wrong")
            assert archive.read(sealed, pwd=PASSWORD.encode())
        assert PASSWORD not in (tmp_path / "orders.json").read_text()
        room.open_panel().grab()
        room.stop()


def test_an_export_goes_on_after_client_and_recorder_were_restarted(
    qtbot: QtBot, window: QWidget, tmp_path: Path
) -> None:
    book = tmp_path / "orders.json"
    with exporting_recorder(tmp_path / "recorder", seconds=20) as recorder:
        first = room_for(window, recorder.uri, book)
        dialog = first.open_dialog([CAMERA], (recorder.start_us, recorder.end_us), UtcUs(recorder.end_us))
        dialog.name.setText("Gate: night")
        dialog._named("")
        dialog.go.click()
        qtbot.waitUntil(lambda: len(first.keeper.progress()) == 1, timeout=WAIT_MS)
        first.keeper.pause(only(first).order.id)
        qtbot.waitUntil(lambda: only(first).state == "paused", timeout=WAIT_MS)
        first.stop()
        qtbot.waitUntil(book.exists, timeout=WAIT_MS)
        wait_for_jobs()
    away = room_for(window, recorder.uri, book)  # the recorder is not there
    qtbot.waitUntil(lambda: [p.state for p in away.keeper.progress()] == ["away"], timeout=WAIT_MS)
    assert only(away).said
    away.stop()
    with exporting_recorder(tmp_path / "recorder", seconds=20) as recorder:
        again = room_for(window, recorder.uri, book)
        qtbot.waitUntil(lambda: [p.state for p in again.keeper.progress()] == ["paused"], timeout=WAIT_MS)
        again.keeper.resume(only(again).order.id)
        qtbot.waitUntil(lambda: only(again).state == "done", timeout=WAIT_MS)
        folder = Path(only(again).order.folder)
        assert folder.name == "Gate night"
        assert [path.suffix for path in sorted(folder.iterdir())] == [".mp4", ".json"]
        again.keeper.cancel(only(again).order.id)
        assert again.keeper.progress() == []
        assert list(folder.glob("*.mp4")), "what was fetched stays"
        again.stop()
        wait_for_jobs()


def test_what_cannot_be_exported_is_said_at_the_field(qtbot: QtBot, window: QWidget, tmp_path: Path) -> None:
    with exporting_recorder(tmp_path / "recorder", seconds=10) as recorder:
        room = room_for(window, recorder.uri, tmp_path / "orders.json")
        refused: list[object] = []
        room.failed.connect(refused.append)
        hour = 3_600_000_000
        span = (recorder.end_us + hour, recorder.end_us + 2 * hour)
        dialog = room.open_dialog([], span, UtcUs(recorder.end_us + 3 * hour))
        dialog.go.click()
        assert "at least one camera" in dialog.cameras_error.text()
        dialog.cameras.item(0).setCheckState(Qt.CheckState.Checked)
        dialog.end.setText("nonsense")
        dialog.go.click()
        assert "nonsense" in dialog.end_error.text()
        dialog.end.setText(dialog.start.text())
        dialog.go.click()
        assert "after the start" in dialog.end_error.text()
        dialog.end.setText("now")
        dialog.name.setText("///")
        dialog._named("")
        dialog.go.click()
        assert dialog.name_error.text()
        dialog.name.setText("Nothing")
        dialog.go.click()
        qtbot.waitUntil(lambda: bool(refused), timeout=WAIT_MS)  # nothing is recorded then
        assert room.keeper.progress() == []
        room.stop()
