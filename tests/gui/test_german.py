"""The clients in German: nothing is cut off, dates are written as one does, and what is typed is understood."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from common.foundation.clock import UtcUs
from common.ui.dates import written
from common.ui.language import VARIABLE, speak
from common.ui.session import Session
from common.ui.sign_in import SignInDialog
from common.ui.theme import apply_theme
from common.ui.words import set_language, words
from smartclient.app.keys import KeyMap
from smartclient.app.window import SmartClientWindow
from smartclient.options.views import SavedViews
from smartclient.playback.go_to import parse_go_to
from smartclient.playback.vocabulary import vocabulary
from smartclient.video.engine import VideoEngine
from smartclient.windows.saved import SavedDesks
from tests.support.smartclient_rig import SiteClient, running_recorder

NOW = UtcUs(1_790_000_000_000_000)


@pytest.fixture(autouse=True)
def german(qapp: QApplication) -> Iterator[None]:
    before = QLocale()
    apply_theme(qapp, "dark")
    assert speak(qapp, "de") == "de"
    yield
    set_language("en")
    QLocale.setDefault(before)


def cut_off(window: QWidget) -> list[str]:
    """Texts of buttons and labels that do not fit."""
    found = []
    for part in window.findChildren(QWidget):
        if not part.isVisible() or not isinstance(part, QAbstractButton | QLabel) or not part.text():
            continue
        if isinstance(part, QLabel) and part.wordWrap():
            if part.height() < part.heightForWidth(part.width()):
                found.append(part.text())
        elif isinstance(part, QToolButton) and part.toolButtonStyle().name == "ToolButtonIconOnly" and part.icon():
            continue
        elif part.fontMetrics().horizontalAdvance(part.text().replace("&", "").split("\n")[0]) > part.width():
            found.append(part.text())
    return found


def test_the_smart_client_in_german(qtbot: QtBot, engine: VideoEngine, tmp_path: Path) -> None:
    with running_recorder(tmp_path, recorded_s=20) as recorder:
        session = Session(SiteClient(recorder.uri), "", "https://site", "anna")  # type: ignore[arg-type]
        window = SmartClientWindow(
            session, engine, SavedViews(tmp_path / "views.json"), SavedDesks(tmp_path / "windows.json")
        )
        qtbot.addWidget(window)
        window.resize(1280, 800)
        window.show()
        qtbot.waitUntil(lambda: bool(window.watch.site.cameras), timeout=30_000)
        assert window.tabs.tabText(1) == "Wiedergabe"
        assert cut_off(window) == []
        window.show_playback()
        qtbot.wait(200)
        assert cut_off(window) == []


def test_dialogs_in_german(qtbot: QtBot) -> None:
    parent, sign_in = QWidget(), SignInDialog("Vedette")
    keys = KeyMap(parent)
    for dialog in (sign_in, keys):
        dialog.show()
        assert cut_off(dialog) == []
        dialog.close()
    qtbot.addWidget(sign_in)
    qtbot.addWidget(parent)


def test_dates_and_typed_times() -> None:
    moment = datetime(2026, 3, 14, 14, 3, tzinfo=UTC)
    assert written(moment, "%a %d %b %Y") == "Sa 14 Mär 2026"
    for german, english in (("gestern 14:03", "yesterday 14:03"), ("vor 10 minuten", "10 min ago"), ("jetzt", "now")):
        assert parse_go_to(german, NOW, NOW, language=vocabulary()) == parse_go_to(english, NOW, NOW)


def test_the_language_is_chosen(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "de_AT.UTF-8")
    assert speak(qapp) == "de"
    assert speak(qapp, "en") == "en"
    assert words("smart.playback") == "Playback"
    monkeypatch.setenv(VARIABLE, "xx")
    assert speak(qapp) in ("de", "en")


def test_right_to_left_mirrors_all_but_time(
    qtbot: QtBot, qapp: QApplication, engine: VideoEngine, tmp_path: Path
) -> None:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        session = Session(SiteClient("ws://127.0.0.1:9"), "", "https://site", "anna")  # type: ignore[arg-type]
        window = SmartClientWindow(session, engine, SavedViews(tmp_path / "v.json"), SavedDesks(tmp_path / "w.json"))
        qtbot.addWidget(window)
        window.resize(1280, 800)
        window.show()
        qtbot.waitUntil(lambda: bool(window.watch.site.cameras), timeout=30_000)
        window.show_playback()
        assert window.side.x() > window.pages.x()
        assert not window.playback.transport.isRightToLeft()
        assert cut_off(window) == []
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
