"""Layouts: those ready for use cover the view, neighbours are where they are seen, files are read with care."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartclient.options.views import SavedView, SavedViews
from smartclient.views.layouts import MOST_PLACES, SIDE, SQUARES, UNEVEN, Layout, across, layout_for, neighbour, square
from smartclient.views.text import layout_from, layout_rows

READY = [*(square(number) for number in SQUARES), *UNEVEN.values()]


@pytest.mark.parametrize("layout", READY, ids=[*map(str, SQUARES), *UNEVEN])
def test_places_cover_the_view_and_nothing_twice(layout: Layout) -> None:
    assert sum(place.width * place.height for place in layout) == SIDE * SIDE
    for number, one in enumerate(layout):
        for other in layout[number + 1 :]:
            beside = one.right <= other.x or other.right <= one.x
            assert beside or one.bottom <= other.y or other.bottom <= one.y
    assert layout_from(layout_rows(layout)) == layout


def test_names_say_how_many_places_there_are() -> None:
    for name, layout in UNEVEN.items():
        first, sign, second = name.split()
        assert len(layout) == (int(first) * int(second) if sign == "×" else int(first) + int(second))
    assert [across(square(number)) for number in SQUARES] == list(SQUARES)
    assert not any(across(layout) for layout in UNEVEN.values())
    assert [len(layout_for(count)) for count in (1, 2, 4, 5, 100, 1000)] == [1, 4, 4, 9, 100, 100]


def test_arrows_go_to_the_place_beside() -> None:
    one_and_five = UNEVEN["1 + 5"]
    assert neighbour(one_and_five, 0, 1, 0) == 1  # right of the large one, level with its top
    assert neighbour(one_and_five, 1, -1, 0) == 0
    assert neighbour(one_and_five, 0, 0, 1) == 3
    assert neighbour(one_and_five, 0, -1, 0) is None
    row = [0]
    while (after := neighbour(square(4), row[-1], 1, 0)) is not None:
        row.append(after)
    assert row == [0, 1, 2, 3]
    assert all(neighbour(square(4), two, -1, 0) == one for one, two in pairwise(row))


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=12))
def test_anything_else_is_no_layout(rows: object) -> None:
    layout = layout_from(rows)
    assert layout is None or (0 < len(layout) <= MOST_PLACES and all(place.right <= SIDE for place in layout))


def test_last_views_are_kept_and_old_files_read(tmp_path: Path) -> None:
    file = tmp_path / "views.json"
    views = SavedViews(file)
    saved = SavedView(UNEVEN["2 + 8"], ("a", "", "b"))
    views.save("https://s", "Anna", saved)
    assert SavedViews(file).load("https://s", "anna") == saved
    file.write_text('{"anna@https://s": {"columns": 3, "cameras": ["a"]}}')
    assert views.load("https://s", "anna") == SavedView(square(3), ("a",))
    file.write_text('{"anna@https://s": {"layout": [[0, 0, 2000, 5]], "cameras": ["a"]}}')
    assert views.load("https://s", "anna") is None
