"""Items of views: written and read again, and nothing that is not understood gets lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartclient.views.items import (
    MOST_PICTURE_BYTES,
    Carousel,
    Hotspot,
    Item,
    Picture,
    Unknown,
    Writing,
    content_of,
    item_from,
)
from smartclient.views.text import contents_from, contents_text

ROWS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "item",
    [Hotspot(), Carousel(("a", "b"), 7), Picture(b"\x89PNG", "plan.png"), Writing("# Tor „Süd“", True, 32)],
)
def test_items_are_what_they_were_when_they_are_read_again(item: Hotspot | Carousel | Picture | Writing) -> None:
    content = content_of(item)
    assert item_from(content) == item
    assert contents_from(contents_text(("gate", content, ""))) == ("gate", content, "")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"item": "map", "site": [1, 2]}, "map"),
        ({"item": "carousel", "cameras": [1]}, "carousel"),
        ({"item": "carousel", "cameras": ["a"], "seconds": True}, "carousel"),
        ({"item": "picture", "data": "%%%"}, "picture"),
        ({"item": "picture", "data": "A" * (MOST_PICTURE_BYTES * 2)}, "picture"),
        ({"item": "text", "text": 5}, "text"),
        ({"item": ["x"]}, ""),
        ({"camera": 7}, ""),
    ],
)
def test_what_is_not_known_or_damaged_is_kept(row: dict[str, object], kind: str) -> None:
    (content,) = contents_from(json.dumps({"items": [row]}))
    assert item_from(content) == Unknown(kind)
    assert json.loads(contents_text((content,)))["items"] == [row]


@given(ROWS)
def test_no_definition_breaks_a_view(row: object) -> None:
    for definition in (json.dumps(row), json.dumps({"items": row}), json.dumps({"items": [row]}), str(row)):
        contents = contents_from(definition)
        items: list[Item | None] = [item_from(content) for content in contents]
        assert len(items) == len(contents)
        assert contents_from(contents_text(contents)) == contents


def test_numbers_out_of_range_are_brought_into_it() -> None:
    assert item_from('{"item":"carousel","cameras":["a"],"seconds":0}') == Carousel(("a",), 2)
    assert item_from('{"item":"text","text":"x","size_px":100000}') == Writing("x", False, 120)


def test_a_text_that_only_looks_like_an_item_is_no_reason_to_fail() -> None:
    assert item_from("{no json") == Unknown("")
    assert contents_from(contents_text(("{no json", "gate"))) == ("", "gate")
