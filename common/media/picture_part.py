"""Which part of a picture is looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a picture in shares of its width and height, from its top left corner."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @property
    def whole(self) -> bool:
        return self.width >= 1.0 and self.height >= 1.0

    def in_px(self, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """Return left, top, width and height in whole pixels, even as chroma wants them, inside the picture."""
        width = min(width_px, max(2, round(self.width * width_px / 2) * 2))
        height = min(height_px, max(2, round(self.height * height_px / 2) * 2))
        left = min(max(0, round(self.left * width_px / 2) * 2), width_px - width)
        top = min(max(0, round(self.top * height_px / 2) * 2), height_px - height)
        return left, top, width, height
