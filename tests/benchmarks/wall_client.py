"""The Smart Client of the wall benchmark: the real window with a view of many tiles, measured from inside.

`python -m tests.benchmarks.wall_client URL CA_FILE PASSWORD_FILE --tiles N --seconds S [--servers PID]` prints one JSON
object. Frames count when the GUI thread takes them to paint. A frame is late when it is more than two frame times older
than its tile's frames mostly are, or never came (its time is missing between two others).
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from common.clients.management import ManagementClient
from common.foundation.clock import US_PER_S
from common.ui.session import Session
from common.ui.theme import apply_theme
from smartclient.app.window import SmartClientWindow
from smartclient.live.tile import Tile
from smartclient.options.views import SavedViews
from smartclient.video.engine import VideoEngine
from smartclient.video.quality import Level
from smartclient.views.layouts import layout_for
from smartclient.windows.saved import SavedDesks

FRAME_US = 40_000
SETTLE_S = 6.0
FIRST_PICTURES_S = 60.0


class Watched:
    """What one tile showed: recorder's time and age of each picture, microseconds."""

    def __init__(self, tile: Tile, engine: VideoEngine, recorder: str) -> None:
        feed = tile.feed
        assert feed is not None
        self.pictures: list[tuple[int, int]] = []
        take, pictures = feed.arrived, self.pictures

        def arrived() -> None:
            take()
            now_us = engine.recorder_now_us(recorder)
            if feed.info is not None and now_us is not None:
                pictures.append((feed.info.utc_us, now_us - feed.info.utc_us))

        feed.arrived = arrived

    def late(self) -> tuple[int, int]:
        """Return how many frames were late or missing, and how many there were."""
        if len(self.pictures) < 2:
            return 1, 1
        usual_us = statistics.median(age for _, age in self.pictures)
        late = sum(age > usual_us + 2 * FRAME_US for _, age in self.pictures)
        times = [utc for utc, _ in self.pictures]
        missing = sum(max(0, round((b - a) / FRAME_US) - 1) for a, b in itertools.pairwise(times))
        return late + missing, len(times) + missing


def cpu_s(processes: list[psutil.Process]) -> float:
    return sum(t.user + t.system for t in (process.cpu_times() for process in processes))


def pss_mb(processes: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in processes) / 1e6


