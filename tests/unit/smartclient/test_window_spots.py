"""Windows come back where they were, and sanely when the screens are others."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from smartclient.options.views import SavedView
from smartclient.views.layouts import square
from smartclient.windows.saved import SavedDesk, SavedDesks, SavedWindow
from smartclient.windows.spots import ScreenBox, Spot, is_reachable, place, spot_from, spot_of

LEFT = ScreenBox("DP-1", 0, 0, 1920, 1080)
RIGHT = ScreenBox("DP-2", 1920, 0, 1280, 1024)
NUMBERS = st.integers(-100_000, 100_000)


def test_a_window_stays_on_its_screen_wherever_that_stands_now() -> None:
    spot = spot_of((2000, 100, 800, 600), RIGHT, full_screen=True)
    assert spot == Spot("DP-2", 80, 100, 800, 600, full_screen=True)
    assert place(spot, (LEFT, RIGHT)) == (1, (2000, 100, 800, 600))
    moved = ScreenBox("DP-2", -1280, 200, 1280, 1024)
    assert place(spot, (LEFT, moved)) == (1, (-1200, 300, 800, 600))


def test_a_window_of_a_screen_that_is_gone_comes_to_the_primary_one() -> None:
    assert place(Spot("DP-9", 1800, 900, 800, 600), (RIGHT, LEFT)) == (0, (1920 + 480, 424, 800, 600))
    assert not is_reachable((2000, 100, 800, 600), (LEFT,))
    assert is_reachable((2000, 100, 800, 600), (LEFT, RIGHT))
    assert not is_reachable((100, -400, 800, 600), (LEFT, RIGHT))


@given(st.builds(Spot, st.sampled_from(["DP-1", "DP-2", ""]), NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_wherever_it_was_it_can_be_reached(spot: Spot) -> None:
    screens = (LEFT, RIGHT)
    number, (x, y, width, height) = place(spot, screens)
    assert is_reachable((x, y, width, height), screens)
    assert screens[number].x <= x
    assert x + width <= screens[number].x + screens[number].width


def test_desks_are_kept_and_garbage_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "windows.json"
    view = SavedView(square(2), ("a", "", "b"))
    window = SavedWindow("Gates", Spot("DP-2", 1, 40, 800, 600), view, linked=False)
    desk = SavedDesk(Spot("DP-1", 0, 32, 1440, 900, full_screen=True), (window,))
    desks = SavedDesks(file)
    desks.save("https://s", "Anna", desk)
    assert SavedDesks(file).load("https://s", "anna") == desk
    assert desks.load("https://s", "piet") == SavedDesk()
    rows = json.loads(file.read_text())
    row = rows["anna@https://s"]
    row["windows"] += [None, {"name": 3}, {**row["windows"][0], "spot": [1, 2]}]
    row["main"] = "?"
    file.write_text(json.dumps(rows))
    assert desks.load("https://s", "anna") == SavedDesk(None, (window,))
    file.write_text("[" * 100_000)
    assert desks.load("https://s", "anna") == SavedDesk()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_anything_else_is_no_spot(row: object) -> None:
    spot = spot_from(row)
    assert spot is None or spot.row() == row
