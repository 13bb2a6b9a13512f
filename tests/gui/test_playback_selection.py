"""A selection that is repeated, and small pictures of recordings, against a real media server."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy, QTest
from pytestqt.qtbot import QtBot

from common.ui.off_thread import wait_for_jobs
from smartclient.playback.page import PlaybackPage
from smartclient.playback.thumbnails import Place, Thumbnails
from smartclient.site.snapshot import Site, read_site
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import square
from tests.support.smartclient_rig import CAMERA, CAMERA_2, SiteClient, running_recorder

WAIT_MS = 30_000


def site_at(engine: VideoEngine, uri: str) -> Site:
    site = read_site(SiteClient(uri))  # type: ignore[arg-type]  # as much of it
    engine.set_recorders(site.media_uris(), "")
    engine.set_token("viewers")
    return site


def test_a_selection_is_repeated_and_small_pictures_come(qtbot: QtBot, engine: VideoEngine, tmp_path: Path) -> None:
    with running_recorder(tmp_path, recorded_s=60, gap_s=30, live=False) as recorder:
        site = site_at(engine, recorder.uri)
        page = PlaybackPage(engine)
        qtbot.addWidget(page)
        page.resize(1000, 600)
        page.show()
        page.grid.show_view(square(1), (CAMERA,))
        page.show_site(site)
        qtbot.waitUntil(lambda: len(page.spans.of(CAMERA)) == 2, timeout=WAIT_MS)
        (first, first_end), (second, _) = page.spans.of(CAMERA)

        page.master.seek(first + 2_000_000)
        page.selection.mark_in()
        page.master.seek(first + 4_000_000)
        page.selection.mark_out()
        assert page.selection.span == (first + 2_000_000, first + 4_000_000)
        assert page.timeline.selection == page.selection.span
        assert page.transport.selected.text() == "2.0 s selected"
        page.transport.loop.click()
        page.master.set_speed(4.0)
        page.master.play()
        spy = QSignalSpy(page.playhead_changed)
        generation = page.master.clock.generation
        qtbot.waitUntil(lambda: page.master.clock.generation >= generation + 3, timeout=WAIT_MS)
        assert spy.count() > 0
        assert first <= page.master.playhead_us <= first + 5_000_000
        page.master.pause()
        page.selection.clear()
        assert not page.transport.loop.isEnabled()

        camera = site.camera(CAMERA)
        assert camera is not None
        inside = Place(camera, first + 3_500_000, first + 4_500_000)
        gap = Place(camera, first_end + 5_000_000, first_end + 6_000_000)
        into_second = Place(camera, first_end + 5_000_000, second + 5_000_000)
        wanted = [inside, gap, into_second]
        thumbnails: Thumbnails = page.thumbnails
        thumbnails.want(wanted)
        qtbot.waitUntil(lambda: all(thumbnails.of(place) is not None for place in wanted), timeout=WAIT_MS)
        shown, empty, later = (thumbnails.of(place) for place in wanted)
        assert shown is not None
        assert shown.image.width() == 160
        assert shown.at_us <= inside.start
        assert empty is not None
        assert empty.image.isNull()
        assert empty.error == ""
        assert later is not None
        assert second <= later.at_us < second + 1_000_000
        page._show_preview(inside.start)
        assert page.preview.isVisible()
        assert not page.grab().isNull()
        page.close()
        page.grid.release()
    wait_for_jobs()


def test_the_explorer_narrows_to_a_moment_and_plays_it(qtbot: QtBot, engine: VideoEngine, tmp_path: Path) -> None:
    with running_recorder(tmp_path, recorded_s=60, gap_s=30, live=False) as recorder:
        site = site_at(engine, recorder.uri)
        page = PlaybackPage(engine)
        qtbot.addWidget(page)
        page.resize(1000, 600)
        page.show()
        page.grid.show_view(square(2), (CAMERA, CAMERA_2))
        page.show_site(site)
        qtbot.waitUntil(lambda: len(page.spans.of(CAMERA)) == 2, timeout=WAIT_MS)
        (first, _), (_, last_end) = page.spans.of(CAMERA)
        page.selection.select((first, last_end))
        page.explore()
        explorer, strips = page.explorer, page.explorer.strips
        assert explorer.isVisible()
        assert not page.grid.isVisible()
        assert explorer.path.span == (first, last_end)
        places = [strips._place(row, column) for row in (0, 1) for column in range(len(strips._parts))]
        qtbot.waitUntil(lambda: all(page.thumbnails.of(place) for place in places), timeout=WAIT_MS)
        shown = [page.thumbnails.of(place) for place in places]
        assert [small is not None and small.image.isNull() for small in shown][len(strips._parts) :] == [True] * len(
            strips._parts
        ), "nothing is recorded of the second camera"
        assert shown[0] is not None
        assert not shown[0].image.isNull()
        assert not explorer.grab().isNull()

        QTest.mouseClick(strips, Qt.MouseButton.LeftButton, pos=strips._cell(0, 1).center())
        narrow = explorer.path.span
        assert (narrow[1] - narrow[0]) * 4 < last_end - first
        QTest.keyClick(strips, Qt.Key.Key_Backspace)
        assert explorer.path.span == (first, last_end)
        for _ in range(4):
            QTest.keyClick(strips, Qt.Key.Key_Right)
        QTest.keyClick(strips, Qt.Key.Key_Down)
        assert strips.current() == (site.camera(CAMERA_2), strips._parts[-1])
        QTest.keyClick(strips, Qt.Key.Key_Up)
        part = strips._parts[-1]
        QTest.keyClick(strips, Qt.Key.Key_Space)
        assert page.grid.isVisible()
        assert page.master.playhead_us == part[0]
        assert page.grid.selected_camera == CAMERA
        page.explore()
        QTest.keyClick(strips, Qt.Key.Key_Escape)
        assert page.grid.isVisible()
        page.close()
        page.grid.release()
    wait_for_jobs()
