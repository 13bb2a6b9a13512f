"""Sessions of the Events and State WebSocket, which outlive a lost connection for a while."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from common.api.site_events import SiteEvent
from server.management.events.filters import Subscription

INACTIVE_S = 30
MOST_SESSIONS = 4000
MOST_SUBSCRIPTIONS = 100


class TooManySessions(Exception):
    """As many clients as there may be are connected."""


@dataclass(slots=True, eq=False)
class EventSession:
    """What a client has asked for, and how far it was told. `left_s`: when it lost its connection; None: it has one."""

    id: str
    user_id: str
    at: int
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    left_s: float | None = None

    def wants(self, event: SiteEvent) -> bool:
        return any(each.wants(event) for each in self.subscriptions.values())


class EventSessions:
    """All sessions. On the event loop only."""

    def __init__(self, monotonic_s: Callable[[], float], most: int = MOST_SESSIONS) -> None:
        self._monotonic_s = monotonic_s
        self._most = most
        self._sessions: dict[str, EventSession] = {}

    def start(self, user_id: str, at: int) -> EventSession:
        """A new one, which is told what comes behind `at`. Raises TooManySessions."""
        self._drop_old()
        if len(self._sessions) >= self._most:
            raise TooManySessions
        session = EventSession(secrets.token_urlsafe(18), user_id, at)
        self._sessions[session.id] = session
        return session

    def resume(self, identifier: str, user_id: str) -> EventSession | None:
        """Take up a session whose connection was lost a short time ago; None when there is none of this user."""
        self._drop_old()
        session = self._sessions.get(identifier)
        if session is None or session.user_id != user_id or session.left_s is None:
            return None
        session.left_s = None
        return session

    def leave(self, session: EventSession) -> None:
        """Its connection is lost."""
        session.left_s = self._monotonic_s()

    def end(self, session: EventSession) -> None:
        """It is not to be taken up again."""
        self._sessions.pop(session.id, None)

    def _drop_old(self) -> None:
        oldest_s = self._monotonic_s() - INACTIVE_S
        for session in [each for each in self._sessions.values() if each.left_s is not None and each.left_s < oldest_s]:
            del self._sessions[session.id]
