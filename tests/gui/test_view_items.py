"""Hotspot, carousel, picture and text in a view: shown, turned by hand and by time, and set up by an operator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QEnterEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from common.foundation.ids import DeviceId
from smartclient.app.hotspots import Hotspots
from smartclient.live.carousel import CarouselTurn
from smartclient.live.faces import Face
from smartclient.live.grid import TileGrid
from smartclient.live.snapshot import Snapshots
from smartclient.live.tile_acts import TileActs
from smartclient.site.snapshot import Site, SiteCamera
from smartclient.video.engine import VideoEngine
from smartclient.views.item_dialogs import CarouselDialog, TextDialog
from smartclient.views.items import (
    MOST_PICTURE_BYTES,
    Carousel,
    Hotspot,
    Picture,
    Unknown,
    Writing,
    content_of,
    item_from,
)
from smartclient.views.layouts import square
from smartclient.views.set_up import SetUp

WAIT_MS = 10_000
A, B, C = ("a", "b", "c")
HOTSPOT = content_of(Hotspot())


@pytest.fixture
def grid(qtbot: QtBot, engine: VideoEngine) -> Iterator[TileGrid]:
    made = a_grid(qtbot, engine)
    yield made
    made.release()


def a_grid(qtbot: QtBot, engine: VideoEngine) -> TileGrid:
    made = TileGrid(engine, recorded=False)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show_site(Site(cameras=tuple(camera(key) for key in (A, B, C))))
    made.show()
    return made


def camera(key: str) -> SiteCamera:
    return SiteCamera(DeviceId(key), f"Camera {key.upper()}", "")


def turn_of(grid: TileGrid, place: int) -> CarouselTurn:
    turn = grid.standing.turn(place)
    assert turn is not None
    return turn


def test_a_hotspot_shows_what_is_selected_in_any_window(qtbot: QtBot, engine: VideoEngine, grid: TileGrid) -> None:
    other = a_grid(qtbot, engine)
    hotspots = Hotspots(grid)
    hotspots.join(grid, other)
    said: list[str] = []
    hotspots.said.connect(said.append)
    other.show_view(square(2), (C, B))
    grid.show_view(square(2), (HOTSPOT, A, B, ""))
    grid.select(1)
    assert (grid.camera_at(0), grid.tiles[0].camera) == (A, A)
    assert not grid.tiles[0].faced
    other.select(1)
    assert grid.tiles[0].camera == B
    grid.select(3)  # empty: the hotspot stays
    assert grid.tiles[0].camera == B
    assert grid.shown_cameras() == (B, A)
    hotspots.go_to(grid)
    assert (grid.selected_tile.place, grid.selected_camera) == (0, B)
    hotspots.go_to(other)
    assert len(said) == 1
    assert "F10" in said[0]
    assert grid.cameras[0] == HOTSPOT  # that is what is kept of the view
    grid.remove_selected()
    assert grid.tiles[0].camera == ""
    other.release()


def test_a_carousel_turns_by_time_and_waits_under_the_pointer(grid: TileGrid) -> None:
    grid.show_view(square(1), (content_of(Carousel((A, "gone", B, C), 3)),))
    tile, turn = grid.tiles[0], turn_of(grid, 0)
    assert (tile.camera, turn.count) == (A, 3)
    for _ in range(3):
        turn.tick()
    assert tile.camera == B
    QApplication.sendEvent(tile, QEnterEvent(QPointF(9, 9), QPointF(9, 9), QPointF(9, 9)))
    for _ in range(9):
        turn.tick()
    assert tile.camera == B
    on = tile.findChild(QToolButton, "carousel_next")
    assert on.isVisible()
    on.click()
    assert (tile.camera, turn.bar.which.text()) == (C, "3 / 3")
    acts = TileActs(lambda: grid, (grid,), Snapshots(grid._engine, parent=grid), grid).by_name()
    acts["carousel_on"]()
    acts["carousel_back"]()
    acts["carousel_back"]()
    assert tile.camera == B
    QApplication.sendEvent(tile, QEvent(QEvent.Type.Leave))
    assert not on.isVisible()
    for _ in range(3):
        turn.tick()
    assert tile.camera == C
    grid.show_site(Site(cameras=(camera(B),)))  # two of them are deleted
    assert tile.camera == B
    grid.show_site(Site())
    assert tile.camera == ""
    assert tile.faced


def test_pictures_and_texts_cover_their_tiles_and_unknown_things_are_kept(
    qtbot: QtBot, grid: TileGrid, tmp_path: Path
) -> None:
    red = QImage(40, 30, QImage.Format.Format_RGB32)
    red.fill(QColor("red"))
    red.save(str(tmp_path / "red.png"))
    picture = content_of(Picture((tmp_path / "red.png").read_bytes(), "red.png"))
    text = content_of(Writing("# Gate\n* ring 12 ![x](file:///etc/passwd)", True, 24))
    strange = '{"item":"map","at":[1,2]}'
    broken = content_of(Picture(b"no picture"))
    grid.show_view(square(2), (picture, text, strange, broken))

    def middle() -> QColor:
        shot = grid.tiles[0].grab().toImage()
        return shot.pixelColor(shot.width() // 2, shot.height() // 2)

    qtbot.waitUntil(lambda: middle() == QColor("red"), timeout=WAIT_MS)
    faces = [tile.findChild(Face) for tile in grid.tiles[:4]]
    assert all(face.isVisible() for face in faces)
    assert isinstance(faces[2].item, Unknown)
    assert "map" in faces[2].accessibleName()
    grid.toggle_maximised(1)
    assert grid.maximised
    grid.restore()
    grid.swap(1, 2)
    assert grid.cameras[:4] == (picture, strange, text, broken)
    grid.put(0, A)
    assert not grid.tiles[0].faced
    assert grid.tiles[0].camera == A


def test_items_are_put_into_places_in_set_up_mode(qtbot: QtBot, grid: TileGrid, tmp_path: Path) -> None:
    grid.show_view(square(2), (A, B))
    editor = SetUp(grid, lambda _: True)
    menu = editor.choice.menu(None, A)
    {action.objectName(): action for action in menu.actions()}["item_hotspot"].trigger()
    assert editor.cameras[0] == HOTSPOT
    QTest.keyClick(editor, Qt.Key.Key_Right)
    editor.choice.ask_carousel(None, B)
    dialog = editor.findChild(CarouselDialog)
    dialog.more.setCurrentText("camera c")
    dialog.add.click()
    dialog.list.shift(-1)
    dialog.seconds.setValue(20)
    dialog.accept()
    assert item_from(editor.cameras[1]) == Carousel((C, B), 20)
    editor._drop_on(1, [A, B])
    assert item_from(editor.cameras[1]) == Carousel((C, B, A), 20)
    QTest.keyClick(editor, Qt.Key.Key_F2)
    again = next(each for each in editor.findChildren(CarouselDialog) if each.isVisible())
    while again.list.count():
        again.list.setCurrentRow(0)
        QTest.keyClick(again.list, Qt.Key.Key_Delete)
    again.accept()
    assert again.isVisible()  # without a camera it says what is missing
    again.reject()

    QTest.mouseClick(editor, Qt.MouseButton.LeftButton, pos=QPoint(200, 450))
    editor.choice.ask_text(None)
    written = editor.findChild(TextDialog)
    written.text.setPlainText("Ring 12 at night")
    written.accept()
    assert item_from(editor.cameras[2]) == Writing("Ring 12 at night")

    noise = QImage.fromData(b"P6 1200 900 255\n" + bytes(range(256)) * 12_657)  # large, and hard to pack as PNG
    assert not noise.isNull()
    noise.save(str(tmp_path / "plan.bmp"))
    QTest.mouseClick(editor, Qt.MouseButton.LeftButton, pos=QPoint(700, 450))
    editor.choice.put_picture(tmp_path / "plan.bmp")
    qtbot.waitUntil(lambda: bool(editor.cameras[3]), timeout=WAIT_MS)
    picture = item_from(editor.cameras[3])
    assert isinstance(picture, Picture)
    assert 0 < len(picture.data) <= MOST_PICTURE_BYTES
    (tmp_path / "words.png").write_text("no picture")
    editor.choice.put_picture(tmp_path / "words.png")
    qtbot.waitUntil(lambda: "words.png" in editor.hint.text(), timeout=WAIT_MS)
    huge = content_of(Picture(bytes(MOST_PICTURE_BYTES)))
    editor.put(0, huge)
    editor.put(1, huge)
    assert editor.cameras[1] != huge  # more than a server takes: said, and not done
    assert "too large" in editor.hint.text()
    editor.do_undo()
    editor.finish(keep=True)
    assert grid.cameras[0] == HOTSPOT
    assert isinstance(grid.standing.item(1), Carousel)
