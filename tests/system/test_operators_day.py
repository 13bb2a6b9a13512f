"""An operator's day with the Smart Client as it is used: keys on a real screen, real servers, a network that fails.

A picture of the screen for each step is left in tests/artifacts for a person to look at.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import pytest
import pyzipper

from common.clients.bookmarks import SiteBookmarks
from common.clients.views import SiteView, SiteViewGroup, SiteViews
from common.foundation.clock import US_PER_S, SystemClock, UtcUs
from smartclient.views.text import contents_text
from tests.support.operators_site import CAMERAS, OperatorsSite, asleep, film, operators_site
from tests.support.real_client import ARTIFACTS, client
from tests.support.virtual_screen import VirtualScreen, until, virtual_screen, what_is_missing

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(what_is_missing()), reason=f"not installed: {what_is_missing()}"),
]
WINDOW = "Vedette Smart Client"
TOKEN_LIFE_S = 20
CABLE_OUT_S = TOKEN_LIFE_S + 1.0
LID_OPEN_S = 12.0
FILMED = CAMERAS[:2]
FILM_S = 240
PASSWORD = "Correct horse 9"
HEADLINE = "A red car stops"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[OperatorsSite]:
    with operators_site(tmp_path / "site", TOKEN_LIFE_S) as made:
        yield made


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[VirtualScreen]:
    with virtual_screen(tmp_path / "screen", "1600x1000") as made:
        yield made


def yesterday(clock: str) -> UtcUs:
    """The time that an operator means by "yesterday 14:03"."""
    day = datetime.now().astimezone().date() - timedelta(days=1)
    moment = datetime.combine(day, clock_time.fromisoformat(clock)).astimezone()
    return UtcUs(round(moment.timestamp() * US_PER_S))


def numbered_view(site: OperatorsSite, number: str) -> None:
    """Have a view of the filmed cameras, side by side, that everybody opens by its number."""
    views = SiteViews(site.running.client)
    group = views.create_group(SiteViewGroup("", "Gates"))
    halves = ((0, 0, 500, 1000), (500, 0, 500, 1000))
    shown = contents_text(tuple(site.camera(name) for name in FILMED))
    views.create_view(SiteView("", "Deliveries", group.id, halves, shown, number))


class Operator:
    """Somebody at the keyboard, and what they see."""

    def __init__(self, screen: VirtualScreen) -> None:
        self._screen = screen
        self._step = 0

    def keep(self, what: str) -> None:
        """Keep a picture of the screen."""
        self._step += 1
        self._screen.save(ARTIFACTS / f"day-{self._step:02}-{what}.png")

    def press(self, *keys: str) -> None:
        self._screen.hands("key", *keys)

    def write(self, text: str) -> None:
        self._screen.hands("type", text)

    def sees_live(self, pictures: int) -> None:
        since = SystemClock().now_us()

        def there() -> bool:
            seen = self._screen.stamps().values()
            return len(seen) == pictures and min(seen) > since

        until(there, f"{pictures} live pictures")

    def opens(self, number: str, pictures: int) -> None:
        """Open a view by its number, again as long as the list of views has not come from the server yet."""

        def opened() -> bool:
            if len(self._screen.stamps()) == pictures:
                return True
            self.press(number)
            time.sleep(0.5)
            return False

        until(opened, f"view {number}")
        self.sees_live(pictures)

    def sees_none(self) -> None:
        """Nothing passes for live any more: old pictures are greyed, and their stamps cannot be read."""
        until(lambda: not self._screen.stamps(), "pictures that say they are old")

    def goes_to(self, day: str, clock: str) -> None:
        """Find what all cameras in view saw then."""
        self.press("g")
        self.write(f"{day} {clock}")
        self.press("Return")
        wanted = yesterday(clock)

        def there() -> bool:
            seen = self._screen.stamps(wanted).values()
            return len(seen) == len(FILMED) and all(abs(at - wanted) <= US_PER_S for at in seen)

        until(there, f"the pictures of {clock}")


def test_an_operators_day(site: OperatorsSite, screen: VirtualScreen, tmp_path: Path) -> None:
    filmed = {site.camera(name): name for name in FILMED}
    film(site.running.recordings, filmed, yesterday("14:01"), FILM_S)
    numbered_view(site, "7")
    operator = Operator(screen)
    with client("smartclient", site.door, screen, tmp_path) as process:
        screen.until_window(WINDOW)
        operator.sees_live(len(CAMERAS))
        operator.opens("7", len(FILMED))
        operator.keep("view")

        site.kill("server.recording")
        operator.sees_none()
        operator.keep("recorder-lost")
        operator.sees_live(len(FILMED))

        site.pull_the_cable(True)
        pulled_s = time.monotonic()
        operator.sees_none()
        operator.keep("cable-out")
        site.kill("server.management")
        time.sleep(max(0.0, pulled_s + LID_OPEN_S - time.monotonic()))
        operator.keep("cable-out-long")
        with asleep(process.pid):
            time.sleep(max(0.0, pulled_s + CABLE_OUT_S - time.monotonic()))  # until the token is worth nothing
            site.pull_the_cable(False)
        operator.sees_live(len(FILMED))
        operator.keep("cable-in")

        operator.press("ctrl+2")
        operator.goes_to("yesterday", "14:01")
        operator.press("i")
        operator.goes_to("yesterday", "14:04")
        operator.press("o")
        operator.goes_to("yesterday", "14:03")
        operator.keep("found")
        bookmarks_the_moment(operator, screen, site)
        exported = exports_both(operator, screen, tmp_path)
        operator.press("Escape", "End")
        screen.until_no_window("Exports")
        operator.sees_live(len(FILMED))
        operator.keep("live-again")
    assert_is_whole(exported, tmp_path / "unpacked")


def bookmarks_the_moment(operator: Operator, screen: VirtualScreen, site: OperatorsSite) -> None:
    operator.press("shift+b")
    screen.until_window(f"Bookmark — {WINDOW}")
    operator.write(HEADLINE)
    operator.keep("bookmark")
    operator.press("Return")
    kept = SiteBookmarks(site.running.client)
    until(lambda: bool(kept.search(yesterday("14:00"), yesterday("14:10"))), "the bookmark on the server")
    (mark,) = kept.search(yesterday("14:00"), yesterday("14:10"))
    assert (mark.header, mark.begin_us, mark.triggered_us) == (HEADLINE, yesterday("14:01"), yesterday("14:03"))
    screen.until_no_window("Bookmark")


def exports_both(operator: Operator, screen: VirtualScreen, home: Path) -> Path:
    """Export the selected three minutes of both cameras as a package with a password; return the file."""
    operator.press("e")
    screen.until_window(f"Export recordings — {WINDOW}")
    operator.press("Down", "space")  # the second camera, too
    operator.press("Tab", "Tab", "Tab", "End")  # past the times: the last format
    operator.press("Tab", "Tab")
    operator.write(PASSWORD)
    operator.press("Tab")
    operator.write(PASSWORD)
    screen.until_still()
    operator.keep("export")
    operator.press("Return")
    screen.until_window(f"Exports — {WINDOW}")
    folder = home / "Videos" / "Vedette"
    until(lambda: bool(list(folder.glob("*/*.zip"))), "the exported package")
    operator.keep("exported")
    (made,) = folder.glob("*/*.zip")
    return made


def assert_is_whole(package: Path, folder: Path) -> None:
    """It opens with the password only, holds both cameras' films, and its own verifier finds it untouched."""
    with pyzipper.AESZipFile(package) as archive:
        films = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert {Path(name).parent.name for name in films} == set(FILMED)
        with pytest.raises(RuntimeError, match="password"):
            archive.read(films[0])
        archive.setpassword(PASSWORD.encode())
        archive.extractall(folder)
    verifier = next(folder.rglob("verify.py"))
    done = subprocess.run([sys.executable, "-I", str(verifier)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
