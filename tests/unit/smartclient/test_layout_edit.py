"""Whatever is done to a layout, its places cover the view, and nothing twice."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smartclient.views.layout_edit import LEAST, edge_at, edge_of, merge, move_edge, split
from smartclient.views.layouts import SIDE, UNEVEN, Layout, Place, square

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["split", "merge", "drag", "key"]),
        st.integers(0, 99),
        st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1)]),
        st.integers(0, SIDE),
        st.integers(0, SIDE),
    ),
    max_size=30,
)


def covers(layout: Layout) -> bool:
    apart = all(
        one.right <= other.x or other.right <= one.x or one.bottom <= other.y or other.bottom <= one.y
        for number, one in enumerate(layout)
        for other in layout[number + 1 :]
    )
    return apart and sum(place.width * place.height for place in layout) == SIDE * SIDE


@given(st.sampled_from([square(1), square(3), *UNEVEN.values()]), STEPS)
def test_any_steps_leave_a_whole_layout(layout: Layout, steps: list[tuple[Any, ...]]) -> None:
    for what, which, (dx, dy), x, y in steps:
        number = which % len(layout)
        edited = split(layout, number, bool(dx)) if what == "split" else None
        if what == "merge":
            edited = merge(layout, number, dx, dy)
        if edited is not None:
            kept = [before for before in edited.before if before >= 0]
            assert sorted(kept) == sorted(set(kept))
            assert len(edited.before) == len(edited.layout)
            layout = edited.layout
        edge = edge_of(layout, number, bool(dx)) if what == "key" else edge_at(layout, x, y, 40, 40)
        if what in {"drag", "key"} and edge is not None:
            layout = move_edge(layout, edge, x)
        assert covers(layout)
        assert all(place.width >= LEAST and place.height >= LEAST for place in layout)


def test_an_edge_moves_as_one_and_snaps() -> None:
    edge = edge_at(square(2), 505, 100, 10, 10)
    assert edge is not None
    assert (edge.start, edge.end) == (0, 1000) or (edge.start, edge.end) == (0, 500)
    moved = move_edge(square(2), edge, 664)
    assert moved[0].width == 666  # a third, twice
    assert move_edge(square(2), edge, 5000)[0].width == SIDE - LEAST
    assert edge_at(square(2), 250, 250, 10, 10) is None


def test_halves_are_made_and_taken_back() -> None:
    halves = split(square(1), 0, side_by_side=True)
    assert halves is not None
    assert halves.layout == (Place(0, 0, 500, 1000), Place(500, 0, 500, 1000))
    quarter = split(halves.layout, 1, side_by_side=False)
    assert quarter is not None
    assert quarter.before == (0, 1, -1)
    whole = merge(quarter.layout, 0, 1, 0)
    assert whole is not None
    assert whole.layout == square(1)
    assert merge(UNEVEN["1 + 5"], 1, -1, 0) is None  # the large one is higher
    tiny = square(10)
    assert split(tiny, 0, side_by_side=True) is None  # there are a hundred already
