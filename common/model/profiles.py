"""Which time profiles hold now, for decisions about permissions: looked at once a minute at the most."""

import threading
from collections.abc import Callable, Mapping
from datetime import tzinfo

from common.model.rules import TimeProfile
from common.model.times import holds

_MINUTE_US = 60_000_000


class ActiveProfiles:
    """An `Active` of `common.model.permissions`. Any thread may ask."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._lock = threading.Lock()
        self._profiles: Mapping[str, TimeProfile] = {}
        self._zone: tzinfo | None = None
        self._answers: dict[str, tuple[int, bool]] = {}

    def replace(self, profiles: Mapping[str, TimeProfile], zone: tzinfo | None) -> None:
        """These are the profiles, by id; times of day are those of `zone`, None: this computer's."""
        with self._lock:
            self._profiles, self._zone = profiles, zone
            self._answers = {}

    def __call__(self, identifier: str) -> bool | None:
        minute = self._now_us() // _MINUTE_US
        with self._lock:
            profile, zone = self._profiles.get(identifier), self._zone
            known = self._answers.get(identifier)
        if profile is None:
            return None
        if known is not None and known[0] == minute:
            return known[1]
        answer = holds(profile, minute * _MINUTE_US, zone)
        with self._lock:
            if self._profiles.get(identifier) is profile:
                self._answers[identifier] = minute, answer
        return answer

    def now(self) -> frozenset[str]:
        """Return the ids of the profiles that hold now."""
        with self._lock:
            known = tuple(self._profiles)
        return frozenset(identifier for identifier in known if self(identifier))
