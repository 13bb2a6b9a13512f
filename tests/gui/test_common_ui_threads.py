"""Widgets are destroyed in the GUI thread, whoever drops the last reference to them."""

import gc
import threading
import weakref
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from common.foundation.errors import VmsError
from common.ui.garbage import GuiGarbage
from common.ui.off_thread import run_off_thread, wait_for_jobs

ROUNDS = 200


def told_where(widget: QWidget) -> list[str]:
    """Where the widget's Python object is let go."""
    where: list[str] = []
    weakref.finalize(widget, lambda: where.append(threading.current_thread().name))
    return where


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_never_drops_its_owner_in_a_worker(qtbot: QtBot, fails: bool) -> None:
    """The owner is only held by what was asked for: it goes with the answer."""
    places: list[list[str]] = []
    answers: list[object] = []

    def ask() -> None:
        owner = QWidget()
        places.append(told_where(owner))

        def work() -> str:
            if fails:
                raise VmsError(owner.objectName())
            return owner.objectName()

        def arrived(answer: object, owner: QWidget = owner) -> None:
            answers.append(type(answer))

        run_off_thread(owner, work, arrived, arrived)

    for round_number in range(ROUNDS):
        ask()
        if round_number % 20 == 0:
            qtbot.wait(1)
    qtbot.waitUntil(lambda: len(answers) == ROUNDS, timeout=20_000)
    assert wait_for_jobs()
    gc.collect()
    main = threading.main_thread().name
    assert [place for place in places if place != [main]] == []


def test_dead_widgets_are_not_collected_by_other_threads(qtbot: QtBot, qapp: QApplication) -> None:
    def leave_behind() -> list[str]:
        widget: Any = QWidget()
        widget.itself = widget  # a cycle, as signals connected to lambdas make them
        return told_where(widget)

    assert not gc.isenabled()
    places = [leave_behind() for _ in range(10)]

    def busy() -> None:
        kept = []
        for _ in range(50_000):
            kept.append([[]])

    thread = threading.Thread(target=busy, name="busy")
    thread.start()
    thread.join()
    assert places == [[] for _ in range(10)]
    collector = GuiGarbage(qapp)
    collector.look()
    collector.look()
    collector.close()
    gc.disable()
    gc.collect()
    assert {name for place in places for name in place} == {threading.main_thread().name}
