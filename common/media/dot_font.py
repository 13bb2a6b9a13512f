"""A bitmap font of 5 by 7 dots, to write into pictures without a font file or a drawing library."""

import numpy as np
from numpy.typing import NDArray

# Seven rows a letter, a byte each in hexadecimal, the leftmost dot in bit 4.
_ROWS = {
    "A": "0e11111f111111",
    "B": "1e11111e11111e",
    "C": "0e11101010110e",
    "D": "1e11111111111e",
    "E": "1f10101e10101f",
    "F": "1f10101e101010",
    "G": "0e11101711110f",
    "H": "1111111f111111",
    "I": "0e04040404040e",
    "J": "0702020202120c",
    "K": "11121418141211",
    "L": "1010101010101f",
    "M": "111b1515111111",
    "N": "11191513111111",
    "O": "0e11111111110e",
    "P": "1e11111e101010",
    "Q": "0e11111115120d",
    "R": "1e11111e141211",
    "S": "0f10100e01011e",
    "T": "1f040404040404",
    "U": "1111111111110e",
    "V": "11111111110a04",
    "W": "11111115151b11",
    "X": "11110a040a1111",
    "Y": "11110a04040404",
    "Z": "1f01020408101f",
    "0": "0e11131519110e",
    "1": "040c040404040e",
    "2": "0e11010608101f",
    "3": "1e01010e01011e",
    "4": "02060a121f0202",
    "5": "1f101e0101110e",
    "6": "0608101e11110e",
    "7": "1f010204080808",
    "8": "0e11110e11110e",
    "9": "0e11110f01020c",
    ":": "00040400040400",
    ".": "00000000000606",
    "-": "0000000e000000",
    "/": "01020204080810",
    "+": "0004041f040400",
    "_": "0000000000001f",
    " ": "00000000000000",
    "?": "0e110106040004",
}
_WIDTH_DOTS, _HEIGHT_DOTS = 6, 7


def text_mask(text: str, dot_px: int) -> NDArray[np.bool_]:
    """Return where ink goes: shape (7 * dot_px, 6 * dot_px * letters). Letters we do not have become `?`."""
    dots = np.zeros((_HEIGHT_DOTS, _WIDTH_DOTS * len(text)), dtype=bool)
    for place, letter in enumerate(text.upper()):
        rows = bytes.fromhex(_ROWS.get(letter, _ROWS["?"]))
        for row, pattern in enumerate(rows):
            for column in range(5):
                dots[row, place * _WIDTH_DOTS + column] = pattern >> (4 - column) & 1
    return dots.repeat(dot_px, axis=0).repeat(dot_px, axis=1)
