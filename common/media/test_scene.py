"""The scene that a simulated camera looks at: a street by a small town, with cars, walkers and clouds.

Planes are YUV 4:2:0, limited range, as arrays of the picture's and half the picture's size. The background is drawn
once; a frame costs a copy of it and a few small rectangles, so that many simulated cameras fit one core.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from common.foundation.clock import UtcUs
from common.media.dot_font import text_mask
from common.media.picture_stamp import HEIGHT_SHARE, write_stamp

Plane = NDArray[np.uint8]
Yuv = tuple[int, int, int]

_INK: Yuv = (235, 128, 128)
_SHADE: Yuv = (30, 128, 128)
_PAINTS = ((190, 40, 40), (230, 230, 235), (40, 80, 170), (235, 180, 40), (50, 130, 80), (60, 60, 70), (200, 110, 40))


def yuv_of(red: int, green: int, blue: int) -> Yuv:
    """Convert a colour to limited-range BT.709."""
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        round(16 + luma * 219 / 255),
        round(128 + (blue - luma) / 1.8556 * 224 / 255),
        round(128 + (red - luma) / 1.5748 * 224 / 255),
    )


@dataclass(frozen=True, slots=True)
class _Traveller:
    """Something that crosses the picture; sizes and places in pixels."""

    colour: Yuv
    width: int
    height: int
    foot_y: int
    speed_px_s: float
    start_x: float
    walks: bool


class Scene:
    """What one simulated camera sees. The same `name` always gives the same street."""

    def __init__(self, name: str, width_px: int, height_px: int) -> None:
        """Width and height are even."""
        self._width, self._height = width_px, height_px
        self._dice = random.Random(f"vedette {name}")  # noqa: S311 - scenery, not secrets
        self._dot = max(1, width_px // 320)
        self._back = self._draw_background()
        self._travellers = self._make_travellers()
        self._label(self._back, name[:24], self._dot * 8, height_px // HEIGHT_SHARE + self._dot * 4, self._dot)

    def frame(self, at: UtcUs) -> tuple[Plane, Plane, Plane]:
        """Return the three planes of the picture at `at`, clock and machine-readable stamp drawn in."""
        planes = (self._back[0].copy(), self._back[1].copy(), self._back[2].copy())
        seconds = at / 1e6
        for one in self._travellers:
            self._draw_traveller(planes, one, seconds)
        moment = datetime.fromtimestamp(at // 100_000 / 10, UTC)
        clock = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 100_000}Z"
        dot = max(1, self._dot * 4 // 3)
        self._label(planes, clock, self._dot * 8, self._height - 10 * dot, dot)
        write_stamp(planes[0], at)
        rows = max(2, self._height // HEIGHT_SHARE) // 2 + 1
        planes[1][:rows] = planes[2][:rows] = 128
        return planes

    def _draw_background(self) -> tuple[Plane, Plane, Plane]:
        width, height, dice = self._width, self._height, self._dice
        rgb = np.zeros((height, width, 3), dtype=np.float32)
        horizon = int(height * 0.52)
        warm = dice.random()
        sky_top = np.array([60 + 60 * warm, 110 + 20 * warm, 190 - 30 * warm])
        sky_low = np.array([190 + 50 * warm, 215 - 20 * warm, 240 - 70 * warm])
        fade = np.linspace(0, 1, horizon)[:, None, None]
        rgb[:horizon] = sky_top * (1 - fade) + sky_low * fade
        rows, columns = np.mgrid[0:height, 0:width]
        sun_x, sun_y, radius = width * dice.uniform(0.15, 0.85), height * dice.uniform(0.16, 0.3), height * 0.05
        distance = np.hypot(columns - sun_x, rows - sun_y)
        glow = np.clip(1.4 - distance / radius, 0, 1)[:, :, None]
        rgb[:] = rgb * (1 - glow) + np.array([255, 240, 200]) * glow
        phase = dice.uniform(0, 6)
        for layer, depth in enumerate((0.10, 0.05)):  # two ranges of hills
            ridge = horizon - height * depth * (
                1 + 0.6 * np.sin(np.arange(width) / width * (5 + 4 * layer) + phase + layer)
            )
            rgb[(rows >= ridge[None, :]) & (rows < horizon)] = (96 - 26 * layer, 128 - 18 * layer, 112 - 32 * layer)
        fall = np.linspace(0, 1, height - horizon)[:, None, None]
        rgb[horizon:] = np.array([96, 140, 78]) * (1 - fall) + np.array([66, 104, 58]) * fall
        self._draw_houses(rgb, horizon)
        road_top, road_low = int(height * 0.66), int(height * 0.84)
        rgb[road_top - self._dot * 4 : road_top] = (178, 174, 166)
        rgb[road_low : road_low + self._dot * 6] = (178, 174, 166)
        rgb[road_top:road_low] = (78, 80, 86)
        middle = (road_top + road_low) // 2
        dashes = (np.arange(width) // max(1, width // 32)) % 2 == 0
        rgb[middle - self._dot : middle + self._dot, dashes] = (226, 220, 190)
        return self._to_planes(rgb)

    def _draw_houses(self, rgb: NDArray[np.float32], horizon: int) -> None:
        dice, width, height = self._dice, self._width, self._height
        left = dice.randrange(width // 12)
        while left < width:
            house_width = int(width * dice.uniform(0.07, 0.13))
            top = horizon - int(height * dice.uniform(0.08, 0.26))
            low = horizon + int(height * 0.05)
            wall = np.array([dice.randint(150, 215), dice.randint(130, 185), dice.randint(110, 165)])
            rgb[top:low, left : left + house_width] = wall
            rgb[top : top + self._dot * 4, left : left + house_width] = wall * 0.55
            pane = max(4, house_width // 9)
            for y in range(top + pane + self._dot * 3, low - 2 * pane, 2 * pane):
                for x in range(left + pane, min(left + house_width, width) - pane, 2 * pane):
                    rgb[y : y + pane, x : x + pane] = (250, 226, 150) if dice.random() < 0.3 else (70, 88, 110)
            left += house_width + int(width * dice.uniform(0.0, 0.05))

    def _to_planes(self, rgb: NDArray[np.float32]) -> tuple[Plane, Plane, Plane]:
        red, green, blue = rgb[:, :, 0], rgb[:, :, 1], rgb[:, :, 2]
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        small = (slice(0, None, 2), slice(0, None, 2))
        return (
            np.clip(16 + luma * (219 / 255), 16, 235).astype(np.uint8),
            np.clip(128 + (blue - luma) / 1.8556 * (224 / 255), 16, 240)[small].astype(np.uint8),
            np.clip(128 + (red - luma) / 1.5748 * (224 / 255), 16, 240)[small].astype(np.uint8),
        )

    def _make_travellers(self) -> tuple[_Traveller, ...]:
        dice, width, height = self._dice, self._width, self._height
        found: list[_Traveller] = []
        for lane, (foot, way) in enumerate(((0.735, 1), (0.825, -1))):
            for index in range(2):
                size = height * (0.065 + 0.02 * lane)
                colour = yuv_of(*dice.choice(_PAINTS))
                speed = way * width * dice.uniform(0.10, 0.2)
                start = width * (index * 0.6 + dice.uniform(0, 0.3))
                found.append(_Traveller(colour, int(size * 2.3), int(size), int(height * foot), speed, start, False))
        for _ in range(3):
            colour = yuv_of(*dice.choice(_PAINTS))
            speed = dice.choice((-1, 1)) * width * dice.uniform(0.02, 0.04)
            tall = int(height * 0.085)
            start = width * dice.random()
            found.append(_Traveller(colour, max(4, tall // 4), tall, int(height * 0.9), speed, start, True))
        return tuple(found)

    def _draw_traveller(self, planes: tuple[Plane, Plane, Plane], one: _Traveller, seconds: float) -> None:
        x = int((one.start_x + one.speed_px_s * seconds) % (self._width + 2 * one.width)) - one.width
        top = one.foot_y - one.height
        if one.walks:
            self._box(planes, x, top, one.width, one.width, yuv_of(222, 184, 150))
            self._box(planes, x - 1, top + one.width, one.width + 2, one.height // 2, one.colour)
            legs = top + one.width + one.height // 2
            stride = int(one.width * 0.5 * abs(np.sin(seconds * 5 + one.start_x)))
            for leg_x in (x - stride // 2, x + one.width // 2 + stride // 2):
                self._box(planes, leg_x, legs, max(2, one.width // 2), one.foot_y - legs, _SHADE)
            return
        wheel = max(3, one.height // 3)
        self._box(planes, x + one.width // 5, top, one.width * 3 // 5, one.height // 2, one.colour)
        glass = yuv_of(170, 205, 225)
        self._box(planes, x + one.width // 4, top + one.height // 10, one.width // 2, one.height // 3, glass)
        self._box(
            planes, x, top + one.height // 2 - 1, one.width, one.height - one.height // 2 - wheel // 2, one.colour
        )
        for wheel_x in (x + one.width // 8, x + one.width * 7 // 8 - wheel):
            self._box(planes, wheel_x, one.foot_y - wheel, wheel, wheel, (20, 128, 128))

    def _box(  # noqa: PLR0917 - a rectangle and where it goes
        self, planes: tuple[Plane, Plane, Plane], x: int, y: int, width: int, height: int, colour: Yuv
    ) -> None:
        right, bottom = min(x + width, self._width), min(y + height, self._height)
        x, y = max(x, 0), max(y, 0)
        if right <= x or bottom <= y:
            return
        planes[0][y:bottom, x:right] = colour[0]
        half = (slice(y // 2, (bottom + 1) // 2), slice(x // 2, (right + 1) // 2))
        planes[1][half] = colour[1]
        planes[2][half] = colour[2]

    def _label(self, planes: tuple[Plane, Plane, Plane], text: str, x: int, y: int, dot_px: int) -> None:
        ink = text_mask(text, dot_px)
        self._box(planes, x - 2 * dot_px, y - 2 * dot_px, ink.shape[1] + 3 * dot_px, ink.shape[0] + 4 * dot_px, _SHADE)
        place = planes[0][y : y + ink.shape[0], x : x + ink.shape[1]]
        place[ink[: place.shape[0], : place.shape[1]]] = _INK[0]
