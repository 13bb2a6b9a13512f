"""The quick switcher in its window: typing, choosing by keyboard, and what is said when nothing fits."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from common.clients.views import SiteView, SiteViewGroup, ViewTree
from common.foundation.clock import UtcUs
from common.ui.theme import apply_theme
from smartclient.site.snapshot import read_site
from smartclient.switcher.dialog import Switcher
from smartclient.switcher.sources import Sources
from tests.support.smartclient_rig import CAMERA_2, SiteClient

NOW = UtcUs(1_790_000_000_000_000)


@pytest.fixture
def done() -> list[object]:
    return []


@pytest.fixture
def switcher(qtbot: QtBot, qapp: QApplication, done: list[object]) -> Iterator[Switcher]:
    apply_theme(qapp, "dark")

    def note(what: str) -> Callable[..., object]:
        return lambda *given: done.append((what, *given))

    sources = Sources(
        show_camera=note("camera"),
        open_view=note("view"),
        go_to=note("time"),
        now_us=lambda: NOW,
        playhead_us=lambda: NOW,
        acts={"full_screen": note("full screen"), "listen": note("listen")},
    )
    sources.show_site(read_site(SiteClient("ws://nowhere")))  # type: ignore[arg-type]  # as much of it
    views = SiteView("v", "Entrances", "g"), SiteView("w", "Docks", "g")
    sources.show_views(ViewTree("u", (SiteViewGroup("g", "Night shift"),), views))
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.show()
    made = Switcher(sources, window)
    made.ask()
    yield made
    window.close()


def titles(switcher: Switcher) -> list[str]:
    return [switcher.list.item(row).text() for row in range(switcher.list.count())]


def typed(switcher: Switcher, text: str) -> None:
    switcher.field.setText(text)


def press(switcher: Switcher, key: Qt.Key) -> None:
    QTest.keyClick(switcher.field, key)


def test_a_camera_and_a_view_by_a_few_letters(switcher: Switcher, done: list[object]) -> None:
    typed(switcher, "entr")
    assert titles(switcher)[:2] == ["Entrances", "Entrance"] or titles(switcher)[:2] == ["Entrance", "Entrances"]
    typed(switcher, "yard")
    press(switcher, Qt.Key.Key_Return)
    assert done == [("camera", CAMERA_2)]
    assert not switcher.isVisible()
    switcher.ask()
    assert switcher.field.text() == ""
    typed(switcher, "docks")
    press(switcher, Qt.Key.Key_Enter)
    assert done[-1] == ("view", "w")


def test_a_time_and_an_action(switcher: Switcher, done: list[object]) -> None:
    typed(switcher, "-10m")
    assert titles(switcher)[0].startswith("Go to ")
    press(switcher, Qt.Key.Key_Return)
    assert done == [("time", NOW - 600_000_000)]
    switcher.ask()
    typed(switcher, "full scr")
    assert titles(switcher)[0] == "Full screen"
    press(switcher, Qt.Key.Key_Return)
    assert done[-1] == ("full screen",)


def test_the_list_is_walked_by_keyboard_and_esc_does_nothing(switcher: Switcher, done: list[object]) -> None:
    assert switcher.list.currentRow() == 0
    press(switcher, Qt.Key.Key_Down)
    assert switcher.list.currentRow() == 1
    press(switcher, Qt.Key.Key_Up)
    press(switcher, Qt.Key.Key_Up)
    assert switcher.list.currentRow() == switcher.list.count() - 1
    press(switcher, Qt.Key.Key_PageUp)
    press(switcher, Qt.Key.Key_Escape)
    assert (switcher.isVisible(), done) == (False, [])


def test_when_nothing_fits_it_says_what_to_try(switcher: Switcher, done: list[object]) -> None:
    typed(switcher, "zzzzqq")
    assert switcher.nothing.isVisible()
    assert "zzzzqq" in switcher.nothing.text()
    press(switcher, Qt.Key.Key_Return)
    assert (switcher.isVisible(), done) == (True, [])
