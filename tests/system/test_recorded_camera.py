"""The whole path on real parts: an RTSP camera, all servers with TLS, files on disk, a viewer; and what goes wrong."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.foundation.ids import DeviceId
from common.protocols.media_channel.messages import Seek, Subscribe
from common.protocols.media_channel.records import RecordFlags
from tests.support.rtsp_cameras import gstreamer_is_here, rtsp_camera
from tests.support.running_site import RunningSite, running_site
from tests.support.site_viewer import SiteViewer, site_viewer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not gstreamer_is_here(), reason="GStreamer's RTSP server is not installed"),
]

FRAGMENT_US = US_PER_S


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


def add_camera(site: RunningSite, url: str, name: str, user: str = "", password: str = "") -> DeviceId:
    hardware = site.client.add_hardware(site.recorder.id, url, user, password, name=name)
    return next(camera.id for camera in site.client.cameras() if camera.hardware_id == hardware)


def now_us() -> UtcUs:
    return SystemClock().now_us()


async def watch_live(viewer: SiteViewer, camera: DeviceId) -> None:
    assert viewer.connection is not None
    viewer.connection.send(Subscribe(1, camera))
    await viewer.until(lambda: viewer.is_in("live") and len(viewer.units) > 30)


async def test_a_real_camera_is_watched_live_and_in_the_file_being_written(site: RunningSite) -> None:
    with rtsp_camera(audio="aac", auth="digest") as source:
        camera = add_camera(site, source.url, "Gate", "operator", "right")
        async with site_viewer(site) as live:
            await watch_live(live, camera)
            assert live.units[0].flags & RecordFlags.KEYFRAME
            assert len(live.pictures()) >= 30
            shown_at = live.units[-1].utc_us
            assert abs(now_us() - shown_at) < 2 * US_PER_S
        await asyncio.sleep(2)  # the fragment that holds it is closed after a second
        async with site_viewer(site) as replay:
            assert replay.connection is not None
            replay.connection.send(Subscribe(1, camera, from_us=shown_at, paused=True))
            await replay.until(lambda: any(unit.flags & RecordFlags.TARGET for unit in replay.units))
            target = next(unit for unit in replay.units if unit.flags & RecordFlags.TARGET)
            assert target.utc_us <= shown_at < target.utc_us + 41_000
            replay.media.clear()
            replay.connection.send(Seek(1, UtcUs(shown_at - US_PER_S), 1))
            await replay.until(lambda: any(unit.flags & RecordFlags.TARGET for unit in replay.units))
            target = next(unit for unit in replay.units if unit.flags & RecordFlags.TARGET)
            assert target.utc_us <= shown_at - US_PER_S < target.utc_us + 41_000


async def test_a_camera_that_dies_is_reported_comes_back_and_leaves_a_gap(site: RunningSite) -> None:
    began = now_us()
    with rtsp_camera() as source:
        camera = add_camera(site, source.url, "Yard")
        async with site_viewer(site) as viewer:
            await watch_live(viewer, camera)
            source.kill()
            await viewer.until(lambda: viewer.is_in("lost"))
            assert "Yard" in viewer.states[-1].reason
            with rtsp_camera(port=source.port):
                await viewer.until(lambda: viewer.is_in("live"))
                seen = len(viewer.units)
                await viewer.until(lambda: len(viewer.units) > seen + 50)
                spans = await viewer.sequences(camera, began, UtcUs(now_us() + US_PER_S))
                assert len(spans) == 2
                assert spans[0][1] < spans[1][0]


@pytest.mark.parametrize(
    ("login", "host", "word"),
    [(("operator", "wrong"), "", "password"), (("operator", "right"), "nowhere.invalid", "nowhere.invalid")],
)
async def test_a_camera_that_cannot_be_had_says_why(
    site: RunningSite, login: tuple[str, str], host: str, word: str
) -> None:
    with rtsp_camera(auth="digest") as source:
        url = source.url.replace("127.0.0.1", host) if host else source.url
        camera = add_camera(site, url, f"Shed {word}", *login)
        async with site_viewer(site) as viewer:
            assert viewer.connection is not None
            viewer.connection.send(Subscribe(1, camera))
            await viewer.until(lambda: viewer.is_in("lost"))
            reason = viewer.states[-1].reason
            assert f"Shed {word}" in reason
            assert word in reason
            assert "Traceback" not in reason
            assert login[1] not in reason.replace(word, "")


def recording_processes(site: RunningSite) -> list[psutil.Process]:
    """The recording daemon and its engines."""
    children = psutil.Process(site.pid).children(recursive=True)
    return [child for child in children if "server.recording" in " ".join(child.cmdline())]


def played_by(program: str, file: Path) -> str:
    """What a player says of a file; nothing when it plays to the end."""
    name = str(file)
    call = {
        "ffprobe": ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", name],
        "ffplay": ["ffplay", "-v", "error", "-autoexit", "-an", name],
        "ffmpeg": ["ffmpeg", "-v", "error", "-i", name, "-f", "null", "-"],
    }[program]
    environ = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    done = subprocess.run(call, env=environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


async def test_a_killed_recorder_loses_at_most_the_open_fragment(tmp_path: Path) -> None:
    with rtsp_camera() as source, running_site(tmp_path / "data") as site:
        camera = add_camera(site, source.url, "Dock")
        async with site_viewer(site) as viewer:
            await watch_live(viewer, camera)
            began = viewer.units[0].utc_us
            await viewer.until(lambda: len(viewer.units) > 120)
            newest = viewer.units[-1].utc_us
            for process in recording_processes(site):
                process.send_signal(signal.SIGKILL)
        torn = sorted(site.recordings.rglob("*.mp4"))
        copies = [Path(shutil.copy(file, tmp_path / f"{number}.mp4")) for number, file in enumerate(torn)]
        assert copies
        for file in copies:  # as the crash left them
            for player in ("ffprobe", "ffplay", "ffmpeg"):
                assert played_by(player, file) == "", f"{player} {file}"
        until_s = time.monotonic() + 40
        while True:  # the recorder is started again, and repairs what the crash left
            try:
                async with site_viewer(site) as viewer:
                    await watch_live(viewer, camera)
                    spans = await viewer.sequences(camera, UtcUs(began - 60 * US_PER_S), UtcUs(now_us() + US_PER_S))
                    break
            except Exception:  # noqa: BLE001 - it is not there yet, in whatever way
                assert time.monotonic() < until_s
                await asyncio.sleep(0.2)
        assert len(spans) == 2
        assert spans[0][1] >= newest - FRAGMENT_US - 100_000


async def test_a_clean_stop_loses_nothing_and_seals_the_files(tmp_path: Path) -> None:
    with rtsp_camera() as source:
        with running_site(tmp_path / "data") as site:
            camera = add_camera(site, source.url, "Dock")
            async with site_viewer(site) as viewer:
                await watch_live(viewer, camera)
                newest = viewer.units[-1].utc_us
            recordings = site.recordings
        (file,) = recordings.rglob("*.mp4")
        assert played_by("ffmpeg", file) == ""
        with running_site(tmp_path / "data") as site:
            async with site_viewer(site) as viewer:
                ((_, end), *_) = await viewer.sequences(camera, UtcUs(newest - 60 * US_PER_S), now_us())
                assert end > newest
