"""Decoder processes that die over a stream, or whose GUI is killed: nothing is left behind, others go on."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from smartclient.video.engine import VideoEngine
from smartclient.video.feed import FeedSource
from tests.support.smartclient_rig import CAMERA, CAMERA_2, RECORDER, running_recorder

WAIT_MS = 30_000
ROOT = Path(__file__).parents[2]


def test_a_stream_that_kills_its_decoder_twice_rests_and_the_other_goes_on(
    qtbot: QtBot, engine: VideoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_recorder(tmp_path) as recorder:
        engine.set_recorders({RECORDER: recorder.uri}, "")
        engine.set_token("viewers")
        deadly = engine.open(FeedSource(RECORDER, CAMERA), 160, 96)
        other = engine.open(FeedSource(RECORDER, CAMERA_2), 160, 96)
        feeds = (deadly, other)
        for feed in feeds:
            feed.arrived = feed.take
        for _ in range(2):
            qtbot.waitUntil(lambda: deadly.state.state == "live" and other.state.state == "live", timeout=WAIT_MS)
            (pid,) = engine.pids()
            # what a decoder that dies of a signal in libav leaves: the mark of the stream it was at work on
            monkeypatch.setattr(type(deadly), "decoder_was_working", property(lambda feed: feed is deadly))
            os.kill(pid, 11)
            qtbot.waitUntil(lambda pid=pid: engine.pids() not in ((pid,), ()), timeout=WAIT_MS)
        qtbot.waitUntil(lambda: deadly.state.state == "poisonous", timeout=WAIT_MS)
        qtbot.waitUntil(lambda: other.state.state == "live", timeout=WAIT_MS)
        before = other.info.utc_us if other.info else 0
        qtbot.waitUntil(lambda: other.info is not None and other.info.utc_us > before, timeout=WAIT_MS)
        for feed in feeds:
            feed.close()


def test_a_killed_gui_leaves_no_decoder_and_no_memory_behind(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from PySide6.QtCore import QCoreApplication, QTimer
        from smartclient.video.engine import VideoEngine
        from smartclient.video.feed import FeedSource
        app = QCoreApplication([])
        engine = VideoEngine(processes=2)
        feeds = [engine.open(FeedSource("r", f"d{n}"), 640, 360) for n in range(4)]
        def told():
            if len(engine._ready) == 2:
                print(*engine.pids(), flush=True)
            else:
                QTimer.singleShot(20, told)
        told()
        app.exec()
    """)
    before = set(os.listdir("/dev/shm"))
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as gui:
        assert gui.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in gui.stdout.readline().split()]
        assert len(workers) == 2
        workers[0].suspend()  # it hangs: it will not see that the socket closes
        gui.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert {name for name in os.listdir("/dev/shm") if "vedette" in name} <= before
