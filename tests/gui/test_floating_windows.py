"""Windows beside the main one, with pictures of a real media server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from common.ui.off_thread import wait_for_jobs
from common.ui.session import Session
from smartclient.app.window import SmartClientWindow
from smartclient.options.views import SavedView, SavedViews
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import square
from smartclient.windows.floating import FloatingWindow
from smartclient.windows.saved import SavedDesks
from tests.support.smartclient_rig import CAMERA, CAMERA_2, SiteClient, running_recorder

WAIT_MS = 30_000


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[str], SmartClientWindow]]:
    engine = VideoEngine(processes=1)
    windows: list[SmartClientWindow] = []

    def make(uri: str) -> SmartClientWindow:
        session = Session(SiteClient(uri), "", "https://test:8443", "anna")  # type: ignore[arg-type]  # as much of it
        views, desks = SavedViews(tmp_path / "views.json"), SavedDesks(tmp_path / "windows.json")
        window = SmartClientWindow(session, engine, views, desks)
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        qtbot.waitUntil(lambda: bool(window.watch.site.cameras), timeout=WAIT_MS)
        return window

    yield make
    for window in windows:
        window.close()
    wait_for_jobs()
    QApplication.processEvents()
    engine.close()
    engine.deleteLater()


def open_floating(window: SmartClientWindow, *cameras: str) -> FloatingWindow:
    made = window.desk.open(SavedView(square(2), cameras), "Gates")
    assert made is not None
    return made


def until_picture(qtbot: QtBot, window: FloatingWindow, place: int = 0) -> None:
    def shown() -> bool:
        feed = window.grid.tiles[place].feed
        return feed is not None and feed.info is not None

    qtbot.waitUntil(shown, timeout=WAIT_MS)


def test_a_window_shows_live_follows_playback_and_stands_still_when_minimised(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path, recorded_s=60) as recorder:
        main = open_window(recorder.uri)
        linked, alone = open_floating(main, CAMERA), open_floating(main, CAMERA)
        alone.link_button.click()
        until_picture(qtbot, linked)
        until_picture(qtbot, alone)
        main.show_playback()
        assert linked.grid is linked.recorded_grid
        assert alone.grid is alone.live_grid
        assert linked.live_grid.tiles[0].feed is None
        until_picture(qtbot, linked)
        main.playback.master.seek(main.playback.now_us() - 30_000_000)
        master = main.playback.master

        def in_step() -> bool:
            feed = linked.recorded_grid.tiles[0].feed
            return feed is not None and feed.info is not None and abs(feed.info.utc_us - master.playhead_us) < 100_000

        qtbot.waitUntil(in_step, timeout=WAIT_MS)
        main.show_live()
        assert linked.grid is linked.live_grid
        until_picture(qtbot, linked)
        alone.showMinimized()
        qtbot.waitUntil(lambda: alone.live_grid.tiles[0].feed is None, timeout=WAIT_MS)
        linked.close()
        qtbot.waitUntil(lambda: main.desk.windows == [alone], timeout=WAIT_MS)


def test_keys_and_full_screen_act_on_their_own_window(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow]
) -> None:
    main = open_window("")
    window = open_floating(main, CAMERA, CAMERA_2)
    before = main.live_grid.arrangement
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
    window.grid.setFocus()
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert window.grid.selected_camera == CAMERA_2
    QTest.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert window.grid.arrangement == square(3)
    assert main.live_grid.arrangement == before
    QTest.keyClick(window, Qt.Key.Key_F11)
    assert window.isFullScreen()
    assert window.bar.isHidden()
    assert not main.isFullScreen()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen()
    QTest.keyClick(window, Qt.Key.Key_Delete)
    assert window.grid.cameras[:2] == (CAMERA, "")
    QTest.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert len(main.desk.windows) == 2
    assert main.desk.windows[1].view.cameras == main.live_grid.cameras[: len(before)]


def test_windows_come_back_with_the_next_session(qtbot: QtBot, open_window: Callable[[str], SmartClientWindow]) -> None:
    main = open_window("")
    first, second = open_floating(main, CAMERA), open_floating(main, CAMERA_2)
    second.link_button.click()
    first.setGeometry(100, 120, 500, 400)
    main.close()
    wait_for_jobs()
    again = open_window("")
    qtbot.waitUntil(lambda: len(again.desk.windows) == 2, timeout=WAIT_MS)
    one, two = again.desk.windows
    assert (one.name, one.linked, one.view.cameras[0]) == ("Gates", True, CAMERA)
    assert (two.name, two.linked, two.view.cameras[0]) == ("Gates", False, CAMERA_2)
    assert one.geometry().getRect() == (100, 120, 500, 400)
