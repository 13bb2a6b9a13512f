"""The Smart Client on two screens, as a user has it: a window on each, one screen taken away, and the next start.

Pictures of the screens are left in tests/artifacts for a person to look at.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.foundation.clock import SystemClock
from tests.support.demo_site import DemoSite, demo_site
from tests.support.real_client import ARTIFACTS, FRESH_US, client
from tests.support.virtual_screen import VirtualScreen, until, virtual_screen, what_is_missing

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(what_is_missing()), reason=f"not installed: {what_is_missing()}"),
]
WIDE_PX, HIGH_PX = 1280, 800


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with demo_site(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[VirtualScreen]:
    with virtual_screen(tmp_path / "screens", f"{WIDE_PX}x{HIGH_PX}", monitors=2) as made:
        yield made


def live_on(screens: VirtualScreen) -> tuple[int, int]:
    """How many live pictures are on each screen."""
    now_us = SystemClock().now_us()
    lefts = [left for (left, _), at in screens.stamps().items() if abs(now_us - at) < FRESH_US]
    return sum(left < WIDE_PX for left in lefts), sum(left >= WIDE_PX for left in lefts)


def is_full(screens: VirtualScreen, edge_px: int = WIDE_PX) -> bool:
    """Whether a picture begins at the left edge of a screen, usually the second one."""
    return any(edge_px <= left < edge_px + 20 for left, _ in screens.stamps())


def test_a_window_on_the_second_screen_comes_back_there_or_on_the_first(
    demo: DemoSite, screens: VirtualScreen, tmp_path: Path
) -> None:
    with client("smartclient", demo, screens, tmp_path):
        screens.until_window("Vedette Smart Client")
        until(lambda: live_on(screens) == (4, 0), "four live pictures")
        screens.hands("key", "alt+1")
        until(lambda: live_on(screens) == (1, 0), "one large tile")
        screens.hands("key", "ctrl+n")
        until(lambda: live_on(screens) == (1, 1), "a window on the other screen")
        screens.until_window("Window 2 — Vedette Smart Client")
        screens.save(ARTIFACTS / "screens-window.png")
        screens.hands("key", "F11")
        until(lambda: is_full(screens), "the full screen")
        assert live_on(screens)[0] == 1
        screens.save(ARTIFACTS / "screens-full.png")

    with client("smartclient", demo, screens, tmp_path):
        until(lambda: live_on(screens) == (1, 1), "both windows where they were")
        until(lambda: is_full(screens), "the full screen")
        screens.save(ARTIFACTS / "screens-restored.png")
        screens.unplug("M2")
        until(lambda: live_on(screens)[1] == 0, "nothing where the screen was")
        until(lambda: live_on(screens)[0] > 0 and not is_full(screens, 0), "the window on the screen that is left")
        screens.save(ARTIFACTS / "screens-unplugged.png")

    with client("smartclient", demo, screens, tmp_path):
        until(lambda: len(screens.windows()) == 2 and live_on(screens)[0] > 0, "both windows on one screen")
        assert live_on(screens)[1] == 0
        assert not is_full(screens, 0)
        screens.save(ARTIFACTS / "screens-one-left.png")