class Measurement:
    """The steps of one run, one after the other on the GUI's own event loop."""

    def __init__(self, app: QApplication, window: SmartClientWindow, engine: VideoEngine, given: argparse.Namespace):
        self.app, self.window, self.engine, self.given = app, window, engine, given
        self.found: dict[str, float] = {}
        self._until_s = time.monotonic() + FIRST_PICTURES_S
        self._cameras: list[str] = []
        self._empty_mb = 0.0
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._look)
        self._await: Callable[[], bool] = self._site_there
        self._then: Callable[[], None] = self._show
        self._timer.start()

    def _wait(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        self._await, self._then = condition, then
        self._until_s = time.monotonic() + FIRST_PICTURES_S
        self._timer.start()

    def _look(self) -> None:
        if self._await():
            self._timer.stop()
            self._then()
        elif time.monotonic() > self._until_s:
            print(f"waited in vain for {self._await.__name__}", file=sys.stderr)
            self.app.exit(1)

    def _site_there(self) -> bool:
        return bool(self.window.watch.site.cameras)

    def _processes(self) -> list[psutil.Process]:
        return [psutil.Process(), *(psutil.Process(pid) for pid in self.engine.pids())]

    def _tiles(self) -> list[Tile]:
        count = self.given.tiles
        return [tile for tile in self.window.live_grid.tiles[: len(layout_for(count))] if tile.camera][:count]

    def _all_shown(self) -> bool:
        tiles = self._tiles()
        return bool(tiles) and all(tile.feed is not None and tile.feed.info is not None for tile in tiles)

    def _show(self) -> None:
        count = self.given.tiles
        self._cameras = [camera.id for camera in self.window.watch.site.cameras]
        self.window.live_grid.show_view(layout_for(count), ())
        self.window.toggle_full_screen()
        QTimer.singleShot(1500, self._fill)

    def _fill(self) -> None:
        count = self.given.tiles
        self._empty_mb = pss_mb(self._processes())
        self._began_s = time.monotonic()
        self.window.live_grid.show_view(layout_for(count), tuple(self._cameras[:count]))
        self._wait(self._all_shown, self._shown)

    def _shown(self) -> None:
        self.found["first_pictures_ms"] = round((time.monotonic() - self._began_s) * 1000)
        if self.given.switch:
            QTimer.singleShot(2000, self._switch)
        else:
            QTimer.singleShot(round(SETTLE_S * 1000), self._begin)

    def _switch(self) -> None:
        count = self.given.tiles
        self._began_s = time.monotonic()
        self.window.live_grid.show_view(layout_for(count), tuple(self._cameras[count : 2 * count]))
        self._wait(self._all_shown, self._switched)

    def _switched(self) -> None:
        self.found["switch_ms"] = round((time.monotonic() - self._began_s) * 1000)
        self._end()

    def _begin(self) -> None:
        recorder = self.window.watch.site.cameras[0].recorder
        self._watched = [Watched(tile, self.engine, recorder) for tile in self._tiles()]
        self._servers = []
        if self.given.servers:
            parent = psutil.Process(self.given.servers)
            self._servers = [parent, *parent.children(recursive=True)]
        self._cpu = (cpu_s(self._processes()), time.thread_time(), cpu_s(self._servers))
        self._began_s = time.monotonic()
        QTimer.singleShot(round(self.given.seconds * 1000), self._measure)

    def _measure(self) -> None:
        took_s = time.monotonic() - self._began_s
        total, gui, servers = cpu_s(self._processes()), time.thread_time(), cpu_s(self._servers)
        tiles = self._tiles()
        late = [watched.late() for watched in self._watched]
        memory = pss_mb(self._processes())
        ages = [age for watched in self._watched for _, age in watched.pictures]
        info = tiles[0].feed.info if tiles[0].feed is not None else None
        qualities = [tile.feed.quality for tile in tiles if tile.feed is not None]
        self.found |= {
            "fps": round(sum(len(watched.pictures) for watched in self._watched) / took_s / len(tiles), 2),
            "late_ratio": round(sum(a for a, _ in late) / max(1, sum(b for _, b in late)), 5),
            "age_p50_ms": round(statistics.median(ages) / 1000, 1) if ages else -1,
            "cpu_core": round((total - self._cpu[0]) / took_s, 3),
            "gui_core": round((gui - self._cpu[1]) / took_s, 3),
            "servers_core": round((servers - self._cpu[2]) / took_s, 3),
            "mb_per_tile": round(memory / len(tiles), 2),
            "mb_per_tile_added": round((memory - self._empty_mb) / len(tiles), 2),
            "degraded": sum(1 for q in qualities if q is not None and q.level is not Level.FULL),
            "second_stream": sum(1 for q in qualities if q is not None and q.track == "secondary"),
            "picture_width_px": info.width_px if info else 0,
            "picture_height_px": info.height_px if info else 0,
            "load_average": round(psutil.getloadavg()[0], 2),
        }
        if self.given.screenshot:
            self.window.grab().save(self.given.screenshot)
        self._end()

    def _end(self) -> None:
        print(json.dumps(self.found), flush=True)
        self.window.close()
        self.app.exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ca_file", type=Path)
    parser.add_argument("password_file", type=Path)
    parser.add_argument("--tiles", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--servers", type=int, default=0)
    parser.add_argument("--switch", action="store_true")
    parser.add_argument("--screenshot", default="")
    given = parser.parse_args()
    app = QApplication(sys.argv[:1])
    apply_theme(app, "dark")
    app.setQuitOnLastWindowClosed(False)
    engine = VideoEngine()
    ca_pem = given.ca_file.read_text()
    try:
        with ManagementClient(given.url, ca_pem) as client:
            client.sign_in("admin", given.password_file.read_text().strip())
            scratch = f"{time.monotonic_ns() // US_PER_S}.json"
            views = SavedViews(given.password_file.with_name(f"views-{scratch}"))
            windows = SavedDesks(given.password_file.with_name(f"windows-{scratch}"))
            window = SmartClientWindow(Session(client, ca_pem, given.url, "admin"), engine, views, windows)
            window.showMaximized()
            measurement = Measurement(app, window, engine, given)
            code = app.exec()
            del measurement
    finally:
        engine.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
