"""The Smart Client against a real media server: live, lost, recorded, and processes that die."""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from common.ui.off_thread import wait_for_jobs
from common.ui.session import Session
from smartclient.app.window import SmartClientWindow
from smartclient.live.tile import Tile
from smartclient.options.views import SavedView, SavedViews
from smartclient.playback.spans import Missing, missing_at
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import square
from smartclient.windows.saved import SavedDesks
from tests.support.smartclient_rig import CAMERA, CAMERA_2, SiteClient, running_recorder

WAIT_MS = 30_000


@pytest.fixture
def open_window(qtbot: QtBot, engine: VideoEngine, tmp_path: Path) -> Iterator[Callable[[str], SmartClientWindow]]:
    windows: list[SmartClientWindow] = []

    def make(uri: str) -> SmartClientWindow:
        session = Session(SiteClient(uri), "", "https://test:8443", "anna")  # type: ignore[arg-type]  # as much of it
        window = SmartClientWindow(
            session, engine, SavedViews(tmp_path / "views.json"), SavedDesks(tmp_path / "windows.json")
        )
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        return window

    yield make
    for window in windows:
        window.close()
    wait_for_jobs()
    QApplication.processEvents()


def utc(tile: Tile) -> int:
    assert tile.feed is not None
    return 0 if tile.feed.info is None else tile.feed.info.utc_us


def until_picture(qtbot: QtBot, tile: Tile) -> None:
    qtbot.waitUntil(lambda: tile.feed is not None and tile.feed.info is not None, timeout=WAIT_MS)


def test_live_lost_and_recorder_lost(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path) as recorder:
        window = open_window(recorder.uri)
        first, second = window.live_grid.tiles[:2]
        until_picture(qtbot, first)
        before = utc(first)
        qtbot.waitUntil(lambda: utc(first) > before, timeout=WAIT_MS)
        assert first.said.headline == ""
        recorder.lose(CAMERA_2, "the camera closed the connection")
        qtbot.waitUntil(lambda: second.said.headline.startswith("No signal since"), timeout=WAIT_MS)
        assert second.said.detail == "the camera closed the connection"
    qtbot.waitUntil(lambda: "Recorder 1 lost" in first.said.headline, timeout=WAIT_MS)
    assert not window.grab().isNull()


def test_a_decoder_process_that_is_killed_comes_back(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], engine: VideoEngine, tmp_path: Path
) -> None:
    with running_recorder(tmp_path) as recorder:
        window = open_window(recorder.uri)
        tile = window.live_grid.tiles[0]
        until_picture(qtbot, tile)
        (old,) = engine.pids()
        os.kill(old, 9)
        qtbot.waitUntil(lambda: engine.pids() not in ((old,), ()), timeout=WAIT_MS)
        before = utc(tile)
        qtbot.waitUntil(lambda: utc(tile) > before, timeout=WAIT_MS)


def test_playback_plays_steps_and_goes_back(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path, recorded_s=120, gap_s=60) as recorder:
        window = open_window(recorder.uri)
        until_picture(qtbot, window.live_grid.tiles[0])
        window.show_playback()
        page, tile = window.playback, window.playback.grid.tiles[0]
        assert window.live_grid.tiles[0].feed is None  # hidden tiles are not decoded
        qtbot.waitUntil(lambda: len(page.spans.of(CAMERA)) == 2, timeout=WAIT_MS)
        first_span, second_span = page.spans.of(CAMERA)
        page.master.seek(second_span[0] + 10_010_000)
        goal = second_span[0] + 10_000_000
        qtbot.waitUntil(lambda: tile.feed is not None and utc(tile) == goal, timeout=WAIT_MS)
        for count in (1, 1, -1, 1, -1, -1, -1):
            expected = utc(tile) + count * 40_000
            page.step(count)
            qtbot.waitUntil(lambda expected=expected: utc(tile) == expected, timeout=WAIT_MS)
            qtbot.waitUntil(lambda expected=expected: page.master.playhead_us == expected, timeout=WAIT_MS)
        page.master.play()
        qtbot.waitUntil(lambda: utc(tile) > goal + 1_000_000, timeout=WAIT_MS)
        page.shuttle(-1)
        qtbot.waitUntil(lambda: utc(tile) < goal, timeout=WAIT_MS)
        page.master.pause()
        page.master.seek(first_span[1] + 5_000_000)
        qtbot.waitUntil(lambda: tile.said.headline == "No recording here", timeout=WAIT_MS)
        page.go_to_sequence(1)
        qtbot.waitUntil(lambda: utc(tile) == second_span[0] and tile.said.headline == "", timeout=WAIT_MS)
        page.go_to_first()
        qtbot.waitUntil(lambda: page.master.playhead_us == first_span[0], timeout=WAIT_MS)
        page.go_to_typed("nonsense")
        assert "nonsense" in page.transport.error.text()
        window.show_live()
        until_picture(qtbot, window.live_grid.tiles[0])


