"""A time that machines read in a picture: a row of black and white blocks along the top edge.

60 blocks of equal width: white, black; 48 bits of UTC in milliseconds; 8 bits of check sum; black, white. Most
significant bit first, white is 1. The row is 1/30 of the picture's height, so it survives scaling and compression, and
a benchmark that sees the decoded picture knows when it was drawn.
"""

import numpy as np
from numpy.typing import NDArray

from common.foundation.clock import UtcUs

BLOCKS = 60
HEIGHT_SHARE = 30


def stamp_blocks(at: UtcUs) -> NDArray[np.bool_]:
    """Return the 60 blocks of a time, True is white."""
    value = (at // 1000) & (1 << 48) - 1
    bits = value << 8 | _check(value)
    inner = [bits >> shift & 1 for shift in range(55, -1, -1)]
    return np.array([1, 0, *inner, 0, 1], dtype=bool)


def write_stamp(luma: NDArray[np.uint8], at: UtcUs) -> None:
    """Draw a time over the top rows of a luma plane, shape (height_px, width_px)."""
    height, width = luma.shape
    edges = np.arange(width) * BLOCKS // width
    luma[: max(2, height // HEIGHT_SHARE)] = np.where(stamp_blocks(at)[edges], 235, 16).astype(np.uint8)


def read_stamp(luma: NDArray[np.uint8]) -> UtcUs | None:
    """Return the time drawn in a luma or grey plane, of any size from 120 wide; None when there is none."""
    height, width = luma.shape
    if width < 2 * BLOCKS or height < HEIGHT_SHARE:
        return None
    row = luma[max(0, height // HEIGHT_SHARE // 2)]
    centres = (np.arange(BLOCKS) * 2 + 1) * width // (2 * BLOCKS)
    bits = [int(dot) for dot in row[centres] > 125]
    if [*bits[:2], *bits[-2:]] != [1, 0, 0, 1]:
        return None
    number = int("".join(map(str, bits[2:-2])), 2)
    value, check = number >> 8, number & 0xFF
    return UtcUs(value * 1000) if check == _check(value) else None


def _check(value: int) -> int:
    return (sum(value.to_bytes(6, "big")) * 7 + 0x5A) & 0xFF
