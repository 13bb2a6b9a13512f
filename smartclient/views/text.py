"""How layouts are written into files and onto the server: rows of four whole numbers."""

from smartclient.views.layouts import MOST_PLACES, Layout, Place, checked


def layout_rows(layout: Layout) -> list[list[int]]:
    """x, y, width and height of each place."""
    return [[place.x, place.y, place.width, place.height] for place in layout]


def layout_from(rows: object) -> Layout | None:
    """Return what `layout_rows` wrote; None when it is something else."""
    if not isinstance(rows, list) or len(rows) > MOST_PLACES:
        return None
    places = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 4 or not all(type(number) is int for number in row):
            return None
        places.append(Place(*row))
    return checked(places)
