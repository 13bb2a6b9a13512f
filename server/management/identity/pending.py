"""Sign-ins in a browser that are half done: what was right so far, kept in memory for a few minutes.

A right password opens an entry, so strangers cannot fill the memory. A restart forgets; people then type again.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from server.management.identity.first_factor import Recognised
from server.management.identity.sign_in import Proven, Typed

LIFE_S = 300.0
_MOST = 1000


@dataclass(frozen=True, slots=True, repr=False)
class PendingSignIn:
    """What was typed so far; `vouched` by a login provider instead of a password; `proven` when all is done."""

    browser: str  # the browser's cookie: nobody else may go on
    typed: Typed
    vouched: Recognised | None = None
    proven: Proven | None = None


class PendingSignIns:
    """On the event loop only."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._known: OrderedDict[str, tuple[float, PendingSignIn]] = OrderedDict()

    def put(self, pending: PendingSignIn) -> str:
        """Keep one and return by what its browser names it; the oldest gives way when there are too many."""
        now_s = self._monotonic_s()
        while self._known and (len(self._known) >= _MOST or next(iter(self._known.values()))[0] <= now_s):
            self._known.popitem(last=False)
        name = secrets.token_urlsafe(32)
        self._known[name] = (now_s + LIFE_S, pending)
        return name

    def take(self, name: str, browser: str) -> PendingSignIn | None:
        """Return one and forget it; None when it is too old or another browser's."""
        until_s, pending = self._known.pop(name, (0.0, None))
        if pending is None or until_s <= self._monotonic_s():
            return None
        return pending if hmac.compare_digest(pending.browser, browser) else None
