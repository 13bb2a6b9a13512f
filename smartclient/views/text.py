"""How layouts and views are written into files and onto the server."""

import json

from smartclient.views.items import content_from, row_of
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


def contents_text(contents: tuple[str, ...]) -> str:
    """What our client keeps of a view beside its places: what stands in each of them (see `items`)."""
    return json.dumps({"version": 1, "items": [row_of(content) for content in contents]})


def contents_from(definition: str) -> tuple[str, ...]:
    """Return what `contents_text` wrote; nothing of what another program wrote."""
    try:
        items = json.loads(definition)["items"]
        return tuple(content_from(item) for item in items[:MOST_PLACES])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