def test_the_timeline_tells_why_nothing_is_recorded(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path, recorded_s=120, gap_s=60) as recorder:
        window = open_window(recorder.uri)
        until_picture(qtbot, window.live_grid.tiles[0])
        window.show_playback()
        page = window.playback
        qtbot.waitUntil(lambda: len(page.spans.of(CAMERA)) == 2, timeout=WAIT_MS)
        first_span, second_span = page.spans.of(CAMERA)
        middle = (first_span[1] + second_span[0]) // 2
        missing = missing_at(page.spans.gaps_of(CAMERA), middle)
        assert missing is not None
        assert (missing.start, missing.end) == (first_span[1], second_span[0])
        timeline = page.timeline
        told = Missing(missing.start, missing.end, "device_lost", "It closed the connection.")
        timeline.show_content(dataclasses.replace(timeline.content, gaps=(told,)))
        place = QPointF(timeline.scale.x_px(middle), timeline.height() - 30)
        timeline._hint(_moved_to(place))
        assert "camera lost" in QToolTip.text()
        assert "It closed the connection." in QToolTip.text()
        assert not timeline.grab().isNull()


def _moved_to(place: QPointF) -> QMouseEvent:
    none = Qt.MouseButton.NoButton
    return QMouseEvent(QMouseEvent.Type.MouseMove, place, place, none, none, Qt.KeyboardModifier.NoModifier)


def test_keys_and_tiles(qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path) -> None:
    window = open_window("")
    grid = window.live_grid
    qtbot.waitUntil(lambda: grid.cameras[:2] == (CAMERA, CAMERA_2), timeout=WAIT_MS)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
    grid.setFocus()
    QTest.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert grid.columns == 3
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert grid.selected_camera == CAMERA_2
    QTest.keyClick(window, Qt.Key.Key_Return)
    assert grid.maximised
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not grid.maximised
    grid.swap(0, 1)
    assert grid.cameras[:2] == (CAMERA_2, CAMERA)
    QTest.keyClick(window, Qt.Key.Key_Delete)
    assert grid.cameras[:2] == (CAMERA_2, "")
    window.find_cameras()
    QTest.keyClicks(window.tree.filter, "14")
    assert window.tree.filter.text() == "14"
    assert grid.columns == 3  # typed into the field, not taken as a layout
    views = SavedViews(tmp_path / "views.json")
    qtbot.waitUntil(
        lambda: views.load("https://test:8443", "anna") == SavedView(square(3), grid.cameras), timeout=WAIT_MS
    )


def test_set_up_mode_has_the_keys_while_it_lasts(qtbot: QtBot, open_window: Callable[[str], SmartClientWindow]) -> None:
    window = open_window("")
    grid = window.live_grid
    qtbot.waitUntil(lambda: grid.cameras[:2] == (CAMERA, CAMERA_2), timeout=WAIT_MS)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
    grid.setFocus()
    before = grid.arrangement
    for key in (Qt.Key.Key_F10, Qt.Key.Key_H, Qt.Key.Key_Delete):
        QTest.keyClick(QApplication.focusWidget(), key)
    editor = window.views.editor
    assert editor is not None
    assert len(editor.layout_now) == len(before) + 1
    assert editor.cameras[0] == ""
    assert grid.cameras[0] == CAMERA
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert window.views.editor is None
    assert len(grid.arrangement) == len(before) + 1
    assert not grid.maximised


