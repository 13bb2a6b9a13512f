"""Views on a real management server: made, opened, numbered, ordered, deleted and brought back."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from common.clients.management import ManagementClient
from common.clients.views import SiteViews
from common.ui.item_model import ITEM_MIME
from common.ui.off_thread import wait_for_jobs
from smartclient.live.grid import TileGrid
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import UNEVEN, square
from smartclient.views.room import ViewRoom
from tests.support.management_rig import Management, managing

WAIT_MS = 20_000
GATE, YARD = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Management]:
    with managing(tmp_path_factory.mktemp("views")) as running:
        running.add_operator()
        running.add_operator("piet")
        yield running


@pytest.fixture
def grid(qtbot: QtBot, qapp: QApplication) -> Iterator[TileGrid]:
    engine = VideoEngine(processes=1)
    made = TileGrid(engine, recorded=False)
    qtbot.addWidget(made)
    yield made
    made.release()
    engine.close()


@pytest.fixture
def sign_in(server: Management, grid: TileGrid, qtbot: QtBot) -> Iterator[Callable[[str], ViewRoom]]:
    clients: list[ManagementClient] = []

    def make(user: str) -> ViewRoom:
        clients.append(server.client(user))
        room = ViewRoom(clients[-1], grid, grid)
        room.opened.connect(grid.show_view)
        qtbot.addWidget(room.panel)
        room.panel.resize(260, 400)
        room.panel.show()
        room.store.refresh()
        qtbot.waitUntil(lambda: bool(room.store.tree.user), timeout=WAIT_MS)
        return room

    yield make
    wait_for_jobs()
    for client in clients:
        for group in SiteViews(client).tree().groups:
            client.rest("DELETE", f"/viewGroups/{group.id}")
        client.close()


def names(room: ViewRoom) -> list[str]:
    return [view.name for view in room.store.tree.views]


def test_a_private_view_is_kept_opened_changed_and_undone(
    qtbot: QtBot, grid: TileGrid, sign_in: Callable[[str], ViewRoom]
) -> None:
    olga, piet = sign_in("olga"), sign_in("piet")
    failures: list[object] = []
    olga.store.failed.connect(failures.append)
    assert not olga.panel.hint.isHidden()
    grid.show_view(UNEVEN["1 + 5"], (GATE, "", YARD))
    olga.panel.buttons["new_view"].click()
    qtbot.waitUntil(lambda: names(olga) == ["View 1"], timeout=WAIT_MS)
    (view,) = olga.store.tree.views
    assert olga.store.tree.is_private(view.group)
    assert olga.open_view == view
    assert olga.panel.tree.current_key() == view.id
    assert olga.panel.hint.isHidden()
    grid.show_view(square(2), (YARD,))
    grid.put(1, GATE)
    assert olga.panel.buttons["save"].isEnabled()
    olga.numbers.digit(7)  # no view has it: said, and nothing happens
    assert grid.cameras[:2] == (YARD, GATE)
    olga.open(view.id)
    assert grid.arrangement == UNEVEN["1 + 5"]
    assert grid.cameras[:3] == (GATE, "", YARD)
    assert not olga.panel.buttons["save"].isEnabled()
    grid.put(1, YARD)
    olga.save()
    qtbot.waitUntil(lambda: not olga.panel.buttons["save"].isEnabled(), timeout=WAIT_MS)
    olga.panel.buttons["undo"].click()
    qtbot.waitUntil(lambda: olga.open_view == view, timeout=WAIT_MS)
    piet.store.refresh()
    wait_for_jobs()
    qtbot.wait(10)
    assert piet.store.tree.views == ()
    assert not failures


def test_views_are_numbered_ordered_copied_deleted_and_brought_back(
    qtbot: QtBot, grid: TileGrid, sign_in: Callable[[str], ViewRoom]
) -> None:
    room = sign_in("olga")
    gone: list[str] = []
    room.deleted.connect(gone.append)
    for count in (1, 2, 3):
        grid.show_view(square(count), (GATE,))
        room.new_view(room.panel.tree.current_key())
        qtbot.waitUntil(lambda count=count: len(names(room)) == count, timeout=WAIT_MS)
    one, two, three = room.store.tree.views
    room.panel.number_asked.emit(one.id, "1")
    room.panel.number_asked.emit(two.id, "12")
    qtbot.waitUntil(lambda: [view.shortcut for view in room.store.tree.views] == ["1", "12", ""], timeout=WAIT_MS)
    room.numbers.digit(1)
    room.numbers.digit(2)
    assert room.open_view is not None
    assert room.open_view.id == two.id
    room.numbers.digit(1)
    qtbot.waitUntil(lambda: grid.arrangement == square(1), timeout=WAIT_MS)

    tree = room.panel.tree
    tree.select(three.id)
    tree.view.setFocus()
    QTest.keyClick(tree.view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: names(room) == ["View 1", "View 3", "View 2"], timeout=WAIT_MS)
    drop_on(room, two.id, one.id)
    qtbot.waitUntil(lambda: names(room) == ["View 2", "View 1", "View 3"], timeout=WAIT_MS)
    room.panel.asked.emit("duplicate", two.id)
    qtbot.waitUntil(lambda: names(room)[-1] == "View 2 (copy)", timeout=WAIT_MS)
    room.panel.rename_asked.emit(three.id, "Night")
    qtbot.waitUntil(lambda: "Night" in names(room), timeout=WAIT_MS)
    before = names(room)
    group = two.group
    tree.select(group)
    QTest.keyClick(tree.view, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: names(room) == [], timeout=WAIT_MS)
    assert gone == ["“My views” is deleted."]
    QTest.keyClick(tree.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: names(room) == before, timeout=WAIT_MS)
    assert {view.shortcut for view in room.store.tree.views} == {"1", "12", ""}


def drop_on(room: ViewRoom, moved: str, target: str) -> None:
    tree = room.panel.tree
    tree.select(target)
    at = tree.view.visualRect(tree.view.currentIndex()).center()
    data = QMimeData()
    data.setData(ITEM_MIME, f'["{moved}"]'.encode())
    none = Qt.KeyboardModifier.NoModifier
    left, move = Qt.MouseButton.LeftButton, Qt.DropAction.MoveAction
    QApplication.sendEvent(tree.view.viewport(), QDragEnterEvent(at, move, data, left, none))
    QApplication.sendEvent(tree.view.viewport(), QDropEvent(at.toPointF(), move, data, left, none))


def test_shared_views_need_a_right_and_garbage_is_said(
    qtbot: QtBot, grid: TileGrid, sign_in: Callable[[str], ViewRoom]
) -> None:
    admin, olga = sign_in("admin"), sign_in("olga")
    admin.panel.tree.select("shared")
    grid.show_view(square(2), (GATE, YARD))
    admin.new_view("shared")
    qtbot.waitUntil(lambda: len(names(admin)) == 1, timeout=WAIT_MS)
    olga.store.refresh()
    qtbot.waitUntil(lambda: names(olga) == names(admin), timeout=WAIT_MS)
    (view,) = olga.store.tree.views
    failures: list[object] = []
    olga.store.failed.connect(failures.append)
    olga.panel.asked.emit("delete", view.id)
    qtbot.waitUntil(lambda: len(failures) == 1, timeout=WAIT_MS)
    assert names(olga) == names(admin)
    menu = olga.panel.menu(view.id)
    assert {"open", "delete", "new_view"} <= {action.objectName() for action in menu.actions()}
    assert isinstance(menu, QMenu)
    said: list[str] = []
    olga.said.connect(said.append)
    SiteViews(admin.store._site._client).change_view(type(view)(view.id, "Broken", view.group, (), "[[[["))
    olga.store.refresh()
    qtbot.waitUntil(lambda: names(olga) == ["Broken"], timeout=WAIT_MS)
    olga.open(view.id)
    assert "Broken" in said[0]
    assert olga.panel.tree.key_at(QPoint(5, 5))
