"""Where a window was, and where it goes when the screens are others. Device independent pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_PX = (320, 240)
_TITLE_PX = 32
"""Room for the title bar that the window manager puts above, so that the window can be moved."""


@dataclass(frozen=True, slots=True)
class ScreenBox:
    """A screen's name and the part of it that windows may use."""

    name: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A window on the screen with a name, from that screen's corner."""

    screen: str
    x: int
    y: int
    width: int
    height: int
    full_screen: bool = False

    def row(self) -> list[object]:
        """What is written of it."""
        return [self.screen, self.x, self.y, self.width, self.height, self.full_screen]


def spot_from(row: object) -> Spot | None:
    """Return what `Spot.row` wrote; None for anything else."""
    if not isinstance(row, list) or len(row) != 6 or not isinstance(row[0], str):
        return None
    if not all(type(number) is int and abs(number) < 1_000_000 for number in row[1:5]):
        return None
    name, x, y, width, height, full = row
    return Spot(name, x, y, width, height, full is True)


def spot_of(box: tuple[int, int, int, int], screen: ScreenBox, full_screen: bool) -> Spot:
    """Describe a window's place (x, y, width, height) on the screen that it is on."""
    x, y, width, height = box
    return Spot(screen.name, x - screen.x, y - screen.y, width, height, full_screen)


def place(spot: Spot, screens: Sequence[ScreenBox]) -> tuple[int, tuple[int, int, int, int]]:
    """Return the number of the screen to use, and x, y, width, height there.

    `screens`: at least one, the primary one first. A screen that is gone is replaced by the primary one; a window that
    is larger than its screen, or outside of it, is fitted in.
    """
    number = next((number for number, screen in enumerate(screens) if screen.name == spot.screen), 0)
    screen = screens[number]
    width = min(max(spot.width, _LEAST_PX[0]), screen.width)
    height = min(max(spot.height, _LEAST_PX[1]), max(1, screen.height - _TITLE_PX))
    x = min(max(spot.x, 0), screen.width - width)
    y = min(max(spot.y, _TITLE_PX), max(_TITLE_PX, screen.height - height))
    return number, (screen.x + x, screen.y + y, width, height)


def is_reachable(box: tuple[int, int, int, int], screens: Sequence[ScreenBox]) -> bool:
    """Whether enough of a window's title bar is on a screen to be taken hold of."""
    x, y, width, _ = box
    return any(
        min(x + width, screen.x + screen.width) - max(x, screen.x) >= 64
        and screen.y <= y + _TITLE_PX // 2 < screen.y + screen.height
        for screen in screens
    )
