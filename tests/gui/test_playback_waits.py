"""Playback while the recorder is out of reach: it stands at what was seen last, and goes on from there by itself."""

from pathlib import Path
from urllib.parse import urlsplit

from pytestqt.qtbot import QtBot

from common.foundation.clock import US_PER_S
from smartclient.playback.page import PlaybackPage
from smartclient.site.snapshot import read_site
from smartclient.video.engine import VideoEngine
from smartclient.views.layouts import square
from tests.support.cut_proxy import cut_proxy
from tests.support.smartclient_rig import CAMERA, SiteClient, running_recorder

WAIT_MS = 30_000


def test_nothing_passes_unseen_while_the_recorder_is_away(qtbot: QtBot, engine: VideoEngine, tmp_path: Path) -> None:
    with running_recorder(tmp_path, recorded_s=60, live=False) as recorder:
        port = urlsplit(recorder.uri).port
        assert port is not None
        with cut_proxy(port) as link:
            site = read_site(SiteClient(recorder.uri.replace(str(port), str(link.port))))  # type: ignore[arg-type]  # as much of it
            engine.set_recorders(site.media_uris(), "")
            engine.set_token("viewers")
            page = PlaybackPage(engine)
            qtbot.addWidget(page)
            page.resize(1000, 600)
            page.show()
            page.grid.show_view(square(1), (CAMERA,))
            page.show_site(site)
            qtbot.waitUntil(lambda: bool(page.spans.of(CAMERA)), timeout=WAIT_MS)
            ((first, _),) = page.spans.of(CAMERA)
            began = first + 30 * US_PER_S
            page.master.seek(began)
            page.master.set_speed(-1.0)
            page.master.play()
            qtbot.waitUntil(lambda: abs(page.master.playhead_us - began) > US_PER_S, timeout=WAIT_MS)

            link.refuse(True)
            qtbot.waitUntil(lambda: page.master.clock.paused, timeout=WAIT_MS)
            stands = page.master.playhead_us
            assert page.master.playing
            assert 0 < began - stands < 4 * US_PER_S
            qtbot.waitUntil(lambda: bool(page.timeline.content.note), timeout=WAIT_MS)
            assert page.master.playhead_us == stands

            link.refuse(False)
            qtbot.waitUntil(lambda: not page.master.clock.paused, timeout=WAIT_MS)
            assert page.master.clock.at_us == stands
            qtbot.waitUntil(lambda: not page.timeline.content.note, timeout=WAIT_MS)
            page.leave()
            page.grid.release()
