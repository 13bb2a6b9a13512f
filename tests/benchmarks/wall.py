"""A wall of tiles in the Smart Client: `make bench NAME=wall ARGS="--tiles 16,36,64 [--size 640x360] --json"`.

The real client under Xvfb (1920x1080, full screen) shows cameras of the farm through a real recorder over TLS on
loopback. Client CPU (`cpu_core`, all its processes, in cores) is compared with decoding and scaling the same frames and
nothing else, measured in the same run (`cpu_ratio_vs_floor`); the servers' CPU is counted apart (`servers_core`), and
Xvfb's is in neither. Beside it `ffplay`, a window a camera. Also how long a view of 16 other cameras takes to show all
its first pictures (`switch16_ms`), and the program to show its sign-in dialog (`cold_start_s`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.benchmarks import figures
from tests.support.camera_farm import clip
from tests.support.running_site import ROOT, RunningSite, running_site
from tests.support.virtual_screen import VirtualScreen, until, virtual_screen, what_is_missing

FPS, GOP = 25, 50
KBIT = {"320x180": 300, "640x360": 800, "1280x720": 2000, "1920x1080": 4000}
FFPLAY_S = 10.0
FLOOR_S = 8.0
Figures = dict[str, float]


@contextmanager
def farm(size: str) -> Iterator[str]:
    call = [sys.executable, "-m", "tests.support.camera_farm", "--size", size, "--kbit", str(KBIT[size])]
    with subprocess.Popen([*call, "--gop", str(GOP)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield f"rtsp://127.0.0.1:{process.stdout.readline().split()[1]}"
        finally:
            process.terminate()


def add_cameras(site: RunningSite, count: int, first: str, second: str) -> None:
    recorder = site.recorder.id
    for number in range(count):
        hardware = site.client.add_hardware(
            recorder, f"{first}/cam{number}", name=f"Camera {number:03d}", transport="tcp"
        )
        if second:
            site.client.update("hardware", hardware, {"subAddress": f"{second}/cam{number}"})


class Wall:
    """A running site with cameras, and a screen."""

    def __init__(self, site: RunningSite, screen: VirtualScreen, folder: Path, seconds: float) -> None:
        self._site, self._screen, self._folder, self._seconds = site, screen, folder, seconds

    def client(self, tiles: int, *more: str) -> Figures:
        ca_file, password_file = self._folder / "ca.pem", self._folder / "site" / "password"
        ca_file.write_text(self._site.ca_pem)
        call = [sys.executable, "-m", "tests.benchmarks.wall_client", self._site.told["management"]["https"]]
        options = ["--tiles", str(tiles), "--seconds", str(self._seconds), "--servers", str(self._site.pid), *more]
        environ = {**self._screen.environ, "XDG_CONFIG_HOME": str(self._folder), "HOME": str(self._folder)}
        done = subprocess.run(
            [*call, str(ca_file), str(password_file), *options],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=300,
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def cold_start_s(self) -> float:
        """From starting the program to its sign-in dialog on the screen: the best of three."""
        took = []
        for _ in range(3):
            environ = {**self._screen.environ, "XDG_CONFIG_HOME": str(self._folder), "HOME": str(self._folder)}
            began_s = time.monotonic()
            with subprocess.Popen([sys.executable, "-m", "smartclient.app.main"], cwd=ROOT, env=environ) as process:
                until(lambda: any("Vedette" in title for title in self._screen.windows()), "the sign-in dialog")
                took.append(time.monotonic() - began_s)
                process.terminate()
            until(lambda: not self._screen.windows(), "the dialog to close")
        return round(min(took), 2)


def floor_core(path: Path, tiles: int, width_px: int, height_px: int) -> float:
    """Cores that decoding and scaling take, in as many processes as the client has decoders."""
    count = max(1, min(8, os.cpu_count() or 1))
    running = []
    for number in range(count):
        mine = len(range(number, tiles, count))
        call = [sys.executable, "-m", "tests.benchmarks.wall_floor", str(path)]
        numbers = map(str, (mine, width_px, height_px, FLOOR_S))
        running.append(subprocess.Popen([*call, *numbers], cwd=ROOT, stdout=subprocess.PIPE, text=True))
    return sum(float(process.communicate(timeout=120)[0]) for process in running)


def ffplay_core(screen: VirtualScreen, url: str, windows: int, width_px: int, height_px: int) -> float:
    """Cores that `windows` windows of ffplay take, straight from the cameras."""
    size = ["-x", str(width_px), "-y", str(height_px)]
    quiet = ["-v", "quiet", "-an", "-nostats", "-fflags", "nobuffer", "-rtsp_transport", "tcp"]
    running = [
        subprocess.Popen(
            ["ffplay", *quiet, *size, f"{url}/cam{number}"],
            env={**screen.environ, "SDL_VIDEODRIVER": "x11", "SDL_RENDER_DRIVER": "software"},
            stdin=subprocess.DEVNULL,
        )
        for number in range(windows)
    ]
    try:
        time.sleep(6 + windows * 0.1)
        processes = [psutil.Process(process.pid) for process in running if process.poll() is None]
        before = sum(sum(process.cpu_times()[:2]) for process in processes)
        time.sleep(FFPLAY_S)
        after = sum(sum(process.cpu_times()[:2]) for process in processes)
        return (after - before) / FFPLAY_S / max(1, len(processes)) * windows
    finally:
        for process in running:
            process.kill()
            process.wait()


def measured(chosen: "figures.argparse.Namespace") -> dict[str, object]:
    counts = [int(count) for count in chosen.tiles.split(",")]
    found: dict[str, object] = {"size": chosen.size, "sub": chosen.sub, "fps_sent": FPS, "cores": os.cpu_count() or 1}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-bench-")))
        first = stack.enter_context(farm(chosen.size))
        second = stack.enter_context(farm(chosen.sub)) if chosen.sub else ""
        site = stack.enter_context(running_site(folder / "site"))
        add_cameras(site, max(*counts, 32), first, second)
        screen = stack.enter_context(virtual_screen(folder / "screen"))
        wall = Wall(site, screen, folder, chosen.seconds)
        found["cold_start_s"] = wall.cold_start_s()
        found["switch16_ms"] = wall.client(16, "--switch")["switch_ms"]
        for count in counts:
            shot = ["--screenshot", f"{chosen.screenshots}/wall-{count}.png"] if chosen.screenshots else []
            ours = wall.client(count, *shot)
            size = int(ours["picture_width_px"]), int(ours["picture_height_px"])
            shown = chosen.sub if ours["second_stream"] > count / 2 else chosen.size
            floor = floor_core(clip(shown, KBIT[shown], GOP, FPS), count, *size)
            ours |= {"floor_core": round(floor, 3), "cpu_ratio_vs_floor": round(ours["cpu_core"] / floor, 3)}
            if not chosen.no_peers and shutil.which("ffplay") and count == counts[0]:
                ours["ffplay_core"] = round(ffplay_core(screen, second or first, count, *size), 3)
            found |= {f"tiles{count}.{name}": value for name, value in ours.items()}
    return found


def main() -> None:
    parser = figures.options(__doc__.splitlines()[0])
    parser.add_argument("--tiles", default="16,36,64")
    parser.add_argument("--size", choices=KBIT, default="320x180", help="of the cameras' first stream")
    parser.add_argument("--sub", choices=["", *KBIT], default="", help="of their second stream; none without")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--screenshots", default="", metavar="DIR")
    chosen = parser.parse_args()
    missing = what_is_missing()
    if missing:
        sys.exit(f"This benchmark needs {missing}: install xvfb, openbox, xdotool and x11-utils.")
    figures.show(measured(chosen), as_json=chosen.json)


if __name__ == "__main__":
    main()
