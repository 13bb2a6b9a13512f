"""How much of a live tile is decoded, and what is left out when the computer cannot do all of it."""

from enum import IntEnum


class Level(IntEnum):
    """Each step leaves out more; the numbers are spoken between GUI and decoder process."""

    FULL = 0
    SMALLER = 1  # the camera's smaller stream, though the tile could show more
    THINNED = 2  # pictures that no other needs are not decoded; where there are none, every second is not shown
    KEYFRAMES = 3


SAVES = {Level.SMALLER: 0.5, Level.THINNED: 0.4, Level.KEYFRAMES: 0.85}
"""Share of its present cost that a tile saves by taking this step, about: 1 keyframe in 25 to 50 pictures, a smaller
stream of a quarter of the pixels, half the pictures scaled."""


def next_step(level: Level, has_smaller: bool) -> Level | None:
    """The next step down from `level`; None when there is none."""
    if level is Level.KEYFRAMES:
        return None
    following = Level(level + 1)
    return Level.THINNED if following is Level.SMALLER and not has_smaller else following


def step_back(level: Level, has_smaller: bool) -> Level:
    """The step that undoes `next_step`."""
    before = Level(max(0, level - 1))
    return Level.FULL if before is Level.SMALLER and not has_smaller else before
