"""A screen without hardware for the real applications: Xvfb, a window manager, hands, and eyes that read pictures."""

import os
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from common.media.picture_stamp import BLOCKS, read_stamp

_NEEDED = ("Xvfb", "openbox", "xdotool", "xprop", "xrandr", "xwininfo")
_ANSWER_S = 20.0
_LEAST_STAMP_PX = 240
_DAY_US = 86_400 * US_PER_S


def what_is_missing() -> str:
    """Return the programs that a virtual screen needs and this machine lacks, "" for none."""
    return ", ".join(name for name in _NEEDED if shutil.which(name) is None)


class VirtualScreen:
    """A running X server. Its picture is a file in `folder`, in XWD format, that is always current."""

    def __init__(self, display: str, folder: Path) -> None:
        self.display = display
        self.environ = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self._frame = folder / "Xvfb_screen0"

    def picture(self) -> NDArray[np.uint8]:
        """Return what is on the screen, shape (height_px, width_px, 4): blue, green, red, nothing."""
        content = self._frame.read_bytes()
        head = struct.unpack(">25I", content[:100])  # X11/XWDFile.h: 25 words, big-endian
        header_bytes, width, height, line_bytes, colours = head[0], head[4], head[5], head[12], head[19]
        start = header_bytes + colours * 12
        lines = np.frombuffer(content, np.uint8, height * line_bytes, start).reshape(height, line_bytes)
        return lines[:, : width * 4].reshape(height, width, 4)

    def save(self, file: Path) -> None:
        """Write the screen as PNG."""
        seen = np.ascontiguousarray(self.picture())
        height, width = seen.shape[:2]
        image = QImage(seen.data, width, height, width * 4, QImage.Format.Format_RGB32)
        file.parent.mkdir(parents=True, exist_ok=True)
        assert image.save(str(file))

    def hands(self, *call: str) -> None:
        """Run xdotool: key, type, mousemove, click, windowactivate."""
        self._ask("xdotool", *call)

    def is_managed(self) -> bool:
        """Whether the window manager answers."""
        return "window id" in self._ask("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")

    def windows(self) -> dict[str, str]:
        """Return the ids of the windows that the window manager shows, by title."""
        found: dict[str, str] = {}
        for window in re.findall(r"0x[0-9a-f]+", self._ask("xprop", "-root", "_NET_CLIENT_LIST")):
            title = re.search(r'"(.*)"', self._ask("xprop", "-id", window, "-notype", "_NET_WM_NAME"))
            found[title[1] if title else ""] = window
        return found

    def until_window(self, title_end: str) -> None:
        """Wait for a window whose title ends so, and give it the focus."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [window for title, window in self.windows().items() if title.endswith(title_end)]
            return bool(found)

        until(look, f"a window {title_end!r}")
        self.hands("windowactivate", "--sync", found[0])

    def corner(self, title_end: str) -> tuple[int, int]:
        """Return where the inside of a window begins on the screen, in pixels."""
        window = next(window for title, window in self.windows().items() if title.endswith(title_end))
        said = self._ask("xwininfo", "-id", window)
        left, top = re.findall(r"Absolute upper-left [XY]: +(-?\d+)", said)
        return int(left), int(top)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press at one place, move to another in a few steps as a hand does, and let go."""
        self.hands("mousemove", str(start[0]), str(start[1]), "mousedown", "1")
        for step in range(1, 6):
            x, y = (a + (b - a) * step // 5 for a, b in zip(start, end, strict=True))
            self.hands("mousemove", "--sync", str(x), str(y))
        self.hands("mouseup", "1")

    def plug(self, monitor: str, width_px: int, height_px: int, left_px: int) -> None:
        """Connect a monitor; the one at the left edge is the primary one."""
        box = f"{width_px}/{width_px * 254 // 960}x{height_px}/{height_px * 254 // 960}+{left_px}+0"
        self._ask("xrandr", "--setmonitor", monitor, box, "none" if left_px else "screen")

    def unplug(self, monitor: str) -> None:
        """Take a monitor away, as if its cable was pulled."""
        self._ask("xrandr", "--delmonitor", monitor)

    def until_no_window(self, title_start: str) -> None:
        """Wait until no window's title starts so."""
        until(lambda: not any(title.startswith(title_start) for title in self.windows()), f"no {title_start!r}")

    def _ask(self, *call: str) -> str:
        done = subprocess.run(call, env=self.environ, capture_output=True, text=True, check=False, timeout=_ANSWER_S)
        return done.stdout

    def until_still(self) -> None:
        """Wait until nothing but clocks changes any more: four looks in a row that differ in few pixels."""
        seen = [self.picture()]

        def still() -> bool:
            time.sleep(0.1)
            now, before = self.picture(), seen[-1]
            seen.append(now)
            if np.count_nonzero(np.any(now != before, axis=2)) > 400:
                del seen[:-1]
            return len(seen) > 4

        until(still, "a still screen")

    def stamps(self, about_us: int | None = None) -> dict[tuple[int, int], UtcUs]:
        """Return the times that the pictures on the screen carry (`common.media.picture_stamp`), by their corner;
        those within a day of now, or of `about_us`."""
        grey = self.picture()[:, :, 2]  # red: the blue frame around a selected tile is black in it
        near_us = SystemClock().now_us() if about_us is None else about_us
        found: dict[tuple[int, int], UtcUs] = {}
        for top in range(0, grey.shape[0] - 30, 2):
            for left, right in _strips(grey[top]):
                if any(abs(left - x) < 8 and 0 <= top - y < 40 for x, y in found):
                    continue
                stamp = read_stamp(grey[top : top + 30, left:right])
                if stamp is not None and abs(stamp - near_us) < _DAY_US:  # else it is chance: the check sum is small
                    found[left, top] = stamp
        return found


def _strips(row: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield where a stamp may begin and end: its first block is white, the next one black, the last one white."""
    edges = np.flatnonzero(np.diff((row > 125).astype(np.int8)))
    if len(edges) < 10:
        return
    starts, ends = edges[row[edges + 1] > 125] + 1, edges[row[edges] > 125] + 1
    for left in starts:
        after = ends[ends > left]
        for right in after:
            block = (right - left) / BLOCKS
            if right - left >= _LEAST_STAMP_PX and abs(after[0] - left - block) < 1.6:  # edges blur when scaled
                yield int(left), int(right)


def until(seen: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Wait for a condition, looking ten times a second; AssertionError names it when it does not come."""
    end = time.monotonic() + timeout_s
    while not seen():
        assert time.monotonic() < end, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.1)


@contextmanager
def virtual_screen(folder: Path, size: str = "1920x1080", monitors: int = 1) -> Iterator[VirtualScreen]:
    """Start an X server on a free display, with a window manager; end both. `size` is that of each monitor: they stand
    side by side, and are named M1, M2, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    read_end, write_end = os.pipe()
    width, height = map(int, size.split("x"))
    whole = f"{width * monitors}x{height}x24"
    call = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", whole, "-nolisten", "tcp"]
    server = subprocess.Popen(
        [*call, "-fbdir", str(folder), "-noreset"], pass_fds=[write_end], stderr=subprocess.DEVNULL
    )
    os.close(write_end)
    manager = None
    try:
        with os.fdopen(read_end) as told:
            number = told.readline().strip()
        assert re.fullmatch(r"\d+", number), "Xvfb did not start"
        screen = VirtualScreen(f":{number}", folder)
        if monitors > 1:
            for place in range(monitors):
                screen.plug(f"M{place + 1}", width, height, place * width)
        manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env=screen.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(screen.is_managed, "the window manager")
        yield screen
    finally:
        for process in (manager, server):
            if process is not None:
                _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    if process.poll() is None:
        process.kill()
        process.wait()
