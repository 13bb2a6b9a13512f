"""Slows down guessing: after some wrong passwords in a row a name is locked for a while, longer each time.

Names that do not exist are treated alike, so that being locked tells nothing. The same is done by network address, for
those who try one password on many names. Remembered in memory only: a restart forgets, which no stranger can cause.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST_NAMES = 10_000  # a guess costs the guesser an argon2 hash, so nobody floods this quickly


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0
    locked_until_s: float = 0.0


class Lockout:
    """Counts failures by name; safe to use from any thread."""

    def __init__(
        self,
        after: int,
        first_s: float,
        most_s: float,
        monotonic_s: Callable[[], float],
        one_forgotten_each_s: float = 0.0,
    ) -> None:
        """`one_forgotten_each_s`: for names that no success clears (addresses), how fast failures fade; 0: never."""
        self._after = after
        self._first_s = first_s
        self._most_s = most_s
        self._monotonic_s = monotonic_s
        self._one_forgotten_each_s = one_forgotten_each_s
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
            now_s = self._monotonic_s()
            known = self._names.setdefault(name, _Failures(last_s=now_s))
            self._names.move_to_end(name)
            if self._one_forgotten_each_s:
                known.count = max(0, known.count - int((now_s - known.last_s) / self._one_forgotten_each_s))
            known.count += 1
            known.last_s = now_s
            if known.count >= self._after:
                doublings = min(known.count - self._after, 30)
                lock_s = min(self._first_s * float(1 << doublings), self._most_s)
                known.locked_until_s = now_s + lock_s
            else:
                lock_s = 0.0
            if len(self._names) > _MOST_NAMES:
                self._names.popitem(last=False)
            return lock_s

    def succeeded(self, name: str) -> None:
        """Start over for a name: the right password, or an administrator's word."""
        with self._lock:
            self._names.pop(name, None)


def address_key(address: str) -> str:
    """Return by what a client's address is counted: an IPv6 network is one customer's, whatever host it sends from."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
