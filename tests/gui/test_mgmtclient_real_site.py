"""The Management Client against the demo's real servers and a real RTSP camera: test picture, add, change, remove."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from common.foundation.clock import SystemClock
from common.ui.off_thread import wait_for_jobs
from mgmtclient.app.window import MainWindow
from mgmtclient.hardware.add_camera import AddCameraDialog
from smartclient.app.window import SmartClientWindow
from smartclient.options.views import SavedViews
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import square
from smartclient.windows.saved import SavedDesks
from tests.support.demo_site import DemoSite, demo_site
from tests.support.rtsp_cameras import RtspCamera, gstreamer_is_here, rtsp_camera

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not gstreamer_is_here(), reason="GStreamer's RTSP server is not installed"),
]

WAIT_MS = 30_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with demo_site(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspCamera]:
    with rtsp_camera(audio="aac", auth="digest", transport="tcp") as running:
        yield running


@pytest.fixture
def window(qtbot: QtBot, demo: DemoSite) -> Iterator[MainWindow]:
    with demo.session() as session:
        made = MainWindow(session)

        def end(_: object) -> None:
            made._timer.stop()
            wait_for_jobs()

        qtbot.addWidget(made, before_close_func=end)
        made.show()
        qtbot.waitUntil(lambda: made.pages.currentWidget() is not made.loading, timeout=WAIT_MS)
        yield made
        end(None)


@pytest.fixture
def fill(qtbot: QtBot, window: MainWindow) -> Callable[..., AddCameraDialog]:
    """Open the dialog, or take the open one, and type into it."""

    def typed(address: str, user: str = "", password: str = "", transport: str = "auto") -> AddCameraDialog:
        if window.add_dialog is None:
            window.actions_.named["add"].trigger()
        dialog = window.add_dialog
        assert dialog is not None
        for field, text in (
            (dialog.address_edit, address),
            (dialog.user_edit, user),
            (dialog.password_edit, password),
        ):
            field.selectAll()
            qtbot.keyClick(field, Qt.Key.Key_Delete)
            qtbot.keyClicks(field, text)
        dialog.transport_box.setCurrentIndex(dialog.transport_box.findData(transport))
        return dialog

    return typed


def try_picture(qtbot: QtBot, dialog: AddCameraDialog) -> str:
    """Press "Test picture" and return what is said in the end, "" when there is a picture."""
    dialog.test_button.click()
    assert not dialog.test_button.isEnabled()
    qtbot.waitUntil(dialog.test_button.isEnabled, timeout=WAIT_MS)
    if dialog.picture_notice.isVisible():
        assert dialog.picture.pixmap().isNull()
        return dialog.picture_notice.text()
    assert dialog.picture.pixmap().width() > 0
    return ""


@contextmanager
def watching(qtbot: QtBot, demo: DemoSite, camera: str, folder: Path) -> Iterator[Callable[[bool], None]]:
    """Watch a camera in the Smart Client; call with True to wait for a new live picture, False until it is gone."""
    engine = VideoEngine(processes=1)
    with demo.session() as session:
        smart = SmartClientWindow(
            session, engine, SavedViews(folder / "views.json"), SavedDesks(folder / "windows.json")
        )
        qtbot.addWidget(smart)
        smart.live_grid.set_arrangement(square(1))
        smart.live_grid.put(0, camera)
        smart.show()
        tile = smart.live_grid.tiles[0]

        def wait(there: bool) -> None:
            if there:
                since_us = SystemClock().now_us()
                qtbot.waitUntil(
                    lambda: tile.feed is not None and tile.feed.info is not None and tile.feed.info.utc_us > since_us,
                    timeout=WAIT_MS,
                )
                assert not tile.said.headline
            else:
                qtbot.waitUntil(lambda: tile.camera == "", timeout=WAIT_MS)

        yield wait
        smart.close()
        wait_for_jobs()
    engine.close()
    engine.deleteLater()


def test_a_test_picture_comes_or_the_reason_is_said(
    qtbot: QtBot, fill: Callable[..., AddCameraDialog], camera: RtspCamera
) -> None:
    dialog = fill("simulator:gate")
    assert try_picture(qtbot, dialog) == ""
    assert "H.264" in dialog.facts.text()
    assert try_picture(qtbot, fill(camera.url, "operator", "right", "tcp")) == ""
    assert dialog.facts.text() == "Video: H.264, 640 × 360, 25 fps\nSound: AAC, 48 kHz"
    said = try_picture(qtbot, fill(camera.url, "operator", "wrong"))
    assert "does not let Vedette in" in said
    assert "user name and password" in said
    said = try_picture(qtbot, fill(camera.url.replace("/cam", "/nothing"), "operator", "right"))
    assert "path" in said
    said = try_picture(qtbot, fill("rtsp://127.0.0.1:1/cam"))
    assert "127.0.0.1:1 cannot be reached (Connection refused)" in said
    said = try_picture(qtbot, fill("rtsp://no-such-camera.invalid/cam"))
    assert "no-such-camera.invalid" in said
    dialog.address_edit.clear()
    qtbot.keyClicks(dialog.address_edit, "simulator:yard")
    assert not dialog.picture_notice.isVisible()  # what was said of another address is not said of this one
    dialog.reject()


def test_a_camera_is_added_seen_renamed_disabled_and_removed(
    qtbot: QtBot,
    window: MainWindow,
    fill: Callable[..., AddCameraDialog],
    camera: RtspCamera,
    demo: DemoSite,
    tmp_path: Path,
) -> None:
    dialog = fill(camera.url, "operator", "right", "tcp")
    qtbot.keyClicks(dialog.name_edit, "Gate")
    with qtbot.waitSignal(window.changes.made, timeout=WAIT_MS):
        dialog.add_button.click()
    client = window._session.client
    hardware = next(item for item in client.hardware() if item.name == "Gate")
    assert client.item("hardware", hardware.id)["transport"] == "tcp"
    key = f"hardware:{hardware.id}"
    qtbot.waitUntil(lambda: window.tree.current_key() == key and window.page.key() == key, timeout=WAIT_MS)

    device = next(item.id for item in client.cameras() if item.hardware_id == hardware.id)
    with watching(qtbot, demo, device, tmp_path) as show:
        show(True)

        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
        window.actions_.named["rename"].trigger()
        editor = window.tree.view.viewport().findChild(QLineEdit)
        assert editor is not None
        editor.setText("North gate")
        with qtbot.waitSignal(window.changes.made, timeout=WAIT_MS):
            qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert client.item("hardware", hardware.id)["name"] == "North gate"
        qtbot.waitUntil(lambda: window.page.line("name").value() == "North gate", timeout=WAIT_MS)

        with qtbot.waitSignal(window.changes.made, timeout=WAIT_MS):
            window.actions_.named["disable"].trigger()
        show(False)
        qtbot.waitUntil(window.actions_.named["enable"].isEnabled, timeout=WAIT_MS)
        with qtbot.waitSignal(window.changes.made, timeout=WAIT_MS):
            window.actions_.named["enable"].trigger()
        show(True)

    window.actions_.named["remove"].trigger()
    assert window.question is not None
    assert window.question.windowTitle() == "Remove North gate?"
    with qtbot.waitSignal(window.changes.made, timeout=WAIT_MS):
        window.question.action_button.click()
    assert hardware.id not in [item.id for item in client.hardware()]
    qtbot.waitUntil(lambda: not window.tree.select(key), timeout=WAIT_MS)