def test_who_is_faster_than_the_disk_keeps_the_view(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    views = SavedViews(tmp_path / "views.json")
    views.save("https://test:8443", "anna", SavedView(square(3), (CAMERA,)))
    window = open_window("")
    window.live_grid.set_arrangement(square(1))
    window.live_grid.put(0, CAMERA_2)
    mine = SavedView(square(1), window.live_grid.cameras)
    qtbot.waitUntil(lambda: views.load("https://test:8443", "anna") == mine, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(window.watch.site.cameras), timeout=WAIT_MS)
    assert (window.live_grid.columns, window.live_grid.tiles[0].camera) == (1, CAMERA_2)


def test_the_timeline_goes_where_it_is_clicked(qtbot: QtBot, open_window: Callable[[str], SmartClientWindow]) -> None:
    window = open_window("")
    qtbot.waitUntil(lambda: bool(window.watch.site.cameras), timeout=WAIT_MS)
    window.show_playback()
    timeline = window.playback.timeline
    at = timeline.scale.time_at(300)
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(300, timeline.height() - 10))
    assert window.playback.master.playhead_us == at


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None cannot lose references from Python 3.12 on")
def test_this_pyside_keeps_its_references() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one reference to None at each void call, and aborts within seconds."""
    point = QPoint()
    before = sys.getrefcount(None)
    for number in range(1000):
        point.setX(number)
    assert abs(sys.getrefcount(None) - before) < 100


def test_a_picture_that_grows_old_is_greyed_and_says_so(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path) as recorder:
        window = open_window(recorder.uri)
        tile = window.live_grid.tiles[0]
        until_picture(qtbot, tile)
        qtbot.waitUntil(lambda: tile.said.headline == "", timeout=WAIT_MS)
        recorder.silent = True
        qtbot.waitUntil(lambda: tile.said.headline.startswith("Picture"), timeout=WAIT_MS)
        box = tile.rect().adjusted(8, 40, -8, -8)
        seen = tile.grab(box).toImage()
        assert all(
            (pixel := seen.pixelColor(x, 3)).saturation() < 90 or pixel.value() < 40 for x in range(0, seen.width(), 7)
        )
        recorder.silent = False
        qtbot.waitUntil(lambda: tile.said.headline == "", timeout=WAIT_MS)


def test_a_tile_is_zoomed_and_stands_still_when_minimised(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], tmp_path: Path
) -> None:
    with running_recorder(tmp_path) as recorder:
        window = open_window(recorder.uri)
        tile = window.live_grid.tiles[0]
        until_picture(qtbot, tile)
        whole = tile.grab().toImage()
        window.live_grid.setFocus()
        tile.zoom_by(4)
        assert tile.zoom.active
        before = utc(tile)
        qtbot.waitUntil(lambda: utc(tile) > before + 200_000, timeout=WAIT_MS)
        assert tile.grab().toImage() != whole
        window.go_back()
        assert not tile.zoom.active
        window.showMinimized()
        qtbot.waitUntil(lambda: tile.feed is None, timeout=WAIT_MS)
        window.showNormal()
        until_picture(qtbot, tile)


def test_garbage_leaves_the_other_tile_alone_and_mends(
    qtbot: QtBot, open_window: Callable[[str], SmartClientWindow], engine: VideoEngine, tmp_path: Path
) -> None:
    with running_recorder(tmp_path) as recorder:
        window = open_window(recorder.uri)
        broken, other = window.live_grid.tiles[:2]
        until_picture(qtbot, broken)
        until_picture(qtbot, other)
        (pid,) = engine.pids()
        recorder.garbage = True
        before = utc(other)
        qtbot.waitUntil(lambda: utc(other) > before + 2_000_000, timeout=WAIT_MS)
        assert other.said.headline == ""
        recorder.garbage = False
        before = utc(broken)
        qtbot.waitUntil(lambda: utc(broken) > before and broken.said.headline == "", timeout=WAIT_MS)
        assert engine.pids() == (pid,)
