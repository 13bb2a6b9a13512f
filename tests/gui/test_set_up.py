"""Set-up mode: layouts are changed by mouse and keyboard, and kept or not."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from common.ui.item_model import ITEM_MIME
from smartclient.live.grid import TileGrid
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import Place, square
from smartclient.views.set_up import SetUp

NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def grid(qtbot: QtBot, qapp: QApplication) -> Iterator[TileGrid]:
    engine = VideoEngine(processes=1)
    made = TileGrid(engine, recorded=False)
    made.resize(802, 602)
    made.show_view(square(2), ("a", "b", "c", ""))
    qtbot.addWidget(made)
    made.show()
    yield made
    made.release()
    engine.close()


def test_an_edge_is_dragged_and_taken_back(grid: TileGrid) -> None:
    editor = SetUp(grid, lambda _: True)
    start = QPoint(401, 500)
    QTest.mousePress(editor, Qt.MouseButton.LeftButton, NONE, start)
    QTest.mouseMove(editor, QPoint(540, 500))
    QTest.mouseRelease(editor, Qt.MouseButton.LeftButton, NONE, QPoint(540, 500))
    assert [place.width for place in editor.layout_now] == [500, 500, 666, 334]  # snapped to two thirds
    assert grid.arrangement == square(2)  # nothing happens to the view before it is kept
    QTest.keyClick(editor, Qt.Key.Key_Z, CONTROL)
    assert editor.layout_now == square(2)
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    assert grid.arrangement == square(2)
    assert editor.isHidden()


def test_places_are_split_merged_and_filled_by_keyboard(qtbot: QtBot, grid: TileGrid) -> None:
    editor = SetUp(grid, lambda key: key != "x")
    kept: list[bool] = []
    editor.finished.connect(kept.append)
    QTest.keyClick(editor, Qt.Key.Key_Right)
    assert editor.selected == 1
    QTest.keyClick(editor, Qt.Key.Key_Down, CONTROL)
    assert editor.layout_now == (Place(0, 0, 500, 500), Place(500, 0, 500, 1000), Place(0, 500, 500, 500))
    assert editor.cameras == ("a", "b", "c")
    QTest.keyClick(editor, Qt.Key.Key_V)
    assert editor.cameras == ("a", "b", "c", "")
    QTest.keyClick(editor, Qt.Key.Key_Left)
    QTest.keyClick(editor, Qt.Key.Key_Right, SHIFT)
    assert editor.layout_now[0].width == 510
    QTest.keyClick(editor, Qt.Key.Key_Delete)
    assert editor.cameras[0] == ""
    drop(editor, QPointF(700, 550), '["x", "d"]')
    assert editor.cameras == ("", "b", "c", "d")
    layout = editor.layout_now
    assert not editor.grab().isNull()
    done = editor.findChild(QPushButton, "setup_done")
    assert done is not None
    done.click()
    assert kept == [True]
    assert grid.arrangement == layout
    assert grid.cameras[:5] == ("", "b", "c", "d", "")


def drop(editor: SetUp, at: QPointF, keys: str) -> None:
    data = QMimeData()
    data.setData(ITEM_MIME, keys.encode())
    left, move = Qt.MouseButton.LeftButton, Qt.DropAction.MoveAction
    QApplication.sendEvent(editor, QDragEnterEvent(at.toPoint(), move, data, left, NONE))
    QApplication.sendEvent(editor, QDropEvent(at, move, data, left, NONE))
