"""Both desktop clients as a user has them: real processes on a real screen, against the demo's real servers.

Pictures of the screen are left in tests/artifacts for a person to look at.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.foundation.clock import US_PER_S
from tests.support.demo_site import DemoSite, demo_site
from tests.support.real_client import ARTIFACTS, client, live_pictures
from tests.support.virtual_screen import VirtualScreen, until, virtual_screen, what_is_missing

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(what_is_missing()), reason=f"not installed: {what_is_missing()}"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with demo_site(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualScreen]:
    with virtual_screen(tmp_path_factory.mktemp("screen")) as made:
        yield made


def reaches_the_edge(screen: VirtualScreen) -> bool:
    return min((left for left, _ in screen.stamps()), default=1000) < 60


def test_the_smart_client_shows_live_and_recorded_pictures(
    demo: DemoSite, screen: VirtualScreen, tmp_path: Path
) -> None:
    with client("smartclient", demo, screen, tmp_path):
        screen.until_window("Vedette Smart Client")
        until(lambda: live_pictures(screen) == 4, "four live pictures")
        first = min(screen.stamps().values())
        until(lambda: len(screen.stamps()) == 4 and min(screen.stamps().values()) > first, "all four to go on")
        screen.save(ARTIFACTS / "smartclient-live.png")

        screen.hands("key", "ctrl+2", "Home")  # the selected camera's first recording; others began a little later
        until(lambda: len(screen.stamps()) > 0 and live_pictures(screen) == 0, "the first recorded picture")
        screen.hands("key", "space")
        until(lambda: len(screen.stamps()) == 4, "four recorded pictures")
        at = min(screen.stamps().values())
        until(lambda: len(screen.stamps()) == 4 and min(screen.stamps().values()) > at + US_PER_S, "playback to go on")
        screen.save(ARTIFACTS / "smartclient-playback.png")
        screen.hands("key", "space")
        screen.until_still()
        times = screen.stamps().values()
        assert max(times) - min(times) < US_PER_S // 5, "paused, all pictures are of one time"
        screen.hands("key", "End")
        until(lambda: live_pictures(screen) == 4, "live pictures again")

        screen.hands("key", "F11")
        until(lambda: live_pictures(screen) == 4 and reaches_the_edge(screen), "live pictures on the full screen")
        screen.save(ARTIFACTS / "smartclient-full-screen.png")
        screen.hands("key", "Escape")
        until(lambda: live_pictures(screen) == 4 and not reaches_the_edge(screen), "the window as it was")


def test_a_camera_is_dragged_into_a_tile_and_the_operator_signs_in_again(
    demo: DemoSite, screen: VirtualScreen, tmp_path: Path
) -> None:
    with client("smartclient", demo, screen, tmp_path):
        screen.until_window("Vedette Smart Client")
        until(lambda: live_pictures(screen) == 4, "four live pictures")
        screen.hands("key", "Delete")
        until(lambda: len(screen.stamps()) == 3, "an empty tile")
        left, top = screen.corner("Vedette Smart Client")
        screen.drag((left + 100, top + 406), (left + 500, top + 250))  # first camera of the list, empty tile
        until(lambda: live_pictures(screen) == 4, "the dragged camera")

        screen.hands("mousemove", str(left + 1440 - 48), str(top + 20), "click", "1")
        screen.hands("key", "Down", "Return")  # the user's menu: sign out
        screen.until_window("Sign in - Vedette Smart Client")
        screen.hands("type", demo.password)
        screen.hands("key", "Return")
        screen.until_no_window("Sign in")
        screen.until_window("Vedette Smart Client")
        until(lambda: live_pictures(screen) == 4, "live pictures in the next session")


def test_the_management_client_tests_and_adds_a_camera(demo: DemoSite, screen: VirtualScreen, tmp_path: Path) -> None:
    with client("mgmtclient", demo, screen, tmp_path):
        screen.until_window("Vedette Management Client")
        screen.until_still()
        screen.save(ARTIFACTS / "mgmtclient-tree.png")
        screen.hands("key", "Down", "Down")  # the recording server, then its first hardware
        screen.until_still()
        screen.save(ARTIFACTS / "mgmtclient-property-page.png")

        screen.hands("key", "ctrl+n")
        screen.until_window("Add camera — Vedette Management Client")
        screen.hands("type", "simulator:back-yard")
        screen.hands("key", "alt+t")
        until(lambda: live_pictures(screen) == 1, "the test picture")
        screen.save(ARTIFACTS / "mgmtclient-add-camera.png")
        screen.hands("key", "Return")
        screen.until_no_window("Add camera")
        with demo.session() as session:
            addresses = [hardware.address for hardware in session.client.hardware()]
        assert "simulator:back-yard" in addresses
        screen.until_still()
        screen.save(ARTIFACTS / "mgmtclient-added.png")
