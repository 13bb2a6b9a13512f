"""How well a name fits what was typed. Pure functions, quick enough for 10,000 names at each key."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_WORD_START, _START, _RUN = 8, 12, 4
_GAP_COST = 1
_SEPARATORS = frozenset(" -_/.,:()[]")

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Named(Generic[Thing]):
    """Something with a name, and the name as it is compared."""

    name: str
    thing: Thing
    folded: str

    @classmethod
    def of(cls, name: str, thing: Thing) -> "Named[Thing]":
        return cls(name, thing, name.casefold())


def score(folded: str, typed: str) -> int | None:
    """Return how well `folded` fits `typed` (both case-folded), None when not all letters of it are there in order.

    A part of the name as typed is best, at its start or that of a word better still; then letters in order, better
    where they begin words or follow each other.
    """
    if not typed:
        return 0
    at = folded.find(typed)
    if at >= 0:
        best = 100 + _at(folded, at)
        while best < 100 + _WORD_START and (at := folded.find(typed, at + 1)) >= 0:
            best = max(best, 100 + _at(folded, at))
        return best - min(20, len(folded) - len(typed)) // 4
    total, place, before = 0, -1, -1
    for letter in typed:
        if letter == " ":
            continue
        place = _next(folded, letter, before + 1)
        if place < 0:
            return None
        total += _RUN if place == before + 1 else _at(folded, place) - _GAP_COST * min(8, place - before - 1)
        before = place
    return total


def _next(folded: str, letter: str, start: int) -> int:
    """The next place of a letter: at the beginning of a word if there is one, else the first."""
    first = place = folded.find(letter, start)
    while place > 0 and place != start and folded[place - 1] not in _SEPARATORS:
        place = folded.find(letter, place + 1)
    return place if place >= 0 else first


def _at(folded: str, place: int) -> int:
    if place == 0:
        return _START
    return _WORD_START if folded[place - 1] in _SEPARATORS else 0


def best(things: Iterable[Named[Thing]], typed: str, most: int) -> list[tuple[int, Named[Thing]]]:
    """Return the things that fit best, with their scores, the best first; of equals those that came first."""
    wanted = " ".join(typed.casefold().split())
    fitting = ((value, thing) for thing in things if (value := score(thing.folded, wanted)) is not None)
    return heapq.nlargest(most, fitting, key=lambda pair: pair[0])


def all_named(names: Sequence[tuple[str, Thing]]) -> list[Named[Thing]]:
    """Make names comparable, once for many questions."""
    return [Named.of(name, thing) for name, thing in names]
