"""Digital zoom: how a wheel and a hand change the part of a picture that a tile shows."""

from dataclasses import dataclass

from common.media.picture_part import Part

MOST = 16.0
_STEP = 1.25  # a notch of the wheel
_WHOLE_BELOW = 1.02


@dataclass(frozen=True, slots=True)
class Zoom:
    """`times` enlarged, and the shown part's left top corner in shares of the picture."""

    times: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @property
    def active(self) -> bool:
        return self.times > 1.0

    @property
    def part(self) -> Part:
        size = 1.0 / self.times
        return Part(self.left, self.top, size, size)

    def by(self, notches: float, x: float, y: float) -> "Zoom":
        """Enlarge by so many notches (negative: back); what is at `x`, `y`, shares of the tile's picture, stays."""
        times = min(MOST, max(1.0, self.times * _STEP**notches))
        if times < _WHOLE_BELOW:
            return Zoom()
        at_x, at_y = self.left + x / self.times, self.top + y / self.times
        return _inside(times, at_x - x / times, at_y - y / times)

    def moved(self, dx: float, dy: float) -> "Zoom":
        """Follow a hand that drags the picture by so many shares of the tile's picture."""
        return _inside(self.times, self.left - dx / self.times, self.top - dy / self.times)


def _inside(times: float, left: float, top: float) -> Zoom:
    most = 1.0 - 1.0 / times
    return Zoom(times, min(most, max(0.0, left)), min(most, max(0.0, top)))
