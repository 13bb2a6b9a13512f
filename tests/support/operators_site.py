"""A site as an operator's client reaches it over a network that can fail, with footage of yesterday."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from common.foundation.clock import US_PER_S, UtcUs
from common.media.access_unit import PRIMARY, AccessUnit
from common.media.test_clip import VIDEO_TIMESCALE, LiveClip
from server.recording.mediadb.contract import TrackKey
from server.recording.mediadb.settings import WriterSettings
from tests.support.cut_proxy import CutProxy, cut_proxy
from tests.support.demo_site import DemoSite
from tests.support.recorded_films import Recorded, write
from tests.support.running_site import PASSWORD, RunningSite, running_site

CAMERAS = ("Entrance", "Loading dock", "Reception")
_RECORDER_HOST = "127.0.0.2"  # beside the proxy, which has the same port: so the recorder need not know of it
_FPS = 2


@dataclass(frozen=True, slots=True)
class OperatorsSite:
    """`door`: how a client signs in, by way of the network; `links`: that network."""

    running: RunningSite
    door: DemoSite
    links: tuple[CutProxy, ...]

    def pull_the_cable(self, out: bool) -> None:
        """Nothing gets through to the servers, and nobody is told; or all does again."""
        for link in self.links:
            link.silence(out)

    def kill(self, server: str) -> None:
        """Kill `server.management` or `server.recording` with what it started, as a power cut does; the supervisor
        starts it again."""
        children = psutil.Process(self.running.pid).children()
        daemon = next(child for child in children if server in child.cmdline())
        for process in [daemon, *daemon.children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)

    def camera(self, name: str) -> str:
        """Return a camera's id."""
        return next(camera.id for camera in self.running.client.cameras() if camera.name.startswith(name))


@contextmanager
def operators_site(data: Path, token_life_s: int) -> Iterator[OperatorsSite]:
    """Start servers with three simulated cameras; stop them in the end."""
    with cut_proxy(0, _RECORDER_HOST) as media:
        settings = {
            "VEDETTE_MANAGEMENT__TOKEN_LIFE_S": str(token_life_s),
            "VEDETTE_RECORDING__LISTEN": _RECORDER_HOST,
            "VEDETTE_RECORDING__HOSTS": "127.0.0.1",
            "VEDETTE_RECORDING__MEDIA_PORT": str(media.port),
        }
        with running_site(data, settings) as running:
            for name in CAMERAS:
                address = f"simulator:{name.lower().replace(' ', '-')}?sound=0&width=640&height=360"
                running.client.add_hardware(running.recorder.id, address, name=name)
            port = urlsplit(running.told["management"]["https"]).port
            assert port is not None
            password = data / "operators-password"
            password.write_text(PASSWORD + "\n")
            with cut_proxy(port) as management:
                url = f"https://127.0.0.1:{management.port}"
                ca_file = Path(running.told["management"]["ca"])
                yield OperatorsSite(running, DemoSite(url, "admin", password, ca_file), (media, management))


@contextmanager
def asleep(client: int) -> Iterator[None]:
    """Let a client and its helpers stand still, as when a laptop is closed."""
    process = psutil.Process(client)
    everything = [process, *process.children(recursive=True)]
    for each in everything:
        each.suspend()
    try:
        yield
    finally:
        for each in everything:
            each.resume()


def film(recordings: Path, cameras: Mapping[str, str], start: UtcUs, length_s: int) -> None:
    """Record what simulated cameras (names by id) would have seen then, into the storage of a running recorder."""
    seen = [_seen(camera, name, start, length_s) for camera, name in cameras.items()]
    asyncio.run(write(recordings, *seen, settings=WriterSettings(min_free_bytes=0)))


def _seen(camera: str, name: str, start: UtcUs, length_s: int) -> Recorded:
    clip = LiveClip(name, 640, 360, _FPS, _FPS)
    units = []
    for number in range(length_s * _FPS):
        at, ticks = UtcUs(start + number * US_PER_S // _FPS), number * VIDEO_TIMESCALE // _FPS
        data, is_key = clip.picture(at, ticks)
        units.append(AccessUnit(data, ticks, ticks, at, is_key))
    return TrackKey(camera, PRIMARY), clip.config, units  # type: ignore[arg-type]  # a camera's id
