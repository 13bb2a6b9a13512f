"""What the quick switcher finds for what was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartclient.switcher.matching import all_named, best, score

NAMES = ("Entrance north", "Entrance south", "Dock 2", "Dock 12", "Yard", "Car park, north", "Übergang Süd")


def found(typed: str) -> list[str]:
    return [named.name for _, named in best(all_named([(name, name) for name in NAMES]), typed, 10)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("yard", "Yard"),
        ("dock 2", "Dock 2"),
        ("north", "Entrance north"),
        ("en so", "Entrance south"),
        ("cpn", "Car park, north"),
        ("übers", "Übergang Süd"),
        ("  DOCK   12 ", "Dock 12"),
    ],
)
def test_what_is_meant_comes_first(typed: str, first: str) -> None:
    assert found(typed)[0] == first


def test_what_does_not_fit_is_not_there() -> None:
    assert found("zebra") == []
    assert found("") == list(NAMES)
    assert "Yard" not in found("dy")


@given(st.text(max_size=30), st.text(max_size=12))
def test_any_text_is_taken(name: str, typed: str) -> None:
    value = score(name.casefold(), typed.casefold())
    letters = [letter for letter in typed.casefold() if letter != " "]
    if typed.casefold() in name.casefold():
        assert value is not None
    if value is not None and typed:
        assert all(letter in name.casefold() for letter in letters)


def test_ten_thousand_names_are_looked_through() -> None:
    things = all_named([(f"Building {n % 40} floor {n % 9} camera {n:05d}", n) for n in range(10_000)])
    assert [named.thing for _, named in best(things, "camera 09876", 5)] == [9876]
    assert len(best(things, "b3f4", 20)) == 20
