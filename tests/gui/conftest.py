"""Qt without a screen. A test fails on whatever Qt warns of, and on requests that still run when it ends."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from common.ui.garbage import GuiGarbage
from common.ui.off_thread import wait_for_jobs
from common.ui.theme import apply_theme
from smartclient.video.engine import VideoEngine

_HARMLESS = (
    "This plugin does not support",  # the offscreen platform: window hints, raising, grabbing
    "Failed to create context",
    "QRhi",
)


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["vedette-tests"]


@pytest.fixture(scope="session", autouse=True)
def gui_garbage(qapp: QApplication) -> Iterator[None]:
    """As in the clients: dead widgets are destroyed in this thread only."""
    garbage = GuiGarbage(qapp)
    yield
    garbage.close()


@pytest.fixture(autouse=True)
def qt_says_nothing(qapp: QApplication, gui_garbage: None) -> Iterator[None]:
    """Fail on Qt warnings; a test that wants one takes it out of the list that it is handed."""
    said: list[str] = []

    def keep(kind: QtMsgType, _context: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not text.startswith(_HARMLESS):
            said.append(text)

    apply_theme(qapp, "dark")
    before = qInstallMessageHandler(keep)
    yield
    finished = wait_for_jobs()
    qapp.processEvents()
    qInstallMessageHandler(before)
    assert finished, "a request is still running"
    assert not said, said


@pytest.fixture
def engine(qt_says_nothing: None) -> Iterator[VideoEngine]:
    """A picture engine with one decoder process."""
    made = VideoEngine(processes=1)
    yield made
    made.close()
    made.deleteLater()
