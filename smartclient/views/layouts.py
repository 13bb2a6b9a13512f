"""Layouts of views: rectangles on a grid of 1000 by 1000, and the ones that are ready for use."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

SIDE = 1000
MOST_ACROSS = 10
MOST_PLACES = MOST_ACROSS**2


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of a layout, in thousandths of the view's width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height


Layout = tuple[Place, ...]
"""In the order in which cameras fill it."""


def _in_units(columns: int, rows: int, cells: tuple[int, int, int, int]) -> Place:
    x, y, width, height = cells
    left, top = round(x * SIDE / columns), round(y * SIDE / rows)
    return Place(left, top, round((x + width) * SIDE / columns) - left, round((y + height) * SIDE / rows) - top)


def grid(columns: int, rows: int) -> Layout:
    """Places of one size, row by row from the top left."""
    return tuple(_in_units(columns, rows, (x, y, 1, 1)) for y, x in product(range(rows), range(columns)))


def square(across: int) -> Layout:
    return grid(across, across)


def _around(columns: int, rows: int, *large: tuple[int, int, int, int]) -> Layout:
    """Large places (x, y, width, height in cells), and every cell that they leave free."""
    taken = {(x + dx, y + dy) for x, y, width, height in large for dx, dy in product(range(width), range(height))}
    free = [(x, y, 1, 1) for y, x in product(range(rows), range(columns)) if (x, y) not in taken]
    return tuple(_in_units(columns, rows, cells) for cells in (*large, *free))


SQUARES = tuple(range(1, MOST_ACROSS + 1))
UNEVEN: dict[str, Layout] = {
    "2 × 1": grid(2, 1),
    "3 × 2": grid(3, 2),
    "4 × 3": grid(4, 3),
    "1 + 2": _around(3, 2, (0, 0, 2, 2)),
    "1 + 5": _around(3, 3, (0, 0, 2, 2)),
    "1 + 7": _around(4, 4, (0, 0, 3, 3)),
    "1 + 9": _around(5, 5, (0, 0, 4, 4)),
    "1 + 12": _around(4, 4, (1, 1, 2, 2)),
    "2 + 8": _around(4, 4, (0, 0, 2, 2), (2, 0, 2, 2)),
    "3 + 4": _around(4, 4, (0, 0, 2, 2), (2, 0, 2, 2), (0, 2, 2, 2)),
}
"""By the name that the menu shows: figures, the same in every language."""


def across(layout: Layout) -> int:
    """How many places a square layout has side by side; 0 for a layout that is not square."""
    number = next((number for number in SQUARES if number**2 == len(layout)), 0)
    return number if number and layout == square(number) else 0


def layout_for(cameras: int) -> Layout:
    """The smallest square layout that shows so many."""
    return square(next((number for number in SQUARES if number**2 >= cameras), MOST_ACROSS))


def checked(places: Sequence[Place]) -> Layout | None:
    """Return the places as a layout; None when there are none, too many, or one is not on the grid."""
    fits = all(
        min(place.x, place.y) >= 0 and min(place.width, place.height) >= 1 and max(place.right, place.bottom) <= SIDE
        for place in places
    )
    return tuple(places) if fits and 0 < len(places) <= MOST_PLACES else None


def neighbour(layout: Layout, start: int, dx: int, dy: int) -> int | None:
    """Return the place beside `start` in a direction: the nearest, of several the one whose corner is most level."""
    here = layout[start]
    found: list[tuple[int, int, int]] = []
    for number, place in enumerate(layout):
        if dx:
            gap = place.x - here.right if dx > 0 else here.x - place.right
            shared, off = min(here.bottom, place.bottom) - max(here.y, place.y), abs(place.y - here.y)
        else:
            gap = place.y - here.bottom if dy > 0 else here.y - place.bottom
            shared, off = min(here.right, place.right) - max(here.x, place.x), abs(place.x - here.x)
        if number != start and gap >= 0 and shared > 0:
            found.append((gap, off, number))
    return min(found)[2] if found else None
