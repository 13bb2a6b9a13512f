"""Changing layouts: splitting and merging places, and moving the edges between them. Nothing ever overlaps by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smartclient.views.layouts import MOST_PLACES, SIDE, Layout, Place

LEAST = 50
"""A place is at least so wide and high: a twentieth of the view."""
STEP = 10
_SNAP = 12


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between places: upright at `at` from `start` to `end`, or level."""

    upright: bool
    at: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edited:
    """A layout and, for each place, the number that it had before; -1 for a new one. `selected` is what to select."""

    layout: Layout
    before: tuple[int, ...]
    selected: int


def split(layout: Layout, number: int, side_by_side: bool) -> Edited | None:
    """Cut a place into halves; None when they would be too small, or too many."""
    place = layout[number]
    size = place.width if side_by_side else place.height
    half = size // 2
    if half < LEAST or len(layout) >= MOST_PLACES:
        return None
    if side_by_side:
        first, second = replace(place, width=half), replace(place, x=place.x + half, width=size - half)
    else:
        first, second = replace(place, height=half), replace(place, y=place.y + half, height=size - half)
    kept = tuple(first if each is place else each for each in layout)
    return Edited((*kept, second), (*range(len(layout)), -1), number)


def merge(layout: Layout, number: int, dx: int, dy: int) -> Edited | None:
    """Let a place take its neighbours in a direction; None when they do not end where it ends."""
    here = layout[number]
    taken = [each for each, place in enumerate(layout) if each != number and _touches(here, place, dx, dy)]
    if not taken:
        return None
    others = [layout[each] for each in taken]
    whole = _around([here, *others])
    covered = here.width * here.height + sum(place.width * place.height for place in others)
    if covered != whole.width * whole.height:
        return None
    kept = [each for each in range(len(layout)) if each not in taken]
    return Edited(tuple(whole if each == number else layout[each] for each in kept), tuple(kept), kept.index(number))


def edge_at(layout: Layout, x: float, y: float, near_x: float, near_y: float) -> Edge | None:
    """Return the edge between places at a point, as far as it has to move as one; None away from all."""
    for place in layout:
        if place.right < SIDE and abs(place.right - x) <= near_x and place.y <= y < place.bottom:
            return _whole_edge(layout, Edge(True, place.right, place.y, place.bottom))
        if place.bottom < SIDE and abs(place.bottom - y) <= near_y and place.x <= x < place.right:
            return _whole_edge(layout, Edge(False, place.bottom, place.x, place.right))
    return None


def edge_of(layout: Layout, number: int, upright: bool) -> Edge | None:
    """Return the right or lower edge of a place, or the left or upper one of the last place; None when it has none."""
    place = layout[number]
    start, end = (place.y, place.bottom) if upright else (place.x, place.right)
    for at in (place.right, place.x) if upright else (place.bottom, place.y):
        if 0 < at < SIDE:
            return _whole_edge(layout, Edge(upright, at, start, end))
    return None


def move_edge(layout: Layout, edge: Edge, to: int, snap: bool = True) -> Layout:
    """Move an edge as far towards `to` as the places beside it stay large enough."""
    before, behind = _beside(layout, edge)
    least = max((_start(layout[each], edge) + LEAST for each in before), default=0)
    most = min((_end(layout[each], edge) - LEAST for each in behind), default=SIDE)
    if least > most:
        return layout
    at = min(max(_snapped(layout, edge, to) if snap else to, least), most)
    moved = list(layout)
    for each in before:
        place = layout[each]
        moved[each] = replace(place, width=at - place.x) if edge.upright else replace(place, height=at - place.y)
    for each in behind:
        place = layout[each]
        if edge.upright:
            moved[each] = replace(place, x=at, width=place.right - at)
        else:
            moved[each] = replace(place, y=at, height=place.bottom - at)
    return tuple(moved)


def _snapped(layout: Layout, edge: Edge, to: int) -> int:
    """The nearest edge of other places, else a round number."""
    sides = [(_start(place, edge), _end(place, edge)) for place in layout]
    lines = {at for pair in sides for at in pair if at != edge.at} | {SIDE // 3, SIDE // 2, SIDE * 2 // 3}
    near = min(lines, key=lambda at: abs(at - to))
    return near if abs(near - to) <= _SNAP else round(to / STEP) * STEP


def _whole_edge(layout: Layout, edge: Edge) -> Edge:
    """Grow an edge until every place that touches it lies wholly along it."""
    while True:
        before, behind = _beside(layout, edge)
        spans = [_span(layout[each], edge) for each in (*before, *behind)]
        start = min((span[0] for span in spans), default=edge.start)
        end = max((span[1] for span in spans), default=edge.end)
        if (start, end) == (edge.start, edge.end):
            return edge
        edge = replace(edge, start=start, end=end)


def _beside(layout: Layout, edge: Edge) -> tuple[list[int], list[int]]:
    """The places that end at an edge, and those that begin there."""
    along = [
        (number, place)
        for number, place in enumerate(layout)
        if _span(place, edge)[0] < edge.end and edge.start < _span(place, edge)[1]
    ]
    before = [number for number, place in along if _end(place, edge) == edge.at]
    return before, [number for number, place in along if _start(place, edge) == edge.at]


def _start(place: Place, edge: Edge) -> int:
    return place.x if edge.upright else place.y


def _end(place: Place, edge: Edge) -> int:
    return place.right if edge.upright else place.bottom


def _span(place: Place, edge: Edge) -> tuple[int, int]:
    return (place.y, place.bottom) if edge.upright else (place.x, place.right)


def _touches(here: Place, place: Place, dx: int, dy: int) -> bool:
    if dx:
        beside = place.x == here.right if dx > 0 else place.right == here.x
        return beside and place.y < here.bottom and here.y < place.bottom
    beside = place.y == here.bottom if dy > 0 else place.bottom == here.y
    return beside and place.x < here.right and here.x < place.right


def _around(places: Sequence[Place]) -> Place:
    x, y = min(place.x for place in places), min(place.y for place in places)
    return Place(x, y, max(place.right for place in places) - x, max(place.bottom for place in places) - y)
