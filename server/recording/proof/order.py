"""Which fragments of a file are where they were recorded, when some were moved or copied."""

from collections.abc import Sequence
from itertools import pairwise


def in_place(numbers: Sequence[int]) -> list[int]:
    """Positions whose numbers rise, as many as possible; the others were moved, or are there twice.

    Where it could be one or the other, those stay that are at their own place by rank, and behind or before their own
    neighbour: of two that were swapped, what lies between them is never blamed.
    """
    if all(a < b for a, b in pairwise(numbers)):
        return list(range(len(numbers)))
    ranks = {number: rank for rank, number in enumerate(sorted(set(numbers)), 1)}
    at_home = sorted(numbers)
    best: list[tuple[int, int]] = [(0, -1)] * (len(ranks) + 1)  # Fenwick tree: largest weight of a chain up to a rank
    before: list[int] = []
    for position, number in enumerate(numbers):
        weight = 1 + 2 * (at_home[position] == number)
        weight += 2 * (position > 0 and numbers[position - 1] == number - 1)
        weight += 2 * (position + 1 < len(numbers) and numbers[position + 1] == number + 1)
        total, last = _best_up_to(best, ranks[number] - 1)
        before.append(last)
        _put(best, ranks[number], (total + weight, position))
    _, position = _best_up_to(best, len(ranks))
    kept: list[int] = []
    while position >= 0:
        kept.append(position)
        position = before[position]
    return kept[::-1]


def _best_up_to(tree: list[tuple[int, int]], rank: int) -> tuple[int, int]:
    found = (0, -1)
    while rank > 0:
        found = max(found, tree[rank])
        rank -= rank & -rank
    return found


def _put(tree: list[tuple[int, int]], rank: int, entry: tuple[int, int]) -> None:
    while rank < len(tree):
        tree[rank] = max(tree[rank], entry)
        rank += rank & -rank
