"""The timeline under hand: zoom, throw, select, keys, and a picture that is drawn once for many frames."""

from zoneinfo import ZoneInfo

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from common.foundation.clock import US_PER_S, UtcUs
from smartclient.playback.spans import Missing
from smartclient.playback.timeline import Timeline
from smartclient.playback.timeline_content import Content, Flag

NOW = UtcUs(1_790_000_000 * US_PER_S)
MINUTE_US = 60 * US_PER_S


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    made = Timeline(ZoneInfo("Europe/Berlin"))
    qtbot.addWidget(made)
    made.resize(1000, made.height())
    made.show()
    made.show_range(NOW, 60 * MINUTE_US)
    made.show_content(
        Content(
            selected=((NOW - 25 * MINUTE_US, NOW - 10 * MINUTE_US), (NOW - 5 * MINUTE_US, NOW + 20 * MINUTE_US)),
            all_in_view=((NOW - 28 * MINUTE_US, NOW + 25 * MINUTE_US),),
            audio=((NOW - 5 * MINUTE_US, NOW),),
            gaps=(Missing(NOW - 10 * MINUTE_US, NOW - 5 * MINUTE_US, "disk_full", "Disk D: is full."),),
            bookmarks=(Flag(NOW - 15 * MINUTE_US, NOW - 14 * MINUTE_US, "The red van"),),
            locks=(Flag(NOW + 5 * MINUTE_US, NOW + 10 * MINUTE_US, "Theft"),),
            known=True,
        )
    )
    made.show_time(NOW, UtcUs(NOW + 30 * MINUTE_US), follow=False)
    return made


def test_playing_and_panning_do_not_draw_it_anew(timeline: Timeline) -> None:
    timeline.grab()
    drawn = timeline.picture.drawn
    for second in range(50):
        timeline.show_time(UtcUs(NOW + second * US_PER_S), UtcUs(NOW + 30 * MINUTE_US + second * US_PER_S), follow=True)
        timeline.set_scale(timeline.scale.panned(-5))
        timeline.grab()
    assert timeline.picture.drawn == drawn
    timeline.set_scale(timeline.scale.zoomed(2, 500))
    timeline.grab()
    assert timeline.picture.drawn == drawn + 1


def test_keys_zoom_and_move_when_it_has_the_focus(timeline: Timeline) -> None:
    timeline.setFocus()
    before = timeline.scale
    QTest.keyClick(timeline, Qt.Key.Key_Plus)
    assert timeline.scale.span_us < before.span_us
    QTest.keyClick(timeline, Qt.Key.Key_Minus)
    assert abs(timeline.scale.span_us - before.span_us) <= 1
    QTest.keyClick(timeline, Qt.Key.Key_PageUp)
    assert timeline.scale.start_us < before.start_us
    for _ in range(80):
        QTest.keyClick(timeline, Qt.Key.Key_Plus)
    assert timeline.scale.span_us == US_PER_S
    timeline.grab()
    for _ in range(120):
        QTest.keyClick(timeline, Qt.Key.Key_Minus)
    assert timeline.scale.span_us == 366 * 86_400 * US_PER_S
    timeline.grab()


def _drag(timeline: Timeline, start: int, end: int, modifier: Qt.KeyboardModifier) -> None:
    y = timeline.height() - 10
    QTest.mousePress(timeline, Qt.MouseButton.LeftButton, modifier, QPoint(start, y))
    for step in range(1, 11):
        QTest.mouseMove(timeline, QPoint(start + (end - start) * step // 10, y))
        QApplication.processEvents()
    QTest.mouseRelease(timeline, Qt.MouseButton.LeftButton, modifier, QPoint(end, y))


def test_a_selection_is_dragged_and_its_ends_are_moved(qtbot: QtBot, timeline: Timeline) -> None:
    said: list[object] = []
    timeline.selection_changed.connect(said.append)
    _drag(timeline, 300, 700, Qt.KeyboardModifier.ShiftModifier)
    assert timeline.selection == (timeline.scale.time_at(300), timeline.scale.time_at(700))
    _drag(timeline, 700, 800, Qt.KeyboardModifier.NoModifier)
    assert timeline.selection == (timeline.scale.time_at(300), timeline.scale.time_at(800))
    assert said[-1] == timeline.selection
    assert not timeline.grab().isNull()


def test_a_thrown_timeline_comes_to_rest_and_a_press_catches_it(qtbot: QtBot, timeline: Timeline) -> None:
    before = timeline.scale.start_us
    _drag(timeline, 800, 300, Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: not timeline._flying.isActive(), timeout=10_000)
    assert timeline.scale.start_us > before


def test_hints_say_what_is_under_the_pointer(timeline: Timeline) -> None:
    def hint(at: int, y: int) -> str:
        return timeline.hint_at(QPointF(timeline.scale.x_px(at), y))

    upper = timeline._track(0).center().y()
    assert "disk full" in hint(NOW - 7 * MINUTE_US, upper)
    assert "Disk D: is full." in hint(NOW - 7 * MINUTE_US, upper)
    assert "with sound" in hint(NOW - MINUTE_US, upper)
    assert "The red van" in hint(NOW - 15 * MINUTE_US, 50)
    assert "Theft" in hint(NOW + 6 * MINUTE_US, 50)
