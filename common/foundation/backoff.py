"""How long to wait before trying again."""

import random
from collections.abc import Callable


class Backoff:
    """Doubles from `first_s` to `most_s`, each wait shortened at random by up to a quarter.

    The jitter keeps a hundred cameras behind one rebooted switch from all coming back in the same instant.
    """

    def __init__(
        self, first_s: float = 1.0, most_s: float = 15.0, random_0_1: Callable[[], float] = random.random
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._random_0_1 = random_0_1
        self._base_s = first_s

    def next_s(self) -> float:
        """Return the seconds to wait now, and lengthen the next wait."""
        wait_s = self._base_s * (1 - 0.25 * self._random_0_1())
        self._base_s = min(self._base_s * 2, self._most_s)
        return wait_s

    def succeeded(self) -> None:
        """Start over with the shortest wait."""
        self._base_s = self._first_s
