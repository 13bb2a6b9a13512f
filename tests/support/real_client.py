"""A desktop client as a process of its own on a virtual screen, and what is seen of it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from common.foundation.clock import US_PER_S, SystemClock
from tests.support.demo_site import ROOT, DemoSite
from tests.support.virtual_screen import VirtualScreen, until

ARTIFACTS = ROOT / "tests" / "artifacts"
"""Pictures of the screen, for a person to look at."""
FRESH_US = 5 * US_PER_S


@contextmanager
def client(product: str, demo: DemoSite, screen: VirtualScreen, home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a client, end it as a session manager would, and look that it says nothing and leaves nobody behind."""
    said = home / f"{product}.err"
    environ = {**screen.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{product}.app.main", *demo.arguments()], cwd=ROOT, env=environ, stderr=errors
        )
        children: list[psutil.Process] = []
        try:
            yield process
            assert process.poll() is None, said.read_text()
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        except AssertionError:
            screen.save(ARTIFACTS / f"{product}-failed.png")
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert said.read_text() == ""
    until(lambda: not any(child.is_running() for child in children), "the client's helpers to end", 10)


def live_pictures(screen: VirtualScreen) -> int:
    """How many pictures on the screen are from just now."""
    now_us = SystemClock().now_us()
    return sum(abs(now_us - at) < FRESH_US for at in screen.stamps().values())
