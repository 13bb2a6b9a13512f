"""The addresses of a site's management servers, of which one serves at a time."""

import threading
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from common.foundation.errors import ServerUnreachable

_MOST = 16


class ServingPlaces:
    """Remembers which address served last; safe to use from any thread."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """Raises ServerUnreachable when one is no https address."""
        self._places = list(dict.fromkeys(map(_plain, addresses)))
        self._lock = threading.Lock()
        self._at = 0

    @property
    def current(self) -> str:
        """The address to use: `https://host[:port]`."""
        with self._lock:
            return self._places[self._at]

    def leave(self, place: str, tried: Collection[str], active: str = "") -> bool:
        """`place` does not serve: go to `active`, which it named, or to the next; False when all were tried."""
        with self._lock:
            if active.startswith("https://"):
                named = _plain(active)
                if named not in self._places and len(self._places) < _MOST:
                    self._places.append(named)
                if named in self._places and named not in tried:
                    self._at = self._places.index(named)
                    return True
            for step in range(1, len(self._places)):
                at = (self._places.index(place) + step) % len(self._places)
                if self._places[at] not in tried:
                    self._at = at
                    return True
            self._at = (self._places.index(place) + 1) % len(self._places)
            return False


def _plain(address: str) -> str:
    parts = urlsplit(address.strip())
    if parts.scheme != "https" or not parts.hostname:
        raise ServerUnreachable(f"{address.strip()!r} is not an https address", server=address.strip())
    return f"https://{parts.netloc.rpartition('@')[2]}"
