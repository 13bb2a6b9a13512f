"""Instant replay and playback in one tile of a live view, and snapshots, against a real media server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QEnterEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QToolButton, QWidget
from pytestqt.qtbot import QtBot

from common.foundation.errors import VmsError
from common.ui.off_thread import wait_for_jobs
from smartclient.live.grid import TileGrid
from smartclient.live.hover_bar import HoverBar
from smartclient.live.own_time import OwnTimeBar
from smartclient.live.snapshot import Snapshots
from smartclient.live.tile import Tile
from smartclient.live.tile_acts import TileActs
from smartclient.site.snapshot import read_site
from smartclient.video.engine import VideoEngine
from smartclient.video.slots import PictureFlags
from smartclient.views.layouts import square
from tests.support.smartclient_rig import CAMERA, CAMERA_2, RunningRecorder, SiteClient, running_recorder

WAIT_MS = 30_000
S = 1_000_000


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RunningRecorder]:
    with running_recorder(tmp_path, recorded_s=90) as running:
        yield running


@pytest.fixture
def grid(qtbot: QtBot, engine: VideoEngine, recorder: RunningRecorder) -> TileGrid:
    site = read_site(SiteClient(recorder.uri))  # type: ignore[arg-type]  # as much of it
    engine.set_recorders(site.media_uris(), "")
    engine.set_token("viewers")
    made = TileGrid(engine, recorded=False)
    qtbot.addWidget(made)
    made.resize(900, 500)
    made.show()
    made.show_site(site)
    made.show_view(square(2), (CAMERA, CAMERA_2))
    qtbot.waitUntil(
        lambda: shows(made.tiles[0], recorded=False) and shows(made.tiles[1], recorded=False), timeout=WAIT_MS
    )
    return made


def shows(tile: Tile, *, recorded: bool) -> bool:
    info = None if tile.feed is None else tile.feed.info
    return info is not None and bool(info.flags & PictureFlags.RECORDED) == recorded


def at_us(tile: Tile) -> int:
    assert tile.feed is not None
    assert tile.feed.info is not None
    return int(tile.feed.info.utc_us)


def bar_of(tile: Tile) -> OwnTimeBar:
    found: QWidget | None = tile.findChild(QWidget, "own_time_bar")
    assert isinstance(found, OwnTimeBar)
    return found


def test_one_tile_plays_what_was_and_the_others_stay_live(qtbot: QtBot, grid: TileGrid) -> None:
    first, second = grid.tiles[:2]
    grid.select(0)
    acts = TileActs(lambda: grid, (grid,), Snapshots(grid._engine), grid).by_name()
    acts["replay"]()
    assert first.own is not None
    own = first.own
    qtbot.waitUntil(lambda: shows(first, recorded=True), timeout=WAIT_MS)
    age_us = own.now_us() - at_us(first)
    assert 20 * S < age_us < 32 * S
    before = at_us(first)
    qtbot.waitUntil(lambda: at_us(first) > before + S // 5, timeout=WAIT_MS)  # it plays
    assert shows(second, recorded=False)
    bar = bar_of(first)
    qtbot.waitUntil(lambda: bar.time.text() != "", timeout=WAIT_MS)

    acts["own_play_pause"]()
    assert not own.master.playing
    acts["own_back"]()
    qtbot.waitUntil(lambda: own.now_us() - at_us(first) > 30 * S, timeout=WAIT_MS)
    bar.go_to.setText("-10s")
    bar.go_to.returnPressed.emit()
    qtbot.waitUntil(lambda: own.now_us() - at_us(first) > 40 * S, timeout=WAIT_MS)
    bar.go_to.setText("when pigs fly")
    bar.go_to.returnPressed.emit()
    assert "14:03" in bar.go_to.toolTip()

    assert first.end_own()
    assert not first.end_own()
    qtbot.waitUntil(lambda: shows(first, recorded=False), timeout=WAIT_MS)
    assert first.findChild(OwnTimeBar) is None or not first.findChild(OwnTimeBar).isVisible()


def test_the_buttons_on_a_tile_do_the_same(qtbot: QtBot, grid: TileGrid) -> None:
    acts = TileActs(lambda: grid, (grid,), Snapshots(grid._engine), grid)
    second = grid.tiles[1]
    second.enterEvent(QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))
    hover = second.findChild(HoverBar)
    assert hover.isVisible()
    assert all(button.toolTip() and not button.icon().isNull() for button in hover.findChildren(QToolButton))
    hover.findChild(QToolButton, "hover_replay").click()
    assert grid.selected_tile is second
    assert second.own is not None
    second.leaveEvent(QEvent(QEvent.Type.Leave))
    assert not hover.isVisible()
    del acts


def test_a_replay_that_has_caught_up_is_live_again(qtbot: QtBot, grid: TileGrid) -> None:
    tile = grid.tiles[0]
    tile.play_own(3 * S, replay=True)
    assert tile.own is not None
    qtbot.waitUntil(lambda: tile.own is None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: shows(tile, recorded=False), timeout=WAIT_MS)


def test_two_tiles_have_times_of_their_own_and_another_camera_ends_one(qtbot: QtBot, grid: TileGrid) -> None:
    first, second = grid.tiles[:2]
    grid.put(1, CAMERA)
    qtbot.waitUntil(lambda: shows(second, recorded=False), timeout=WAIT_MS)
    first.play_own(60 * S)
    second.play_own(30 * S)
    qtbot.waitUntil(lambda: shows(first, recorded=True) and shows(second, recorded=True), timeout=WAIT_MS)
    assert 20 * S < at_us(second) - at_us(first) < 40 * S
    grid.put(0, CAMERA_2)
    assert first.own is None
    qtbot.waitUntil(lambda: shows(first, recorded=False), timeout=WAIT_MS)
    assert second.own is not None
    grid.all_live()
    qtbot.waitUntil(lambda: shows(second, recorded=False), timeout=WAIT_MS)


def test_a_snapshot_has_the_size_of_the_stream(
    qtbot: QtBot, grid: TileGrid, engine: VideoEngine, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    snapshots = Snapshots(engine, folder, grid)
    acts = TileActs(lambda: grid, (grid,), snapshots, grid).by_name()
    grid.select(0)
    with qtbot.waitSignal(snapshots.saved, timeout=WAIT_MS) as saved:
        acts["snapshot"]()
        acts["snapshot"]()  # impatient
    path = saved.args[0]
    image = QImage(str(path))
    assert (image.width(), image.height()) == (160, 96)
    assert path.name.startswith("Entrance 20")
    assert image.text("Camera") == "Entrance"
    assert QGuiApplication.clipboard().image().size() == image.size()

    grid.tiles[0].play_own(30 * S)
    qtbot.waitUntil(lambda: shows(grid.tiles[0], recorded=True), timeout=WAIT_MS)
    with qtbot.waitSignal(snapshots.saved, timeout=WAIT_MS) as saved:
        acts["snapshot"]()
    assert saved.args[0] != path
    assert len(list(folder.iterdir())) == 2

    grid.select(3)  # empty
    acts["snapshot"]()
    wait_for_jobs()
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_told(
    qtbot: QtBot, grid: TileGrid, engine: VideoEngine, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    snapshots = Snapshots(engine, tmp_path / "file", grid)
    with qtbot.waitSignal(snapshots.failed, timeout=WAIT_MS) as failed:
        snapshots.take(grid.tiles[0].feed.source, "Gate: a/b")  # type: ignore[union-attr]  # it has one
    assert isinstance(failed.args[0], VmsError)
