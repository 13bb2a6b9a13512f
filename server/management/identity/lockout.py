"""Slows down guessing: after some wrong passwords in a row a name is locked for a while, longer each time.

Names that do not exist are treated alike, so that being locked tells nothing. Remembered in memory only: a restart
forgets, which no stranger can cause.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST_NAMES = 10_000  # a guess costs the guesser an argon2 hash, so nobody floods this quickly


@dataclass(slots=True)
class _Failures:
    count: int = 0
    locked_until_s: float = 0.0


class Lockout:
    """Counts failures by name; safe to use from any thread."""

    def __init__(self, after: int, first_s: float, most_s: float, monotonic_s: Callable[[], float]) -> None:
        self._after = after
        self._first_s = first_s
        self._most_s = most_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._names: OrderedDict[str, _Failures] = OrderedDict()

    def remaining_s(self, name: str) -> float:
        """Return for how long a name is still locked; 0 when it is not."""
        with self._lock:
            known = self._names.get(name)
            return max(0.0, known.locked_until_s - self._monotonic_s()) if known else 0.0

    def failed(self, name: str) -> float:
        """Note a wrong password; return for how long the name is locked now, 0 when it is not."""
        with self._lock:
            known = self._names.setdefault(name, _Failures())
            self._names.move_to_end(name)
            known.count += 1
            if known.count >= self._after:
                doublings = min(known.count - self._after, 30)
                lock_s = min(self._first_s * float(1 << doublings), self._most_s)
                known.locked_until_s = self._monotonic_s() + lock_s
            else:
                lock_s = 0.0
            if len(self._names) > _MOST_NAMES:
                self._names.popitem(last=False)
            return lock_s

    def succeeded(self, name: str) -> None:
        """Start over for a name: the right password, or an administrator's word."""
        with self._lock:
            self._names.pop(name, None)
