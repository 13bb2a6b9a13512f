"""The parts that both desktop clients share."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QObject
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QStatusBar
from pytestqt.qtbot import QtBot

from common.foundation.clock import UtcUs
from common.foundation.errors import ServerUnreachable, VmsError
from common.ui.icons import _GLYPHS, State, icon, state_dot
from common.ui.item_model import ItemModel, ItemNode, dragged_keys
from common.ui.item_tree import ItemTree
from common.ui.nearby import NearbyServers
from common.ui.notices import Notice
from common.ui.off_thread import run_off_thread, wait_for_jobs
from common.ui.server_time import ServerTime
from common.ui.task_bar import TaskBar


def test_an_answer_arrives_in_the_gui_thread(qtbot: QtBot) -> None:
    heard: list[tuple[object, threading.Thread]] = []
    owner = QObject()
    run_off_thread(
        owner, threading.current_thread, lambda v: heard.append((v, threading.current_thread())), pytest.fail
    )
    qtbot.waitUntil(lambda: bool(heard))
    assert heard[0][0] is not heard[0][1]
    assert heard[0][1] is threading.main_thread()


def test_failures_arrive_as_errors_of_ours(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[VmsError] = []
    owner = QObject()

    def lost() -> None:
        raise ServerUnreachable("no route", server="vms")

    def bug() -> None:
        raise ZeroDivisionError("oops")

    run_off_thread(owner, lost, lambda _: None, heard.append)
    qtbot.waitUntil(lambda: len(heard) == 1)
    run_off_thread(owner, bug, lambda _: None, heard.append)
    qtbot.waitUntil(lambda: len(heard) == 2)
    assert isinstance(heard[0], ServerUnreachable)
    assert str(heard[1]) == "ZeroDivisionError: oops"
    assert "request off the GUI thread broke" in caplog.text


def test_nobody_is_told_once_the_owner_is_gone_or_has_lost_interest(qtbot: QtBot) -> None:
    heard: list[object] = []
    go = threading.Event()
    gone, bored, waiting = QObject(), QObject(), QObject()
    run_off_thread(gone, go.wait, heard.append, heard.append)
    job = run_off_thread(bored, go.wait, heard.append, heard.append)
    gone.deleteLater()
    job.cancel()
    last: list[object] = []
    qtbot.wait(0)
    go.set()
    run_off_thread(waiting, lambda: 1, last.append, last.append)
    qtbot.waitUntil(lambda: last == [1])
    assert heard == []


TREES = st.recursive(
    st.sampled_from("abcdef").map(lambda key: (key, ())),
    lambda inner: st.tuples(st.sampled_from("abcdef"), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=12,
)


def nodes(shapes: tuple[tuple[str, tuple[object, ...]], ...], above: str = "") -> tuple[ItemNode, ...]:
    made: dict[str, ItemNode] = {}
    for name, inner in shapes:
        key = above + name
        made[key] = ItemNode(key, name, children=nodes(inner, key))  # type: ignore[arg-type]
    return tuple(made.values())


def flat(model: ItemModel, tops: tuple[ItemNode, ...]) -> None:
    for node in tops:
        index = model.find(node.key)
        assert model.node(index) == node
        assert model.rowCount(index) == len(node.children)
        assert [model.node(model.index(row, 0, index)) for row in range(model.rowCount(index))] == list(node.children)
        flat(model, node.children)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(TREES, max_size=5).map(tuple), min_size=2, max_size=4))
def test_the_tree_model_always_ends_up_with_what_it_was_given(qtbot: QtBot, steps: list[tuple[object, ...]]) -> None:
    model = ItemModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    for shapes in steps:
        tree = nodes(shapes)  # type: ignore[arg-type]
        model.show(tree)
        assert model.rowCount() == len(tree)
        flat(model, tree)
    assert tester.model() is model


def test_a_refresh_keeps_selection_and_closed_branches(qtbot: QtBot) -> None:
    tree = ItemTree("Filter", "Items")
    qtbot.addWidget(tree)
    leaves = tuple(ItemNode(f"c{n}", f"Camera {n}", draggable=True) for n in range(5))
    tree.show_nodes(
        (ItemNode("top", "Top", children=leaves), ItemNode("other", "Other", children=(ItemNode("x", "X"),)))
    )
    assert tree.select("c3")
    other = tree.view.model().index(1, 0)
    tree.view.collapse(other)
    tree.show_nodes(
        (
            ItemNode("top", "Top", children=(ItemNode("new", "New"), *leaves[::-1])),
            ItemNode("other", "Other", children=(ItemNode("x", "X"), ItemNode("y", "Y"))),
        )
    )
    assert tree.current_key() == "c3"
    assert not tree.view.isExpanded(tree.view.model().index(1, 0))
    data = tree.model.mimeData([tree.model.find("c1"), tree.model.find("c2")])
    assert dragged_keys(data) == ("c1", "c2")


def test_the_status_line_tells_of_tasks_and_what_came_of_them(qtbot: QtBot) -> None:
    bar = QStatusBar()
    qtbot.addWidget(bar)
    tasks = TaskBar.into(bar)
    go = threading.Event()
    done: list[object] = []
    tasks.run(bar, "Adding Gate", go.wait, done=done.append, failed=done.append, result="Gate is added.")
    assert tasks.text() == "Adding Gate"
    go.set()
    qtbot.waitUntil(lambda: done == [True])
    assert tasks.text() == "Gate is added."


def test_the_clock_follows_a_server_that_is_ahead(qtbot: QtBot) -> None:
    now = [UtcUs(1_700_000_000_000_000)]
    clock = ServerTime(lambda: now[0])
    qtbot.addWidget(clock)
    before = clock.text()
    clock.server_said(UtcUs(now[0] + 500_000))
    assert clock.text() == before
    clock.server_said(UtcUs(now[0] + 90_000_000))
    assert clock.text() != before
    assert "90" in clock.toolTip()


def test_every_icon_and_state_can_be_drawn(qtbot: QtBot) -> None:
    assert not [name for name in _GLYPHS if icon(name).pixmap(16, 16).isNull()]
    pictures = {state: state_dot(state).toImage() for state in State}
    assert len({bytes(picture.constBits()) for picture in pictures.values()}) == len(State)


def test_servers_nearby_are_listened_for_and_left_in_peace(qtbot: QtBot) -> None:
    """Whether or not this machine has multicast, starting and stopping leaves nothing behind."""
    nearby = NearbyServers()
    nearby.start()
    assert wait_for_jobs()
    nearby.stop()
    nearby.stop()
    assert wait_for_jobs()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("zeroconf")]


def test_good_news_leave_by_themselves_and_what_is_wrong_stays(qtbot: QtBot) -> None:
    notice = Notice(passing_s=0.05)
    qtbot.addWidget(notice)
    for tone, action in (("error", ""), ("ok", "Undo")):
        notice.say("ok", "Saved")
        notice.say(tone, "Read this", action)  # type: ignore[arg-type]  # literals
        assert not notice._passing.isActive()
    notice.say("ok", "Saved")
    qtbot.waitUntil(lambda: notice.isHidden() and not notice.text())
