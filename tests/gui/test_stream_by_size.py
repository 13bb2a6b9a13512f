"""A tile takes the camera's smaller stream while that fills it, and changes over without a break."""

from pathlib import Path

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from common.media.picture_part import Part
from smartclient.video.engine import VideoEngine
from smartclient.video.feed import FeedSource, TileFeed
from tests.support.smartclient_rig import CAMERA, CAMERA_2, RECORDER, running_recorder

WAIT_MS = 30_000


def shows(feed: TileFeed, track: str) -> bool:
    return feed.quality is not None and feed.quality.track == track and feed.state.state == "live"


def test_the_stream_follows_size_and_zoom(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    engine = VideoEngine(processes=1)
    try:
        with running_recorder(tmp_path, size_px=(640, 360), second_px=(160, 90)) as recorder:
            engine.set_recorders({RECORDER: recorder.uri}, "")
            engine.set_token("viewers")
            single = engine.open(FeedSource(RECORDER, CAMERA), 160, 90)
            double = engine.open(FeedSource(RECORDER, CAMERA_2), 160, 90)
            times: list[int] = []

            def arrived() -> None:
                double.take()
                assert double.info is not None
                times.append(double.info.utc_us)

            single.arrived, double.arrived = single.take, arrived
            qtbot.waitUntil(lambda: shows(single, "primary"), timeout=WAIT_MS)  # it has no other
            qtbot.waitUntil(lambda: shows(double, "secondary"), timeout=WAIT_MS)
            double.resize(640, 360)
            qtbot.waitUntil(lambda: shows(double, "primary"), timeout=WAIT_MS)
            double.resize(160, 90)
            qtbot.waitUntil(lambda: shows(double, "secondary"), timeout=WAIT_MS)
            double.zoom(Part(0.25, 0.25, 0.25, 0.25))
            qtbot.waitUntil(lambda: shows(double, "primary"), timeout=WAIT_MS)
            last = times[-1]
            qtbot.waitUntil(lambda: times[-1] > last + 200_000, timeout=WAIT_MS)
            assert times == sorted(times)  # no step back when the stream changed
            single.close()
            double.close()
    finally:
        engine.close()
        engine.deleteLater()
